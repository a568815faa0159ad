"""Could a clock have given these samples? One of nanoseconds neither rounds nor repeats itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from suites.base.records import Series
    from suites.evidence import RunCell

__all__ = ["no_clock_gave"]

# What the client's clock stamps; kernels are timed by devices too, whose steps are coarser.
_STAMPED = {"ttft", "ttfo", "tpot", "e2e", "service_time"}
_SUITES = {"inference", "serving"}
# Fewer may agree by chance.
_TELLING = 8
# A hundredth of a millisecond is ten thousand steps of the clock.
_STEPS_A_MS = 100.0
_DIGITS = 9


def no_clock_gave(cells: Sequence[RunCell]) -> Iterator[tuple[str, str]]:
    """Yield the case and metric of samples that no clock gave, and why; linear in the samples."""
    seen: dict[tuple[object, ...], str] = {}
    for cell in cells:
        for series in cell.result.series:
            stamped = series.metric in _STAMPED and series.suite in _SUITES
            if not stamped or len(series.samples) < _TELLING or min(series.samples) <= 0:
                continue
            place = f"{series.case} {series.metric}"
            if reason := _too_even(series):
                yield place, f"of {cell.name} {reason}"
                continue
            first = series.samples[0]
            shape = (series.metric, *(round(value / first, _DIGITS) for value in series.samples))
            if other := seen.get(shape):
                yield place, f"of {cell.name} are those of {other}, times a number"
            seen.setdefault(shape, f"{series.case} in {cell.name}")


def _too_even(series: Series) -> str:
    samples = series.samples
    if min(samples) == max(samples):
        return f"are {len(samples)} times the same"
    if all((value * _STEPS_A_MS).is_integer() for value in samples):
        return "are of whole hundredths of a millisecond"
    return ""
