"""The clients that `compare` sets ours beside: how each is run, and what it reports.

Each but httpx is installed into an environment of its own; guidellm brings torch, 6 GB of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "CLIENTS",
    "TOKENIZER",
    "TOKENS",
    "Client",
    "SeenRequest",
    "gaps_ms",
    "install",
    "python_of",
]

TOKENS = 64
ROUNDS = 3  # requests of each stream
_INSTALL_LIMIT_S = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request as its client reports it, times in ms.

    Attributes:
        name: what the emitter's log calls it: its response's id, its X-Request-ID, or the time at
            which its first event was sent.
        ttft_ms: from when the client says that it sent it.
        gaps_ms: as many as the client gives.
    """

    name: str
    ttft_ms: float
    gaps_ms: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client to compare with.

    Attributes:
        name: as the table has it.
        package: what is installed for it, "" for nothing.
        arguments: behind its python, from URL, streams and a folder of its own.
        read: what it reported, from its standard output and that folder.
        note: what a reader must know of its figures.
    """

    name: str
    package: str = ""
    arguments: Callable[[str, int, Path], list[str]]
    read: Callable[[str, Path], list[SeenRequest]]
    note: str = ""


def python_of(client: Client, home: Path) -> str:
    """Path of the interpreter the client runs on."""
    return str(home / client.name / "bin" / "python") if client.package else sys.executable


def install(client: Client, home: Path) -> str:
    """Make the client's environment if it has none; return what went wrong, "" for nothing."""
    python = python_of(client, home)
    ready = home / client.name / "installed"
    if not client.package or ready.exists():
        return ""
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(home / client.name)],
        [python, "-m", "pip", "install", "-q", client.package],
    )
    for step in steps:
        try:
            done = subprocess.run(
                step, capture_output=True, text=True, check=False, timeout=_INSTALL_LIMIT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"cannot install: {error}"
        if done.returncode:
            return " ".join(["cannot install:", *done.stderr.strip().splitlines()[-1:]])
    ready.touch()  # last, so that a broken installation is begun again
    return ""


# Ours and the plain ones print, for each request, when it was sent and of each token when it was
# seen and when it was sent.


def _read_pairs(out: str, _: Path) -> list[SeenRequest]:
    answers = json.loads(out)["answers"]
    return [
        SeenRequest(
            name=str(tokens[0][1]),
            ttft_ms=(tokens[0][0] - sent) / 1e6,
            gaps_ms=gaps_ms([seen for seen, _ in tokens]),
        )
        for sent, tokens in answers
    ]


def gaps_ms(times_ns: Sequence[int]) -> list[float]:
    """Every gap between two times of one request."""
    return [(later - earlier) / 1e6 for earlier, later in pairwise(times_ns)]


# Runs as a child like the others, so that start-up and memory count the same.
_OURS = """
import json, sys
from suites.serving.load.outcome import run_point
from suites.serving.load.point import Point
from suites.client.target import Target
url, streams, tokens, rounds = sys.argv[1], *map(int, sys.argv[2:])
point = Point(shape="closed", concurrency=streams, input_tokens=16, output_tokens=tokens,
              requests=(rounds - 1) * streams)
outcome = run_point(Target(url=url, model="emitter"), point, seed=0)
print(json.dumps({"answers": [
    [r.sent_ns, list(zip(r.token_ns, r.truth_ns))] for r in outcome.answered
]}))
"""


def _ours(url: str, streams: int, _: Path) -> list[str]:
    return ["-c", _OURS, url, str(streams), str(TOKENS), str(ROUNDS)]


def _naive(name: str) -> Callable[[str, int, Path], list[str]]:
    script = str(Path(__file__).with_name("naive.py"))

    def arguments(url: str, streams: int, _: Path) -> list[str]:
        size = ["--streams", str(streams), "--tokens", str(TOKENS)]
        return [script, "--client", name, "--url", url, *size]

    return arguments


# A tokenizer both can load without a network; the emitter counts the tokens itself.
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {"type": "WordLevel", "vocab": {"word": 0, "[UNK]": 1}, "unk_token": "[UNK]"},
}


def _guidellm(url: str, streams: int, folder: Path) -> list[str]:
    line = json.dumps({"prompt": "word " * 16, "output_tokens_count": TOKENS})
    (folder / "prompts.jsonl").write_text(f"{line}\n" * streams)
    backend = f"kind=openai_http,target={url},model=emitter,request_format=/v1/completions"
    return [
        *("-m", "guidellm", "run", "--backend", f"{backend},validate_backend=false"),
        *("--profile", f"kind=concurrent,streams={streams}"),
        *("--constraint", f"kind=max_requests,count={ROUNDS * streams}"),
        *("--data", f"kind=json_file,path={folder / 'prompts.jsonl'}"),
        *("--output", f"kind=json,path={folder / 'report.json'}", "--disable-console"),
    ]


def _read_guidellm(_: str, folder: Path) -> list[SeenRequest]:
    report = json.loads((folder / "report.json").read_text())
    return [
        SeenRequest(
            name=request["response_id"],
            ttft_ms=request["time_to_first_token_ms"],
            gaps_ms=[request["inter_token_latency_ms"]],
        )
        for request in report["benchmarks"][0]["requests"]["successful"]
    ]


def _aiperf(url: str, streams: int, folder: Path) -> list[str]:
    line = json.dumps({"text": "word " * 16})
    (folder / "prompts.jsonl").write_text(f"{line}\n" * streams)
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    kind = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind))
    return [
        *("-m", "aiperf", "profile", "-m", "emitter", "--url", url, "--ui", "none"),
        *("--endpoint-type", "completions", "--streaming", "--tokenizer", str(folder)),
        *("--concurrency", str(streams), "--request-count", str(ROUNDS * streams)),
        *("--extra-inputs", f"max_tokens:{TOKENS}", "--custom-dataset-type", "single_turn"),
        *("--input-file", str(folder / "prompts.jsonl"), "--export-level", "records"),
        *("--artifact-dir", str(folder / "artifacts")),
    ]


def _read_aiperf(_: str, folder: Path) -> list[SeenRequest]:
    lines = (folder / "artifacts" / "profile_export.jsonl").read_text().splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [
        SeenRequest(
            name=record["metadata"]["x_request_id"],
            ttft_ms=record["metrics"]["time_to_first_token"]["value"],
            gaps_ms=record["metrics"]["inter_chunk_latency"]["value"],
        )
        for record in records
    ]


CLIENTS = (
    Client(name="fenmark", arguments=_ours, read=_read_pairs),
    Client(
        name="bare",
        arguments=_naive("bare"),
        read=_read_pairs,
        note="no client: a floor; it checks nothing",
    ),
    Client(name="httpx", arguments=_naive("httpx"), read=_read_pairs),
    Client(name="aiohttp", package="aiohttp", arguments=_naive("aiohttp"), read=_read_pairs),
    Client(
        name="guidellm",
        package="guidellm",
        arguments=_guidellm,
        read=_read_guidellm,
        note="ITL is a mean for each request",
    ),
    Client(name="aiperf", package="aiperf", arguments=_aiperf, read=_read_aiperf),
)
