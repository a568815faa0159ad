"""One load spread over several processes, a core each, and their records put together.

A shard is `python -m suites.serving.workers.shard_worker --spec FILE --out FILE`; its result is
a pickle that only the process that started it reads.
"""

from __future__ import annotations

import json
import pickle
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from suites.engines.process import EngineProcess
from suites.serving.load.outcome import LoadOutcome, run_point
from suites.serving.processes.live import (
    EVERY_S,
    Glimpse,
    Show,
    glimpses,
    read_glimpse,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from suites.client.target import Target
    from suites.serving.load.point import Point

__all__ = ["Shard", "check_spec", "merge", "run_shards", "shard_spec", "showing", "split"]

# Time for the shards to see their start signal, so that all begin together.
_HEAD_START_S = 0.2
_READY_WITHIN_S = 60.0


def split(point: Point, shards: int) -> list[Point]:
    """Divide a load evenly; what does not divide goes to the first ones, sessions stay whole.

    There are fewer parts than shards where there are fewer streams, requests or sessions.
    """
    sessions = len({turn.session for turn in point.turns})
    counts = [value for value in (point.concurrency, point.requests, sessions) if value]
    if point.shape == "closed" and point.ramp:
        counts.append(round(point.ramp[0]))
    shards = min([shards, *counts])
    parts = [
        replace(
            point,
            concurrency=_part(point.concurrency, shards, place),
            requests=_part(point.requests, shards, place),
            rate=point.rate / shards,
            ramp=_ramp_part(point, shards, place),
            turns=tuple(turn for turn in point.turns if turn.session % shards == place),
            part=(place, shards),
        )
        for place in range(shards)
    ]
    return [replace(part, requests=len(part.turns)) if part.turns else part for part in parts]


def merge(outcomes: Sequence[LoadOutcome], *, whole: bool = False) -> LoadOutcome:
    """Put shards together: their steady state is the time all of them were in it.

    A trace has no steady state: all of it counts, from the first shard's start (`whole`). Nor has a
    load that was given up.
    """
    gave_up = any(outcome.gave_up for outcome in outcomes)
    first, last = (min, max) if whole or gave_up else (max, min)
    start_ns = first(outcome.start_ns for outcome in outcomes)
    end_ns = last(outcome.end_ns for outcome in outcomes)
    requests = [request for outcome in outcomes for request in outcome.requests]
    requests.sort(key=lambda request: request.sent_ns)
    numbered = [replace(request, index=index) for index, request in enumerate(requests)]
    return LoadOutcome(
        requests=numbered,
        start_ns=start_ns,
        end_ns=end_ns,
        # The busiest shard is the one that distorts.
        cpu_share=max(outcome.cpu_share for outcome in outcomes),
        events=sum(
            start_ns <= stamp <= end_ns for request in requests for stamp in request.token_ns
        ),
        parse_s=sum(outcome.parse_s for outcome in outcomes),
        lag_ms=[lag for outcome in outcomes for lag in outcome.lag_ms],
        reconnects=sum(outcome.reconnects for outcome in outcomes),
        gave_up=gave_up,
    )


def run_shards(
    target: Target,
    point: Point,
    *,
    seed: int | str,
    shards: int,
    show: Show | None = None,
) -> LoadOutcome:
    """Run a point in this process or, with more shards than one, in as many processes.

    `show` sees the load once a second.

    Raises:
        CheckError: a shard failed.
        UserError: see `run_point`.
    """
    parts = split(point, shards)
    if len(parts) == 1:
        return run_point(target, point, seed=seed, watch=show and glimpses(point, show))
    with tempfile.TemporaryDirectory(prefix="fenmark-shards-") as folder, ExitStack() as stack:
        started = [
            stack.enter_context(Shard(Path(folder), place, shard_spec(target, part, seed=seed)))
            for place, part in enumerate(parts)
        ]
        for shard in started:
            shard.ready()
        start_ns = time.monotonic_ns() + int(_HEAD_START_S * 1e9)
        for shard in started:
            shard.start(start_ns)
        with showing([shard.glimpse for shard in started], show):
            outcomes = [shard.result() for shard in started]
        return merge(outcomes, whole=point.shape == "replay")


class Shard:
    """A part of a load in a process of its own, which waits until it is told when to start."""

    def __init__(self, folder: Path, place: int, spec: dict[str, Any]) -> None:
        """Describe it: its files are in `folder`, its spec is for `run_spec`."""
        self._spec = spec
        self._spec_file = folder / f"{place}.json"
        self._out = folder / f"{place}.pickle"
        self._name = f"load process {place}"
        self._process: EngineProcess | None = None

    def __enter__(self) -> Self:
        self._spec_file.touch(mode=0o600)  # it may hold an API key
        self._spec_file.write_text(json.dumps(self._spec))
        command = [sys.executable, "-m", "suites.serving.workers.shard_worker"]
        command += ["--spec", str(self._spec_file), "--out", str(self._out)]
        self._process = EngineProcess(command, name=self._name, ready_within_s=_READY_WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; harmless when it has ended."""
        if self._process:
            self._process.stop()

    def ready(self) -> None:
        """Wait until it can start.

        Raises:
            CheckError: it cannot.
        """
        if self._process:
            self._process.ready()

    def start(self, at_ns: int) -> None:
        """Say when, on this machine's monotonic clock."""
        signal = start_file(self._out)
        partial = signal.with_suffix(".start-partial")
        partial.write_text(str(at_ns))
        partial.replace(signal)

    def glimpse(self) -> Glimpse:
        """How far it is."""
        return read_glimpse(live_file(self._out))

    def result(self) -> Any:
        """Wait for its end: an `LoadOutcome`, or the `Instrument` of a check.

        Raises:
            CheckError: it failed.
        """
        if self._process:
            self._process.wait_for(self._out)
        return pickle.loads(self._out.read_bytes())  # noqa: S301 - ours


def shard_spec(target: Target, point: Point, *, seed: int | str) -> dict[str, Any]:
    """Everything a shard needs, as plain JSON; it may hold an API key."""
    return {"target": target.to_json(), "point": asdict(point), "seed": seed}


def check_spec(
    point: Point, *, events_per_s: float, duration_s: float, seed: int
) -> dict[str, Any]:
    """Let a shard check itself, with an emitter beside it, in place of running a load."""
    check = {"events_per_s": events_per_s, "duration_s": duration_s, "seed": seed}
    return {"point": asdict(point), "check": check}


@contextmanager
def showing(glimpses: Sequence[Callable[[], Glimpse]], show: Show | None) -> Iterator[None]:
    """Show how far the parts are, from a thread of its own, until the context ends."""
    if show is None:
        yield
        return
    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY_S):
            show(together([glimpse() for glimpse in glimpses]))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def live_file(out: Path) -> Path:
    return out.with_suffix(".live")


def start_file(out: Path) -> Path:
    return out.with_suffix(".start")


def _ramp_part(point: Point, shards: int, place: int) -> tuple[float, ...]:
    if point.shape == "closed":
        return tuple(float(_part(round(streams), shards, place)) for streams in point.ramp)
    return tuple(rate / shards for rate in point.ramp)


def _part(total: int, shards: int, place: int) -> int:
    return total // shards + (place < total % shards)
