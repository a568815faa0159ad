"""Our client beside others, against the emitter that says what it sent.

`python -m suites.serving.bench.compare --streams 64,512`: client on one core, emitter on another.
Peers are installed into folders of their own; one that cannot run is listed with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from suites.base.errors import UserError
from suites.serving.bench import known_queue, misled
from suites.serving.bench.peers import (
    CLIENTS,
    TOKENS,
    Client,
    SeenRequest,
    gaps_ms,
    install,
    python_of,
)
from suites.serving.bench.saturation import LOADS, print_table, saturate
from suites.serving.instrument.emitter import Emitter, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Comparison", "compare"]

_SCHEDULE = Schedule(ttft_ms=20, itl_ms=20)
# A client that takes longer, start included, has failed: the whole table stays within minutes.
_LIMIT_S = 75.0
_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One client at one number of streams.

    Attributes:
        cpu_ms_per_1000_events: all its processes, imports and reading included.
        ttft_error_p50, ttft_error_p99: percentile seen against percentile sent, relative.
        itl_error_p50_ms, itl_error_p99_ms: the same for gaps, in ms.
        start_s: from starting the process to the emitter receiving its first request.
        memory_mb: largest resident size of all its processes together.
        note: what a reader must know of the figures.
        problem: why there are no figures, "" when there are.
    """

    client: str = ""
    streams: int = 0
    cpu_ms_per_1000_events: float = 0.0
    ttft_error_p50: float = 0.0
    ttft_error_p99: float = 0.0
    itl_error_p50_ms: float = 0.0
    itl_error_p99_ms: float = 0.0
    start_s: float = 0.0
    memory_mb: float = 0.0
    note: str = ""
    problem: str = ""


def compare(streams: Sequence[int], home: Path, clients: Sequence[Client]) -> list[Comparison]:
    """Run every client at every number of streams; `home` holds their environments.

    Raises:
        UserError: fewer than two cores.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UserError("one core only", where="compare", expected="a core for each side")
    home.mkdir(parents=True, exist_ok=True)
    problems = {client.name: install(client, home) for client in clients}
    return [
        Comparison(client=client.name, streams=count, problem=problems[client.name])
        if problems[client.name]
        else _run(client, python_of(client, home), count, cores=(cores[0], cores[-1]))
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
            ended = _watched(["taskset", "-c", str(cores[0]), *command], folder)
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
        note=client.note,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """What a finished client used, all its processes together."""

    cpu_s: float = 0.0
    memory_mb: float = 0.0
    problem: str = ""


def _watched(command: Sequence[str], folder: Path) -> _Ended:
    """Run a client to its end or its limit, and leave no process of it behind."""
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        # A folder of its own: clients leave files where they stand.
        child = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder
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
        cpu_s=usage.ru_utime + usage.ru_stime, memory_mb=largest[0] / 2**20, problem=problem
    )


def _tree(leader: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(leader)
        return [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return []


def _look(leader: int, over: threading.Event, largest: list[int]) -> None:
    """Keep the largest sum of resident sizes seen."""
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
        LookupError: the client reports none, or one the emitter never had.
    """
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


def _print(results: Sequence[Comparison]) -> None:
    from rich.table import Table

    from suites.base.terminal import Terminal

    table = Table("client", "streams", "CPU ms / 1,000 events", "TTFT error p50", "p99", box=None)
    for heading in ("ITL error p50, ms", "p99, ms", "start, s", "memory, MB", ""):
        table.add_column(heading)
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
            f"{r.start_s:.2f}",
            f"{r.memory_mb:.0f}",
            r.note,
        )
    terminal = Terminal(piped=150)
    terminal.show(table)
    load_1min = os.getloadavg()[0]
    terminal.say(
        f"{TOKENS} tokens a request every {_SCHEDULE.itl_ms:g} ms; load of the machine "
        f"{load_1min:.1f}. Truth is one for all: the emitter's log, request by request, from the "
        "kernel's stamp of the request's arrival to the time each event was handed to the kernel. "
        "Ours, httpx and aiohttp leave out the first round, which opens connections."
    )


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", default="64,512")
    parser.add_argument("--folder", type=Path, default=Path(".nox/peers"))
    parser.add_argument(
        "--without-peers",
        action="store_true",
        help="without vllm, sglang, guidellm and aiperf: gigabytes",
    )
    parser.add_argument("--clients", help="only these, comma-separated")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.clients.split(",") if options.clients else [c.name for c in CLIENTS]
    if options.without_peers:
        names = [name for name in names if name not in {"guidellm", "aiperf"}]
    chosen = [client for client in CLIENTS if client.name in names]
    try:
        results = compare(
            [int(part) for part in options.streams.split(",")], options.folder.absolute(), chosen
        )
    except UserError as error:
        sys.exit(str(error))
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
    else:
        _print(results)
        if not options.clients:
            print()
            print_table([saturate(load) for load in LOADS])
            print()
            left_out = misled.LARGE if options.without_peers else ()
            chosen_too = [client for client in misled.CLIENTS if client.name not in left_out]
            misled.print_table(misled.misled(options.folder.absolute(), chosen_too))
            print()
            known_queue.print_table(*known_queue.steps())


if __name__ == "__main__":
    _main()
