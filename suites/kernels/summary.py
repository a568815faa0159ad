"""From the series of several processes to the rows that are signed."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

from suites.base.records import Row
from suites.base.statistics import Interval, between_processes
from suites.kernels.roofline import Roofline, RooflinePoint, datasheet_roofline, measured_roofline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suites.base.records import CellResult, Label, Series

__all__ = ["summarize"]

# Labels that differ from process to process: the row gives their sum or drops them.
_PER_PROCESS = {"blocks_disturbed", "calls_per_block", "stopped_because", "flops", "bytes"}


def summarize(results: Sequence[CellResult]) -> list[Row]:
    """Combine processes: median of process medians, interval from the spread between them.

    Each case gives its time and its attained rate; each device gives its measured limits. Where
    probes saw the machine's speed change around a process, every interval reaches as far to both
    sides: nobody knows at which of the two speeds a case ran.
    """
    change = max((result.facts.get("speed_change", 0.0) for result in results), default=0.0)
    by_case: dict[str, list[Series]] = {}
    for result in results:
        for series in result.series:
            by_case.setdefault(series.case, []).append(series)
    times = {case: _time(runs, change) for case, runs in by_case.items()}
    points = {case: _point(runs[0], times[case].value) for case, runs in by_case.items()}
    roofs = {place: _roof(points.values(), place) for place in {p.place for p in points.values()}}
    sheet = datasheet_roofline(results[0].facts.get("datasheet", {})) if results else None
    rows = []
    for case, runs in by_case.items():
        point = points[case]
        shares = {"measured": roofs[point.place].share(point)}
        shares |= {"datasheet": sheet.share(point)} if sheet else {}
        rows += _case_rows(runs, times[case], point, roofs[point.place], shares)
    for place, roof in sorted(roofs.items()):
        rows += _limit_rows(place, roof, points, times)
    if change:
        told: dict[str, Label] = {"speed_change": round(change, 4)}
        rows = [replace(row, labels={**row.labels, **told}) for row in rows]
    return rows


def _time(series: Sequence[Series], change: float) -> Interval:
    """Milliseconds of one call; the interval holds both speeds, one `change` below the other."""
    seen = between_processes([statistics.median(process.samples) for process in series])
    if seen.low is None or seen.high is None:
        return seen
    slow, fast = seen.value / (1 - change), seen.value * (1 - change)
    return replace(seen, low=min(seen.low, fast), high=max(seen.high, slow))


def _point(series: Series, time_ms: float) -> RooflinePoint:
    labels = series.labels
    return RooflinePoint(
        case=series.case,
        family=str(labels["family"]),
        dtype=str(labels["dtype"]),
        cache="hot" if labels["cache"] == "hot" else "cold",
        place=_place(str(labels["backend"])),
        flops=float(labels["flops"]),
        bytes=float(labels["bytes"]),
        seconds=time_ms / 1e3,
    )


def _place(backend: str) -> str:
    """Device of a backend: "cpu", or the device part of its name."""
    if backend == "cupy":
        return "cuda"
    return backend.partition(":")[2] or "cpu"


def _roof(points: Iterable[RooflinePoint], place: str) -> Roofline:
    return measured_roofline(point for point in points if point.place == place)


def _case_rows(
    series: Sequence[Series],
    time: Interval,
    point: RooflinePoint,
    roof: Roofline,
    shares: dict[str, float | None],
) -> list[Row]:
    bound = roof.bound(point)
    rate = _rate(point, time, bound)
    labels: dict[str, Label] = {
        key: value for key, value in series[0].labels.items() if key not in _PER_PROCESS
    }
    stops = {str(process.labels["stopped_because"]) for process in series}
    labels |= {
        "bound": bound,
        "attained": rate.value,
        "attained_unit": "TFLOP/s" if bound == "compute" else "GB/s",
        "stopped_because": "converged" if stops == {"converged"} else "cap",
        "blocks": sum(len(process.samples) for process in series),
        "blocks_disturbed": sum(int(process.labels["blocks_disturbed"]) for process in series),
        "intensity_flop_per_byte": point.intensity,
    }
    balance = roof.balance(point.dtype, point.cache)
    for kind, share in shares.items():
        if share is not None:
            labels[f"share_of_{kind}_roofline"] = share
    if balance is not None:
        labels["machine_balance_flop_per_byte"] = balance
    metric = "compute_rate" if bound == "compute" else "bandwidth"
    return [
        _row(point.case, "time", "ms", time, labels),
        _row(point.case, metric, str(labels["attained_unit"]), rate, labels),
    ]


def _rate(point: RooflinePoint, time: Interval, bound: str) -> Interval:
    """TFLOP/s or GB/s; the ends of the time's interval change places."""
    work = point.flops / 1e12 if bound == "compute" else point.bytes / 1e9

    def rate(time_ms: float | None) -> float | None:
        return None if time_ms is None else work / (time_ms / 1e3)

    return Interval(work / point.seconds, rate(time.high), rate(time.low), time.n)


def _limit_rows(
    place: str, roof: Roofline, points: dict[str, RooflinePoint], times: dict[str, Interval]
) -> list[Row]:
    rows = []
    for dtype, (_, case) in roof.peaks.items():
        rate = _rate(points[case], times[case], "compute")
        labels: dict[str, Label] = {"dtype": dtype, "reached_by": case, "place": place}
        balance = roof.balance(dtype)
        if balance is not None:
            labels["machine_balance_flop_per_byte"] = balance
        name = f"roofline/{place}/peak/{dtype}"
        rows.append(_row(name, "compute_rate", "TFLOP/s", rate, labels))
    for cache, (_, case) in roof.bandwidths.items():
        rate = _rate(points[case], times[case], "memory")
        level = "memory" if cache == "cold" else "last_level_cache"
        labels = {"cache": cache, "reached_by": case, "place": place}
        rows.append(_row(f"roofline/{place}/{level}", "bandwidth", "GB/s", rate, labels))
    return rows


def _row(case: str, metric: str, unit: str, interval: Interval, labels: dict[str, Label]) -> Row:
    return Row(
        suite="kernels",
        case=case,
        metric=metric,
        unit=unit,
        value=interval.value,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        method="measured",
        labels=dict(labels),
    )
