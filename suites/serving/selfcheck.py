"""The instrument measures itself: the same client against a server that says what it sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.serving.emitter import Emitter, Schedule
from suites.serving.shard import run_shards
from suites.serving.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.serving.outcome import Outcome
    from suites.serving.point import Point

__all__ = ["Error", "Instrument", "check", "read_instrument", "worst"]

# Short answers give several first tokens per stream and second.
_OUTPUT_TOKENS = 24
# In an open loop the rate of events is set by the arrivals; the pace within a stream is usual.
_OPEN_ITL_MS = 20.0
# A client that served one event this much later than it was sent has stalled.
_STALL_MS = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """How far the client's figure lay from the truth, absolute, in ms."""

    p50: float
    p99: float
    max: float
    n: int

    @classmethod
    def of(cls, errors_ms: Sequence[float]) -> Error:
        """Sum up; no errors at all count as infinitely unknown, so n is 0 and the figures too."""
        if not len(errors_ms):
            return cls(p50=0.0, p99=0.0, max=0.0, n=0)
        sizes = np.abs(np.asarray(errors_ms))
        p50, p99 = np.percentile(sizes, [50, 99], method="inverted_cdf")
        return cls(p50=float(p50), p99=float(p99), max=float(sizes.max()), n=len(sizes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """The client's own error at one load.

    Attributes:
        ttft, itl, tpot: errors of the three.
        stalls: events served more than 50 ms after they were sent.
        cpu_share: cores the client used; above one half it is close to its limit.
        events_per_s: rate the check ran at.
        cpu_ms_per_1000_events: processor time per thousand events, reading included.
    """

    ttft: Error
    itl: Error
    tpot: Error
    stalls: int
    cpu_share: float
    events_per_s: float
    cpu_ms_per_1000_events: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Instrument:
        errors = {name: Error(**data[name]) for name in ("ttft", "itl", "tpot")}
        return cls(**{**data, **errors})


def check(
    point: Point, *, events_per_s: float, duration_s: float, seed: int, shards: int = 1
) -> Instrument:
    """Drive the emitter as `point` will drive the endpoint, at this rate of events.

    Raises:
        CheckError: the emitter did not start.
    """
    itl_ms = _OPEN_ITL_MS
    short = replace(point, requests=0, duration_s=duration_s, turns=())
    if point.shape == "replay":  # as busy all the time as the trace in its busiest second
        short = replace(short, shape="open")
    if point.shape == "closed":
        itl_ms = point.concurrency / events_per_s * 1e3
        short = replace(short, output_tokens=min(point.output_tokens, _OUTPUT_TOKENS))
    with Emitter(Schedule(ttft_ms=max(5.0, itl_ms), itl_ms=itl_ms)) as emitter:
        target = Target(url=emitter.url, model="emitter")
        return read_instrument(run_shards(target, short, seed=seed, shards=shards))


def read_instrument(outcome: Outcome) -> Instrument:
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


def worst(parts: Sequence[Instrument]) -> Instrument:
    """What hosts that checked themselves at the same time say together: the worst of each."""

    def error(name: str) -> Error:
        errors: list[Error] = [getattr(part, name) for part in parts]
        return Error(
            p50=max(error.p50 for error in errors),
            p99=max(error.p99 for error in errors),
            max=max(error.max for error in errors),
            # One that measured nothing leaves the whole unknown.
            n=sum(error.n for error in errors) if all(error.n for error in errors) else 0,
        )

    return Instrument(
        ttft=error("ttft"),
        itl=error("itl"),
        tpot=error("tpot"),
        stalls=sum(part.stalls for part in parts),
        cpu_share=max(part.cpu_share for part in parts),
        events_per_s=sum(part.events_per_s for part in parts),
        cpu_ms_per_1000_events=max(part.cpu_ms_per_1000_events for part in parts),
    )


def _pairs(seen: Sequence[int], sent: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(seen, sent, strict=True))
