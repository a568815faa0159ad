"""From the processes' samples to one row per case and metric."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from suites.base.records import CellResult, Row, Series
from suites.base.statistics import between_processes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.base.records import Label
    from suites.base.statistics import Interval

__all__ = ["summarize"]

# The client's figure and, beside it, the engine's own clock.
_PAIRS = {"ttft": "engine_ttft", "tpot": "engine_tpot"}


def summarize(results: Sequence[CellResult]) -> list[Row]:
    """Median of process medians, with the interval from their spread.

    Rows of what the engine says of itself have the method "reported"; the client's rows carry
    the difference as `engine_difference_ms`. Rows of a case that was repeated at the end of a
    process carry its second figure over its first as `repeat_ratio`.
    """
    series = [item for result in results for item in result.series]
    ordered = sorted(series, key=lambda item: (item.case, item.metric))
    ratios = _repeat_ratios(results)
    rows = [
        _row(list(group), ratios.get(key, []))
        for key, group in groupby(ordered, lambda s: (s.case, s.metric))
    ]
    engine = {(row.case, row.metric): row.value for row in rows}
    return [
        _with_difference(row, engine.get((row.case, _PAIRS.get(row.metric, "")))) for row in rows
    ]


def _repeat_ratios(results: Sequence[CellResult]) -> dict[tuple[str, str], list[float]]:
    """The last figure over the first, of each process that repeated its first case."""
    ratios: dict[tuple[str, str], list[float]] = {}
    for result in results:
        again = result.facts.get("repeated") or {"case": None, "samples": {}}
        for series in result.series:
            if series.case == again["case"] and series.metric in again["samples"]:
                ratio = median(again["samples"][series.metric]) / median(series.samples)
                ratios.setdefault((series.case, series.metric), []).append(ratio)
    return ratios


def _row(group: list[Series], ratios: Sequence[float]) -> Row:
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
        labels={**first.labels, "processes": len(group), **_repeat(interval, ratios)},
    )


def _repeat(interval: Interval, ratios: Sequence[float]) -> dict[str, Label]:
    """Say how far the repeats lie from the first figures, and whether chance explains it.

    Half the interval of n processes is t·s/√n on the log scale; the difference of two figures
    with that spread s has t·s·√2, and the mean of m such differences t·s·√(2/m).
    """
    if not ratios:
        return {}
    ratio = median(ratios)
    told: dict[str, Label] = {"repeat_ratio": round(ratio, 4)}
    if interval.low and interval.high:
        half = math.log(interval.high / interval.low) / 2
        chance = half * math.sqrt(2 * interval.n / len(ratios))
        told["repeat_agrees"] = abs(math.log(ratio)) <= chance
    return told


def _with_difference(row: Row, engine_ms: float | None) -> Row:
    if engine_ms is None:
        return row
    difference = round(row.value - engine_ms, 3)
    return replace(row, labels={**row.labels, "engine_difference_ms": difference})
