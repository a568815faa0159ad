"""Energy of a window from readings taken around it. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.meters.base import MeterReading

__all__ = ["counter_joules", "counter_to_integral", "max_gap_s", "sampled_joules"]

_NS = 1e9
# Ten times the second over which NVIDIA's sensor averages: its lag is then a tenth at most.
_CROSS_CHECK_S = 10


def counter_joules(readings: Sequence[MeterReading], start_ns: int, end_ns: int) -> float | None:
    """Difference of a running total between two times, interpolated between readings.

    Returns:
        Joules, None if the readings do not reach around the window.

    Raises:
        ValueError: the total fell: the counter was reset, as by a reloaded driver.
    """
    if not _covers(readings, start_ns, end_ns):
        return None
    times = [reading.at_ns for reading in readings]
    totals = [reading.joules or 0.0 for reading in readings]
    used = totals[bisect_right(times, start_ns) - 1 : bisect_left(times, end_ns) + 1]
    if any(after < before for before, after in pairwise(used)):
        raise ValueError("the counter fell: it was reset")
    return _at(times, totals, end_ns) - _at(times, totals, start_ns)


def sampled_joules(readings: Sequence[MeterReading], start_ns: int, end_ns: int) -> float | None:
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
    steps = zip(pairwise(power), pairwise(at), strict=True)
    return sum((p0 + p1) / 2 * (t1 - t0) / _NS for (p0, p1), (t0, t1) in steps)


def counter_to_integral(readings: Sequence[MeterReading]) -> float | None:
    """Joules of the counter over those of the power sensor beside it, over all readings.

    Over the whole recording rather than a window, so that a sensor that averages over a second
    and lags does not speak against a good counter.

    Returns:
        A ratio, None where the two were not read side by side for long enough.

    Raises:
        ValueError: the counter fell.
    """
    both = [r for r in readings if r.joules is not None and r.power_w is not None]
    if len(both) < 2 or both[-1].at_ns - both[0].at_ns < _CROSS_CHECK_S * _NS:
        return None
    start_ns, end_ns = both[0].at_ns, both[-1].at_ns
    counted = counter_joules(both, start_ns, end_ns)
    integral = sampled_joules(both, start_ns, end_ns)
    if counted is None or integral is None:
        return None
    return counted / integral if integral > 0 else None


def max_gap_s(readings: Sequence[MeterReading], start_ns: int, end_ns: int) -> float:
    """Longest time between two readings that touch the window, in seconds."""
    pairs = pairwise(readings)
    gaps = [b.at_ns - a.at_ns for a, b in pairs if b.at_ns > start_ns and a.at_ns < end_ns]
    return max(gaps, default=0) / _NS


def _covers(readings: Sequence[MeterReading], start_ns: int, end_ns: int) -> bool:
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
