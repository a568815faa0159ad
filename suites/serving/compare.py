"""Our client beside others, against the emitter that says what it sent.

`python -m suites.serving.compare --streams 64,512`: client on one core, emitter on another.
aiohttp is installed into a folder of its own; a client that cannot run is listed with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.errors import UserError
from suites.serving.emitter import Emitter, Schedule
from suites.serving.subject import default_cache

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Comparison", "compare"]

_TOKENS = 64
_SCHEDULE = Schedule(ttft_ms=20, itl_ms=20)
_LIMIT_S = 180
# Ours runs as a child like the others, so that start-up and memory count the same.
_OURS = """
import json, resource, sys
from suites.serving.outcome import run_point
from suites.serving.point import Point
from suites.serving.target import Target
url, streams, tokens = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
point = Point(shape="closed", concurrency=streams, input_tokens=16, output_tokens=tokens,
              requests=2 * streams)
outcome = run_point(Target(url=url, model="emitter"), point, seed=0)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "answers": [[r.sent_ns, list(zip(r.token_ns, r.truth_ns))] for r in outcome.answered],
    "cpu_s": usage.ru_utime + usage.ru_stime,
    "events": sum(len(r.token_ns) for r in outcome.requests),
    "memory_mb": usage.ru_maxrss / 1024,
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One client at one number of streams.

    Attributes:
        cpu_ms_per_1000_events: whole process, imports included.
        ttft_error_p50, ttft_error_p99: percentile seen against percentile sent, relative.
        itl_error_p50_ms, itl_error_p99_ms: the same for gaps, in ms.
        memory_mb: largest resident size.
        problem: why there are no figures, "" when there are.
    """

    client: str
    streams: int
    cpu_ms_per_1000_events: float = 0.0
    ttft_error_p50: float = 0.0
    ttft_error_p99: float = 0.0
    itl_error_p50_ms: float = 0.0
    itl_error_p99_ms: float = 0.0
    memory_mb: float = 0.0
    problem: str = ""


def compare(streams: Sequence[int], folder: Path) -> list[Comparison]:
    """Run every client at every number of streams.

    Raises:
        UserError: fewer than two cores.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UserError("one core only", where="compare", expected="a core for each side")
    naive = str(Path(__file__).with_name("naive.py"))
    clients = {
        "fenmark": [sys.executable, "-c", _OURS],
        "httpx": [sys.executable, naive],
        "aiohttp": [
            str(folder / "aiohttp" / "bin" / "python"),
            str(Path(__file__).with_name("naive.py")),
        ],
    }
    problems = {"aiohttp": _install(folder / "aiohttp", "aiohttp")}
    return [
        Comparison(client=name, streams=count, problem=problem)
        if (problem := problems.get(name, ""))
        else _run(name, command, count, client_core=cores[0], emitter_core=cores[-1])
        for count in streams
        for name, command in clients.items()
    ]


def _install(home: Path, package: str) -> str:
    """Make an environment with the package; return what went wrong, "" for nothing."""
    if (home / "bin" / "python").exists():
        return ""
    steps = (
        [sys.executable, "-m", "venv", str(home)],
        [str(home / "bin" / "python"), "-m", "pip", "install", "-q", package],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"cannot install: {done.stderr.strip().splitlines()[-1:]}"
    return ""


def _run(
    name: str, command: Sequence[str], streams: int, *, client_core: int, emitter_core: int
) -> Comparison:
    with Emitter(_SCHEDULE, cpu=emitter_core) as emitter:
        if name == "fenmark":
            arguments = [emitter.url, str(streams), str(_TOKENS)]
        else:
            arguments = ["--client", name, "--url", emitter.url]
            arguments += ["--streams", str(streams), "--tokens", str(_TOKENS)]
        try:
            done = subprocess.run(
                ["taskset", "-c", str(client_core), *command, *arguments],
                capture_output=True,
                text=True,
                check=False,
                timeout=_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Comparison(client=name, streams=streams, problem=str(error))
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        return Comparison(client=name, streams=streams, problem=" ".join(last))
    return _judge(name, streams, json.loads(done.stdout))


def _judge(name: str, streams: int, result: dict[str, Any]) -> Comparison:
    answers = result["answers"]
    ttft_seen = [tokens[0][0] - sent for sent, tokens in answers]
    ttft_true = [tokens[0][1] - sent for sent, tokens in answers]
    gaps_seen = [b[0] - a[0] for _, tokens in answers for a, b in pairwise(tokens)]
    gaps_true = [b[1] - a[1] for _, tokens in answers for a, b in pairwise(tokens)]
    ttft = np.percentile(ttft_seen, [50, 99]) / np.percentile(ttft_true, [50, 99]) - 1
    gaps_ms = (np.percentile(gaps_seen, [50, 99]) - np.percentile(gaps_true, [50, 99])) / 1e6
    return Comparison(
        client=name,
        streams=streams,
        cpu_ms_per_1000_events=result["cpu_s"] * 1e6 / result["events"],
        ttft_error_p50=float(ttft[0]),
        ttft_error_p99=float(ttft[1]),
        itl_error_p50_ms=float(gaps_ms[0]),
        itl_error_p99_ms=float(gaps_ms[1]),
        memory_mb=result["memory_mb"],
    )


def _print(results: Sequence[Comparison]) -> None:
    from rich.console import Console
    from rich.table import Table

    headings = ("client", "streams", "CPU ms / 1,000 events", "TTFT error p50", "p99")
    table = Table(*headings, "ITL error p50, ms", "p99, ms", "memory, MB", box=None)
    for r in results:
        if r.problem:
            table.add_row(r.client, str(r.streams), f"did not run: {r.problem}")
            continue
        table.add_row(
            r.client,
            str(r.streams),
            f"{r.cpu_ms_per_1000_events:.1f}",
            f"{r.ttft_error_p50:+.1%}",
            f"{r.ttft_error_p99:+.1%}",
            f"{r.itl_error_p50_ms:+.2f}",
            f"{r.itl_error_p99_ms:+.2f}",
            f"{r.memory_mb:.0f}",
        )
    Console().print(table)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", default="64,512")
    parser.add_argument("--folder", type=Path, default=default_cache().with_name("peers"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        results = compare([int(part) for part in options.streams.split(",")], options.folder)
    except UserError as error:
        sys.exit(str(error))
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
    else:
        _print(results)


if __name__ == "__main__":
    _main()
