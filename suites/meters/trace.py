"""Energy of a window from readings taken around it. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.meters.base import Reading

__all__ = ["counter_joules", "max_gap_s", "sampled_joules"]

_NS = 1e9


def counter_joules(readings: Sequence[Reading], start_ns: int, end_ns: int) -> float | None:
    """Difference of a running total between two times, interpolated between readings.

    Returns:
        Joules, None if the readings do not reach around the window.
    """
    if not _covers(readings, start_ns, end_ns):
        return None
    times = [reading.at_ns for reading in readings]
    totals = [reading.joules or 0.0 for reading in readings]
    return _at(times, totals, end_ns) - _at(times, totals, start_ns)


def sampled_joules(readings: Sequence[Reading], start_ns: int, end_ns: int) -> float | None:
    """Trapezoid over sampled power, with both edges interpolated.

    Returns:
        Joules, None if the readings do not reach around the window.
    """
    if not _covers(readings, start_ns, end_ns):
        return None
    times = [reading.at_ns for reading in readings]
    powers = [reading.power_w or 0.0 for reading in readings]
    inside = slice(bisect_right(times, start_ns), bisect_left(times, end_ns))
    at = [start_ns, *times[inside], end_ns]
    power = [_at(times, powers, start_ns), *powers[inside], _at(times, powers, end_ns)]
    return sum(
        (power[i] + power[i + 1]) / 2 * (at[i + 1] - at[i]) / _NS for i in range(len(at) - 1)
    )


def max_gap_s(readings: Sequence[Reading], start_ns: int, end_ns: int) -> float:
    """Longest time between two readings that touch the window, in seconds."""
    pairs = pairwise(readings)
    gaps = [b.at_ns - a.at_ns for a, b in pairs if b.at_ns > start_ns and a.at_ns < end_ns]
    return max(gaps, default=0) / _NS


def _covers(readings: Sequence[Reading], start_ns: int, end_ns: int) -> bool:
    return (
        len(readings) > 1
        and start_ns <= end_ns
        and readings[0].at_ns <= start_ns
        and end_ns <= readings[-1].at_ns
    )


def _at(times: Sequence[int], values: Sequence[float], at_ns: int) -> float:
    after = min(max(bisect_left(times, at_ns), 1), len(times) - 1)
    t0, t1 = times[after - 1], times[after]
    share = (at_ns - t0) / (t1 - t0) if t1 > t0 else 1.0
    return values[after - 1] + share * (values[after] - values[after - 1])
