"""From the processes' samples to one row per case and metric."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from suites.base.records import CellResult, Row, Series
from suites.base.statistics import between_processes

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["summarize"]

# The client's figure and, beside it, the engine's own clock.
_PAIRS = {"ttft": "engine_ttft", "tpot": "engine_tpot"}


def summarize(results: Sequence[CellResult]) -> list[Row]:
    """Median of process medians, with the interval from their spread.

    Rows of what the engine says of itself have the method "reported"; the client's rows carry
    the difference as `engine_difference_ms`.
    """
    series = [item for result in results for item in result.series]
    ordered = sorted(series, key=lambda item: (item.case, item.metric))
    rows = [_row(list(group)) for _, group in groupby(ordered, lambda s: (s.case, s.metric))]
    engine = {(row.case, row.metric): row.value for row in rows}
    return [
        _with_difference(row, engine.get((row.case, _PAIRS.get(row.metric, "")))) for row in rows
    ]


def _row(group: list[Series]) -> Row:
    first = group[0]
    interval = between_processes([median(series.samples) for series in group])
    return Row(
        suite="inference",
        case=first.case,
        metric=first.metric,
        unit=first.unit,
        value=interval.value,
        low=interval.low,
        high=interval.high,
        n=sum(len(series.samples) for series in group),
        method="reported" if first.metric.startswith("engine_") else "measured",
        labels={**first.labels, "processes": len(group)},
    )


def _with_difference(row: Row, engine_ms: float | None) -> Row:
    if engine_ms is None:
        return row
    difference = round(row.value - engine_ms, 3)
    return replace(row, labels={**row.labels, "engine_difference_ms": difference})
