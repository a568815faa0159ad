"""What `fenmark predict --own` is off by on this machine: `nox -s compare -- own`.

Measures a grid of batches and contexts with llama.cpp as the inference suite does, a server with as
many slots for each batch, in five processes that each draw an order of their own; then leaves each
cell out and predicts it from the others, and each of two models from the other. On one thread of an
idle rented core it takes some ten minutes: no process is begun that would end after `--minutes`.
With neighbours its figures say nothing.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from dataclasses import replace
from statistics import geometric_mean, median
from typing import TYPE_CHECKING

from results.prediction.own import (
    EngineLoad,
    HeldOutLoad,
    OwnEngine,
    Unmeasured,
    held_out,
    is_row,
    kind_of,
    time_of,
)
from results.prediction.own_width import KINDS, covered, errors_of
from suites.base.errors import UserError
from suites.client.subject import subject, subject_spec
from suites.inference.measure import InferenceCase, measure
from suites.inference.order import drawn, servers
from suites.models import load as geometry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["GRID", "cells", "main", "report"]

# Contexts of each batch: some batches at several, the rest where they cost least.
GRID: dict[int, tuple[int, ...]] = {
    1: (64, 256, 768), 2: (64, 512), 3: (64,), 4: (64, 256), 6: (64,), 8: (64,),
}  # fmt: skip
_PROMPTS = (64, 128, 256, 512)
# Of the second model, which is only compared with what the first one says of it.
_SECOND = {1: (64,), 4: (64,)}
_STEPS = 12
_AIMED = {"prefill": 2, "unseen context": 3, "unseen batch": 8, "unseen geometry": 8}


def cells(grid: Mapping[int, Sequence[int]], prompts: Sequence[int]) -> list[InferenceCase]:
    """Decodes of a grid; prompts, and as short ones as the grid's batches have rows."""
    short = [batch for batch in grid if batch > 1]
    return [
        *(_case("decode", context, batch) for batch, own in grid.items() for context in own),
        *(_case("prefill", tokens, 1) for tokens in (1, *short, *prompts)),
    ]


def _case(family: str, tokens: int, batch: int) -> InferenceCase:
    decode = family == "decode"
    return InferenceCase(
        family=family,
        input_tokens=tokens,
        output_tokens=_STEPS if decode else 1,
        batch=batch,
        repeats=1 if decode or tokens > max(GRID) else 5,
    )


def measured(model: str, cases: Sequence[InferenceCase], process: int) -> dict[EngineLoad, float]:
    """Milliseconds of each case in one process: the median of its rounds.

    Raises:
        CheckError: the engine failed. UserError: the model is unknown.
    """
    times: dict[EngineLoad, list[float]] = defaultdict(list)
    spec = subject_spec({"model": model})
    for server in servers(drawn(cases, process), running=False):
        with subject(spec, slots=server.slots, context=server.context) as running:
            for case in server.cases:
                told = measure(
                    running.target, case, seed=str(process), check_alive=running.check_alive
                )
                metric = "tpot" if case.family == "decode" else "ttft"
                samples = next(own.samples for own in told if own.metric == metric)
                load = EngineLoad(
                    "decode" if metric == "tpot" else "prefill", case.batch, case.input_tokens
                )
                times[load].append(median(samples))
    return {load: geometric_mean(own) for load, own in times.items()}


def report(own: OwnEngine, others: Sequence[OwnEngine], spread: float) -> Iterator[str]:
    """Lines that say what each kind of hold-out is off by.

    Args:
        spread: median over cells of the largest over the least of their processes.
    """
    engines = [own, *others]
    yield f"{own.words()}: {len(own.times)} cells; processes differ by ×{spread:.3f}"
    yield f"{'held out':44}{'median %':>10}{'most %':>9}{'of':>5}{'aimed for':>11}"
    for name, errors in _kinds(own, engines):
        off = sorted(abs(held.off) * 100 for held in errors)
        kind = name.partition(",")[0]
        aimed = f"{_AIMED[kind]:>11}" if kind in _AIMED else ""
        told = f"{median(off):>10.1f}{off[-1]:>9.1f}" if off else f"{'-':>10}{'-':>9}"
        yield f"{name:44}{told}{len(off):>5}{aimed}"
    inside, total = covered(own, engines)
    yield f"90% intervals hold {inside} of {total} cells that they do not know"
    yield from (
        f"  {held.kind}, {held.load.phase} of {held.load.tokens}, batch {held.load.batch}: "
        f"{held.off * 100:+.1f}"
        for held in errors_of(own, engines)
    )


def _kinds(own: OwnEngine, engines: Sequence[OwnEngine]) -> Iterator[tuple[str, list[HeldOutLoad]]]:
    errors = errors_of(own, engines)
    for kind in KINDS:
        yield kind, [held for held in errors if held.kind == kind]
    # The same without the short prompts: what batches alone say of each other.
    alone = replace(own, times={at: ms for at, ms in own.times.items() if not is_row(at)})
    yield "unseen batch, without short prompts", _of(alone, "unseen batch")
    yield "unseen batch, all its contexts left out", list(_whole_batches(own))


def _of(own: OwnEngine, kind: str) -> list[HeldOutLoad]:
    return [held for held in held_out(own) if held.kind == kind]


def _whole_batches(own: OwnEngine) -> Iterator[HeldOutLoad]:
    """Leave a batch out at all of its contexts."""
    for batch in sorted({at.batch for at in own.times if at.phase == "decode"}):
        rest = {at: t for at, t in own.times.items() if (at.phase, at.batch) != ("decode", batch)}
        without = replace(own, times=rest)
        for load in own.times.keys() - rest.keys():
            try:
                guess = time_of(without, load)
            except Unmeasured:
                continue
            yield HeldOutLoad(kind_of(without, load), load, guess / own.times[load] - 1)


def _repeated(
    work: Callable[[int], list[dict[EngineLoad, float]]], count: int, minutes: float
) -> list[list[dict[EngineLoad, float]]]:
    """Processes until as many are done, or the next one would end too late."""
    done: list[list[dict[EngineLoad, float]]] = []
    begun, longest = time.monotonic(), 0.0
    for process in range(count):
        started = time.monotonic()
        if done and started - begun + longest > minutes * 60:
            print(f"{len(done)} of {count} processes: {minutes:g} minutes are over")
            break
        done.append(work(process))
        longest = max(longest, time.monotonic() - started)
        print(f"process {process + 1} of {count} took {longest:.0f} s at most", flush=True)
    return done


def _engine(model: str, runs: Sequence[Mapping[EngineLoad, float]]) -> OwnEngine:
    return OwnEngine(
        machine="this machine", engine="llama.cpp", version="as installed", model=model,
        precision="q8_0", times={load: median(run[load] for run in runs) for load in runs[0]},
    )  # fmt: skip


def _spread(runs: Sequence[Mapping[EngineLoad, float]]) -> float:
    of_loads = ([run[load] for run in runs] for load in runs[0])
    return median(max(own) / min(own) for own in of_loads)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print what is held out."""
    parser = argparse.ArgumentParser(prog="nox -s compare -- own", description=__doc__)
    parser.add_argument("--model", default="qwen2.5-0.5b", help="an id of the library")
    parser.add_argument("--second", default="qwen3-0.6b", help="another, or nothing")
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--tiny", action="store_true", help="few cells: to try whether it works")
    asked = parser.parse_args(arguments)
    if asked.processes < 1:
        raise UserError("is none", where="--processes", expected="1 or more")
    names = [name for name in (asked.model, asked.second) if name]
    for name in names:
        geometry_of(name)
    grid = {1: (16, 32), 2: (16,), 3: (16,)} if asked.tiny else GRID
    prompts = (40, 64, 80) if asked.tiny else _PROMPTS
    plans = [cells(grid, prompts), cells({1: grid[1][:1]} if asked.tiny else _SECOND, prompts[:2])]

    def once(process: int) -> list[dict[EngineLoad, float]]:
        return [measured(name, plan, process) for name, plan in zip(names, plans, strict=False)]

    runs = _repeated(once, asked.processes, asked.minutes)
    engines = [_engine(name, [run[place] for run in runs]) for place, name in enumerate(names)]
    spread = _spread([run[0] for run in runs])
    for line in report(engines[0], engines[1:], spread):
        print(line)


if __name__ == "__main__":
    main()
