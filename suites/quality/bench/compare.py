"""Real weights, really quantized, cut and swapped: what the probe says of each.

`python -m suites.quality.bench.compare --runs 50`: small models are trained here (minutes, once),
served by llama.cpp, and asked with other questions and places in every run.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
from gguf import GGMLQuantizationType as Kind

from suites.base import user_folders
from suites.base.files import write_atomically
from suites.client.target import Target
from suites.engines.llamacpp import LlamaCpp, Settings
from suites.engines.weights import read
from suites.quality.asking import Asker
from suites.quality.bench import training
from suites.quality.bench.file import without_layer, write
from suites.quality.bench.shape import shapes
from suites.quality.bench.tokens import vocabulary
from suites.quality.bench.training import LESSONS
from suites.quality.grading import graded
from suites.quality.items import FAMILIES, LEVELS, items
from suites.quality.probe import probe, record
from suites.quality.scores import compared, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from suites.quality.agreement import TokenAgreement
    from suites.quality.bench.shape import Matrix
    from suites.quality.scores import Stratum

    Strata = dict[Stratum, tuple[int, int]]

__all__ = ["main"]

_FIRST, _SIBLING = 1, 2  # seeds
_ANSWER_TOKENS = 64
_CONTEXT = 1024
_OTHER_TEMPLATE = "{% for message in messages %}[INST] {{ message['content'] }} [/INST]{% endfor %}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """A model as it is served.

    Attributes:
        verdict: the one that is right; empty where either of two would be.
        engine: folder with another xllamacpp than the one installed.
    """

    name: str
    tensors: dict[str, Matrix]
    verdict: str = ""
    kind: Kind = Kind.F16
    template: str = ""
    threads: int = 1
    slots: int = 16
    engine: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table; give back 1 where a verdict was not the right one."""
    options = argparse.ArgumentParser(prog="nox -s compare -- quality", description=__doc__)
    options.add_argument("--runs", type=int, default=50)
    options.add_argument("--places", type=int, default=120, help="of each run")
    options.add_argument("--questions", type=int, default=600, help="for the scores, once")
    options.add_argument(
        "--other-engine", default="", help="folder of `pip install --target`: another xllamacpp"
    )
    chosen = options.parse_args(arguments)
    first, sibling = _trained(_FIRST), _trained(_SIBLING)
    with _asked(_Subject(name="F16", tensors=first)) as asker:
        make = partial(record, asker, model="test", weights="", max_tokens=_ANSWER_TOKENS)
        references = [
            make(_seed("reference", run), count=1, places=chosen.places)
            for run in range(chosen.runs)
        ]
        trusted = _answers(asker, _seed("trusted answers"), chosen.questions)
    print(_HEAD, flush=True)
    wrong = 0
    for subject in _subjects(first, sibling, chosen.other_engine):
        with _asked(subject) as asker:
            ask = partial(probe, asker, count=1, max_tokens=_ANSWER_TOKENS)
            told = [
                ask(_seed("asked", run), reference=reference).agreement
                for run, reference in enumerate(references)
            ]
            answers = _answers(asker, _seed("answers"), chosen.questions)
        runs = [run for run in told if run]
        print(_line(subject, runs, answers, trusted), flush=True)
        wrong += sum(subject.verdict not in {"", run.verdict} for run in runs)
    print(f"{wrong} verdicts that are not the right one")
    return int(wrong > 0)


def _subjects(
    first: dict[str, Matrix], sibling: dict[str, Matrix], other_engine: str
) -> list[_Subject]:
    of = partial(_Subject, tensors=first)
    other = [of(name="F16, another engine", verdict="same", engine=other_engine)]
    return [
        *(other if other_engine else []),
        of(name="F16, 2 threads, 3 slots", verdict="same", threads=2, slots=3),
        of(name="Q8_0", verdict="same within quantization", kind=Kind.Q8_0),
        of(name="Q4_K", kind=Kind.Q4_K),
        of(name="Q2_K", verdict="different", kind=Kind.Q2_K),
        _Subject(name="a layer dropped", verdict="different", tensors=without_layer(first, 1)),
        _Subject(name="a sibling", verdict="different", tensors=sibling),
        of(name="another template", verdict="different", template=_OTHER_TEMPLATE),
    ]


@contextmanager
def _asked(subject: _Subject) -> Iterator[Asker]:
    """Serve a model, and give what asks it."""
    settings = Settings(slots=subject.slots, context=_CONTEXT, threads=subject.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        write(path, subject.tensors, subject.kind, subject.template)
        with (
            patch.dict(os.environ, {"PYTHONPATH": subject.engine} if subject.engine else {}),
            LlamaCpp(read(path), settings, model="test") as engine,
        ):
            yield Asker(Target(url=engine.url, model="test", api="chat"))


def _trained(seed: int) -> dict[str, Matrix]:
    """Train a model, or take what was trained before."""
    recipe = (Path(training.__file__).read_text(), shapes(), vocabulary(), seed)
    digest = hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]
    path = user_folders.cache() / "test-models" / f"{digest}.npz"
    if not path.exists():
        tensors = training.train(
            seed,
            lambda step, loss: print(f"model {seed}: step {step}, loss {loss:.2f}", flush=True),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = io.BytesIO()
        np.savez(kept, allow_pickle=False, **tensors)
        write_atomically(path, kept.getvalue())
    with np.load(path) as kept:
        return {name: kept[name] for name in shapes()}


def _answers(asker: Asker, seed: bytes, count: int) -> Strata:
    """Count right answers and answers to questions of the kinds that were taught."""
    of_all = count * len(FAMILIES) * len(LEVELS) // len(LESSONS)
    asked = [item for item in items(seed, of_all) if (item.family, item.level) in LESSONS]
    replies = asker.ask([item.prompt for item in asked], max_tokens=_ANSWER_TOKENS)
    right: Counter[Stratum] = Counter()
    for item, reply in zip(asked, replies, strict=True):
        right[item.family, item.level] += graded(item, reply.text)
    of = Counter((item.family, item.level) for item in asked)
    return {key: (right[key], n) for key, n in of.items()}


def _seed(purpose: str, run: int = 0) -> bytes:
    return hashlib.sha256(f"{purpose} {run}".encode()).digest()[:16]


_HEAD = (
    "| served | verdicts | divergence, nats | likeliest the same | greedy tokens the same "
    "| right | drop, points |\n|---|---|---|---|---|---|---|"
)


def _line(
    subject: _Subject, runs: Sequence[TokenAgreement], answers: Strata, trusted: Strata
) -> str:
    verdicts = Counter(run.verdict for run in runs)
    right = wilson(*(sum(counts[at] for counts in answers.values()) for at in (0, 1)))
    drop = compared(answers, trusted)
    cells = (
        subject.name,
        ", ".join(f"{name} {count}" for name, count in verdicts.most_common()),
        _spread([run.nats for run in runs], ".2g"),
        _spread([run.top for run in runs], ".1%"),
        _spread([(run.prefix or 0) / (run.prefix_of or 1) for run in runs], ".1%"),
        f"{right.score:.1%} [{right.low:.1%}, {right.high:.1%}]",
        f"{drop.drop:.1%} [{drop.low:.1%}, {drop.high:.1%}]: {drop.verdict}",
    )
    return f"| {' | '.join(cells)} |"


def _spread(values: Sequence[float], form: str) -> str:
    """Median of the runs, and the least and the most."""
    ends = (median(values), min(values), max(values))
    middle, low, high = (format(value, form) for value in ends)
    return f"{middle} [{low}, {high}]"


if __name__ == "__main__":
    sys.exit(main())
