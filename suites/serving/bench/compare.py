"""Our client beside others, against the emitter that says what it sent.

`python -m suites.serving.bench.compare --streams 64,512`: client on one core, emitter on another.
Peers have folders of their own, or are named by `--peer NAME=PYTHON`; one that is absent or cannot
run is listed with what installs it, or the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from compileall import compile_dir
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from suites.base.errors import UserError
from suites.serving.bench import known_queue, misled, verdicts
from suites.serving.bench.goals import goal
from suites.serving.bench.peers import (
    CLIENTS,
    TOKENS,
    Client,
    Peers,
    SeenRequest,
    gaps_ms,
)
from suites.serving.bench.saturation import LOADS, print_table, saturate
from suites.serving.instrument.emitter import Emitter, Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Comparison", "compare", "goals", "ratios"]

_SCHEDULE = Schedule(ttft_ms=20, itl_ms=20)
# A client that takes longer, start included, has failed: the whole table stays within minutes.
_LIMIT_S = 75.0
_LOOK_EVERY_S = 0.25
# What ours is to reach: CPU of an event over the bare protocol's in the same run; and where there
# are many streams, errors of TTFT (p50, p99, relative) and of ITL (p99, ms).
_MOST_CPU_RATIO = 1.3
_MANY_STREAMS = 512
_MOST_TTFT_P50, _MOST_TTFT_P99, _MOST_ITL_P99_MS = 0.01, 0.03, 1.0
# A machine with more than this on its mind is busy, and its figures say what it was busy with.
_IDLE_LOAD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One client at one number of streams.

    Attributes:
        cpu_ms_per_1000_events: all its processes, imports and reading included.
        ttft_error_p50, ttft_error_p99: percentile seen against percentile sent, relative.
        itl_error_p50_ms, itl_error_p99_ms: the same for gaps, in ms.
        start_s: from starting the process to the emitter receiving its first request.
        memory_mb: largest resident size of all its processes together.
        kept_ms: that its first process was ready and kept from its core, by other processes or by
            the machine's host; what came meanwhile was seen late, and its errors tell of that too.
        note: what a reader must know of the figures.
        problem: why there are no figures, "" when there are.
        version: of the client, "" for our own and plain ones.
    """

    client: str = ""
    version: str = ""
    streams: int = 0
    cpu_ms_per_1000_events: float = 0.0
    ttft_error_p50: float = 0.0
    ttft_error_p99: float = 0.0
    itl_error_p50_ms: float = 0.0
    itl_error_p99_ms: float = 0.0
    start_s: float = 0.0
    memory_mb: float = 0.0
    kept_ms: float = 0.0
    note: str = ""
    problem: str = ""


def compare(streams: Sequence[int], peers: Peers, clients: Sequence[Client]) -> list[Comparison]:
    """Run every client at every number of streams.

    Raises:
        UserError: fewer than two cores.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UserError("one core only", where="compare", expected="a core for each side")
    missing = {client.name: peers.missing(client) for client in clients}
    versions = {client.name: peers.version(client) for client in clients}
    return [
        Comparison(client=client.name, streams=count, problem=missing[client.name])
        if missing[client.name]
        else replace(
            _run(client, peers.python(client), count, cores=(cores[0], cores[-1])),
            version=versions[client.name],
        )
        for count in streams
        for client in clients
    ]


def _run(client: Client, python: str, streams: int, *, cores: tuple[int, int]) -> Comparison:
    with tempfile.TemporaryDirectory(prefix="fenmark-compare-") as name:
        folder = Path(name)
        log = folder / "emitter.log"
        with Emitter(_SCHEDULE, cpu=cores[1], log=log) as emitter:
            command = [python, *client.arguments(emitter.url, streams, folder)]
            started_ns = monotonic_ns()
            pinned = ["taskset", "-c", str(cores[0]), *command]
            stolen_before_s = _stolen_s(cores[0])
            ended = _watched(pinned, folder, client.environment)
            stolen_s = _stolen_s(cores[0]) - stolen_before_s
        if ended.problem:
            return Comparison(client=client.name, streams=streams, problem=ended.problem[:200])
        try:
            seen = client.read((folder / "out").read_text(), folder)
            log_lines = [json.loads(line) for line in log.read_text().splitlines()]
            matched = _matched(seen, log_lines)
        except (OSError, ValueError, LookupError, TypeError) as error:
            problem = f"its report cannot be read: {error!r}"[:200]
            return Comparison(client=client.name, streams=streams, problem=problem)
    start_s = (min(line["received_ns"] for line in log_lines) - started_ns) / 1e9
    events = sum(len(line["sent_ns"]) for line in log_lines)
    return replace(
        _judge(matched),
        client=client.name,
        streams=streams,
        cpu_ms_per_1000_events=ended.cpu_s * 1e6 / events,
        start_s=start_s,
        memory_mb=ended.memory_mb,
        kept_ms=(ended.waited_s + stolen_s) * 1e3,
        note=client.note,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """What a finished client used, all its processes together; the first alone may have waited."""

    cpu_s: float = 0.0
    memory_mb: float = 0.0
    waited_s: float = 0.0
    problem: str = ""


def _stolen_s(core: int) -> float:
    """How long the host of this machine has kept a core to itself."""
    return float(psutil.cpu_times(percpu=True)[core].steal)


def _waited_s(process: int) -> float:
    """How long a process has waited for a core that others had; 0 where the kernel does not say."""
    with suppress(OSError):
        _, waited_ns, _ = Path(f"/proc/{process}/schedstat").read_text().split()
        return int(waited_ns) / 1e9
    return 0.0


def _watched(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> _Ended:
    """Run a client to its end or its limit, and leave no process of it behind."""
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        # A folder of its own: clients leave files where they stand.
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env={**os.environ, **environment},
        )
    over = threading.Event()

    def stop() -> None:
        over.set()
        for process in _tree(child.pid):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    limit = threading.Timer(_LIMIT_S, stop)
    limit.start()
    largest = [0]
    looking = threading.Thread(target=_look, args=(child.pid, over, largest), daemon=True)
    looking.start()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    waited_s = _waited_s(child.pid)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    limit.cancel()
    too_long = over.is_set()
    over.set()
    looking.join()
    problem = f"took longer than {_LIMIT_S:.0f} s" if too_long else ""
    if child.returncode and not problem:
        last = (folder / "err").read_text(errors="replace").strip().splitlines()[-1:]
        problem = " ".join([f"exit {child.returncode}", *last])
    return _Ended(
        cpu_s=usage.ru_utime + usage.ru_stime,
        memory_mb=largest[0] / 2**20,
        waited_s=waited_s,
        problem=problem,
    )


def _tree(leader: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(leader)
        return [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return []


def _look(leader: int, over: threading.Event, largest: list[int]) -> None:
    """Keep the largest sum of resident sizes seen.

    Going through all processes takes milliseconds. A client that was kept from its core for them
    saw what had come meanwhile late, so this thread takes what others leave of one.
    """
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while not over.wait(_LOOK_EVERY_S):
        total = 0
        for process in _tree(leader):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        largest[0] = max(largest[0], total)


def _matched(
    seen: Sequence[SeenRequest], log: Sequence[dict[str, Any]]
) -> list[tuple[SeenRequest, dict[str, Any]]]:
    """Each request the client reports, with what the emitter says of the same one.

    Raises:
        LookupError: the client reports none, or one the emitter never had; of those without names,
            it reports fewer or more than the emitter had.
    """
    if seen and not any(request.name for request in seen):
        if len(seen) != len(log):
            raise LookupError(f"{len(seen)} of {len(log)} requests reported")
        return list(zip(seen, log, strict=True))  # percentiles of all need no pairs
    by_name = {name: line for line in log for name in (*line["names"], str(line["sent_ns"][0]))}
    if not seen:
        raise LookupError("no request reported")
    return [(request, by_name[request.name]) for request in seen]


def _judge(matched: Sequence[tuple[SeenRequest, dict[str, Any]]]) -> Comparison:
    """Hold percentiles of what the client saw against those of what the emitter sent.

    One truth for all clients and over the same requests: TTFT from the request's arrival in the
    emitter's kernel to the first event's being handed to it, gaps between events handed to it.
    """
    ttft_true = [(line["sent_ns"][0] - line["received_ns"]) / 1e6 for _, line in matched]
    ttft, ttft_sent = (_p50_p99(v) for v in ([seen.ttft_ms for seen, _ in matched], ttft_true))
    gaps = [gap for seen, _ in matched for gap in seen.gaps_ms]
    gaps_true = [gap for _, line in matched for gap in gaps_ms(line["sent_ns"])]
    itl, itl_sent = _p50_p99(gaps), _p50_p99(gaps_true)
    return Comparison(
        ttft_error_p50=ttft[0] / ttft_sent[0] - 1,
        ttft_error_p99=ttft[1] / ttft_sent[1] - 1,
        itl_error_p50_ms=itl[0] - itl_sent[0],
        itl_error_p99_ms=itl[1] - itl_sent[1],
    )


def _p50_p99(values: Sequence[float]) -> tuple[float, float]:
    p50, p99 = np.percentile(values, [50, 99])
    return float(p50), float(p99)


def goals(results: Sequence[Comparison]) -> list[str]:
    """Say of each number that ours is to reach whether it did, one line each."""
    lines = []
    ran = {(r.client, r.streams): r for r in results if not r.problem}
    for (client, streams), r in ran.items():
        if client != "fenmark":
            continue
        told = []
        if bare := ran.get(("bare", streams)):
            ratio = r.cpu_ms_per_1000_events / bare.cpu_ms_per_1000_events
            told.append((f"CPU an event {ratio:.2f} × bare", ratio <= _MOST_CPU_RATIO, "1.3"))
        if streams == _MANY_STREAMS:
            p50, p99, itl = abs(r.ttft_error_p50), abs(r.ttft_error_p99), abs(r.itl_error_p99_ms)
            told += [
                (f"TTFT error p50 {p50:.1%}", p50 <= _MOST_TTFT_P50, "1%"),
                (f"TTFT error p99 {p99:.1%}", p99 <= _MOST_TTFT_P99, "3%"),
                (f"ITL error p99 {itl:.2f} ms", itl <= _MOST_ITL_P99_MS, "1 ms"),
            ]
        lines += [
            goal(f"{streams} streams: {what}", f"{most} at most", met=met)
            for what, met, most in told
        ]
    return lines


def ratios(results: Sequence[Comparison]) -> list[str]:
    """Ours over each other client of the same run, a line for each number of streams."""
    ran = {(r.client, r.streams): r for r in results if not r.problem}
    lines = []
    for streams in dict.fromkeys(r.streams for r in results):
        if not (fenmark := ran.pop(("fenmark", streams), None)):
            continue
        others = [r for (_, count), r in ran.items() if count == streams]
        cpu = [
            f"{fenmark.cpu_ms_per_1000_events / r.cpu_ms_per_1000_events:.2g} × {_named(r)}"
            for r in others
        ]
        lines += [f"{streams} streams, CPU of an event: ours is {', '.join(cpu)}"] * bool(cpu)
    return lines


def _named(result: Comparison) -> str:
    return f"{result.client} {result.version}".strip()


def _print(results: Sequence[Comparison], load: float) -> None:
    from rich.table import Table

    from suites.base.terminal import Terminal

    table = Table("client", "streams", "CPU ms / 1,000 events", "TTFT error p50", "p99", box=None)
    for heading in ("ITL error p50, ms", "p99, ms", "start, s", "memory, MB", "kept, ms", ""):
        table.add_column(heading)
    absent = dict.fromkeys(
        f"{r.client} is {r.problem}" for r in results if r.problem.startswith("absent")
    )
    for r in results:
        if r.problem.startswith("absent"):
            continue
        client = _named(r)
        if r.problem:
            table.add_row(client, str(r.streams), f"did not run: {r.problem}")
            continue
        table.add_row(
            client,
            str(r.streams),
            f"{r.cpu_ms_per_1000_events:.1f}",
            f"{r.ttft_error_p50:+.1%}",
            f"{r.ttft_error_p99:+.1%}",
            f"{r.itl_error_p50_ms:+.2f}",
            f"{r.itl_error_p99_ms:+.2f}",
            f"{r.start_s:.2f}",
            f"{r.memory_mb:.0f}",
            f"{r.kept_ms:.0f}",
            r.note,
        )
    terminal = Terminal(piped=150)
    terminal.show(table)
    for line in (*absent, *ratios(results), *goals(results)):
        terminal.say(line)
    busy = "idle" if load <= _IDLE_LOAD else "busy, so errors and CPU are not the client's alone"
    terminal.say(
        f"{TOKENS} tokens a request every {_SCHEDULE.itl_ms:g} ms; the machine was {busy} (load "
        f"{load:.1f} before). One truth for all: the emitter's log, request by request, from the "
        "kernel's stamp of the request's arrival to the time each event was handed to the kernel. "
        "Kept: how long the client was ready and others had its core; it saw late what came then. "
        "Ours, httpx and aiohttp leave out the first round, which opens connections."
    )


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", default="64,512")
    Peers.add_options(parser)
    parser.add_argument("--clients", help="only these, comma-separated")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.clients.split(",") if options.clients else [c.name for c in CLIENTS]
    chosen = [client for client in CLIENTS if client.name in names]
    load_1min = os.getloadavg()[0]
    # As an installed package is, the peers' among them.
    compile_dir(Path(__file__).parents[2], quiet=2)
    try:
        peers = Peers.from_options(options)
        results = compare([int(part) for part in options.streams.split(",")], peers, chosen)
    except UserError as error:
        sys.exit(str(error))
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
    else:
        _print(results, load_1min)
        if not options.clients:
            print()
            print_table([saturate(load) for load in LOADS])
            print()
            misled.print_table(misled.misled(peers, misled.CLIENTS))
            print()
            known_queue.print_table(*known_queue.steps())
            print()
            print(verdicts.summed_up())


if __name__ == "__main__":
    _main()
