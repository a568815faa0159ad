"""How another host's monotonic clock stands to ours, by asking it the time over and over."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ClockOffset", "ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """A host's clock beside ours.

    Attributes:
        offset_ns: its monotonic clock less ours.
        error_ns: the offset is known to within this much either way.
        asked: how often it was asked the time.
    """

    offset_ns: int
    error_ns: int
    asked: int

    @classmethod
    def between(cls, before: ClockOffset, after: ClockOffset) -> Self:
        """Join two readings, before a load and after it: what it drifted in between is error."""
        drift_ns = abs(after.offset_ns - before.offset_ns)
        return cls(
            offset_ns=(before.offset_ns + after.offset_ns) // 2,
            error_ns=max(before.error_ns, after.error_ns) + (drift_ns + 1) // 2,
            asked=before.asked + after.asked,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def ask(their_time_ns: Callable[[], int], times: int) -> ClockOffset:
    """Ask a host the time and keep the answer with the shortest round trip.

    It read its clock at some moment of that round trip, so the middle is wrong by half of it at
    most, however unequal the two ways are (Cristian, Distributed Computing 3, 1989).
    """
    readings = []
    for _ in range(times):
        before = monotonic_ns()
        their_ns = their_time_ns()
        after = monotonic_ns()
        readings.append((after - before, their_ns - (before + after) // 2))
    round_trip_ns, offset_ns = min(readings)
    return ClockOffset(offset_ns=offset_ns, error_ns=(round_trip_ns + 1) // 2, asked=times)
