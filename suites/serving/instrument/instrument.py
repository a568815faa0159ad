"""The client's own error: what it is, and the worst of several."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Error", "Instrument", "worst"]


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
