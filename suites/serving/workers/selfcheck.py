"""The instrument measures itself: the same client against a server that says what it sent."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from suites.client.target import Target
from suites.serving.instrument.emitter import Emitter, Schedule
from suites.serving.instrument.instrument import Error, Instrument
from suites.serving.processes.shard import run_shards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.serving.load.outcome import LoadOutcome
    from suites.serving.load.point import Point

__all__ = ["check", "read_instrument"]

# Short answers give several first tokens per stream and second.
_OUTPUT_TOKENS = 24
# In an open loop the rate of events is set by the arrivals; the pace within a stream is usual.
_OPEN_ITL_MS = 20.0
# A client that served one event this much later than it was sent has stalled.
_STALL_MS = 50.0


def check(
    point: Point, *, events_per_s: float, duration_s: float, seed: int, shards: int = 1
) -> Instrument:
    """Drive the emitter as `point` will drive the endpoint, at this rate of events.

    Raises:
        CheckError: the emitter did not start.
    """
    itl_ms = _OPEN_ITL_MS
    plain: dict[str, Any] = {
        "turns": (),
        "lengths": (),
        "ramp": (),
        "lora_mix": (),
        "media": None,
        "hidden": None,
    }
    short = replace(point, requests=0, duration_s=duration_s, **plain)
    if point.sessions:  # with all that can be in flight, and no pauses
        streams = point.concurrency * point.sessions.in_flight
        short = replace(short, shape="closed", concurrency=streams, sessions=None)
    if point.shape == "replay":  # as busy all the time as the trace in its busiest second
        short = replace(short, shape="open")
    if short.shape == "closed":
        itl_ms = short.concurrency / events_per_s * 1e3
        short = replace(short, output_tokens=min(point.output_tokens, _OUTPUT_TOKENS))
    with Emitter(Schedule(ttft_ms=max(5.0, itl_ms), itl_ms=itl_ms)) as emitter:
        target = Target(url=emitter.url, model="emitter")
        return read_instrument(run_shards(target, short, seed=seed, shards=shards))


def read_instrument(outcome: LoadOutcome) -> Instrument:
    """Compare what the client saw with what the emitter said it sent."""
    ttft: list[float] = []
    itl: list[float] = []
    tpot: list[float] = []
    for request in outcome.answered:
        late = [(seen - sent) / 1e6 for seen, sent in _pairs(request.token_ns, request.truth_ns)]
        ttft.append(late[0])
        # The gap's error is the difference of two delays.
        itl += [after - before for before, after in pairwise(late)]
        tpot.append((late[-1] - late[0]) / max(1, len(late) - 1))
    delays = (
        (seen - sent) / 1e6
        for request in outcome.requests
        for seen, sent in zip(request.token_ns, request.truth_ns, strict=False)
    )
    cpu_s = outcome.cpu_share * outcome.duration_s
    share_parsed = outcome.events / max(1, sum(len(r.token_ns) for r in outcome.requests))
    return Instrument(
        ttft=Error.of(ttft),
        itl=Error.of(itl),
        tpot=Error.of(tpot),
        stalls=sum(delay > _STALL_MS for delay in delays),
        cpu_share=outcome.cpu_share,
        events_per_s=outcome.events / outcome.duration_s,
        cpu_ms_per_1000_events=(cpu_s + outcome.parse_s * share_parsed)
        * 1e6
        / max(1, outcome.events),
    )


def _pairs(seen: Sequence[int], sent: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(seen, sent, strict=True))
