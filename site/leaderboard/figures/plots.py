"""Which charts the pages have: curves with their Pareto front, and the measured roofline."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from leaderboard.base.text import figure
from leaderboard.figures.chart import Axis, Chart, Mark, MarkSeries, draw
from leaderboard.figures.figures import LEAST, MOST
from leaderboard.figures.rows import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from markupsafe import Markup

    from leaderboard.figures.figures import BoardPoint, Figure
    from leaderboard.figures.rows import PageRow
    from leaderboard.words import Words

__all__ = ["DRAWN", "curve", "measured", "pareto", "roofline"]

# What a curve reads of rows before it knows which it draws.
DRAWN = (
    *("ranks", "suite"),
    *("digest", "interactivity", "throughput", "chips", "conditions"),
)
# More series than colours and shapes cannot be told apart; the table has them all.
_MAX_SERIES = 6


def curve(
    _: Words,
    rows: pd.DataFrame,
    root: str,
    pen: Callable[[Chart], Markup] = draw,
    *,
    of: pd.DataFrame | None = None,
) -> tuple[Markup, list[PageRow]] | None:
    """Draw output throughput per chip against interactivity, one series per run and engine.

    Points are joined by straight lines within one run; nothing between them was measured. The
    dashed line is the Pareto front: no measured point is better in both; rows under conditions of
    their own bound none.

    Args:
        rows: with the columns `DRAWN`.
        pen: draws, as `chart.draw` does.
        of: has the same rows with all columns, where they have not.

    Returns:
        The chart and the rows whose points it shows; None where nothing was measured.
    """
    told = is_measured(rows)
    # A row has a hundred columns: whole ones are taken of the runs that are drawn.
    points = rows.loc[told, list(DRAWN)]
    if not len(points):
        return None
    per_chip = points["throughput"] / points["chips"]
    best = points[["digest"]].assign(best=per_chip)
    best = best.sort_values(["best", "digest"], ascending=[False, True]).drop_duplicates("digest")
    runs: dict[str, list[PageRow]] = {digest: [] for digest in best["digest"][:_MAX_SERIES]}
    places = rows.index[told & rows["digest"].isin(runs)]
    drawn = shown((rows if of is None else of).loc[places], _.lang)
    for row in drawn:
        runs[row.digest].append(row)
    series = [
        MarkSeries(
            name=f"{_sized(_, own[0])} · {own[0].precision} · {digest[:8]}",
            joined=True,
            marks=sorted((_curve_mark(_, row, root) for row in own), key=lambda mark: mark.x),
        )
        for digest, own in runs.items()
    ]
    plain = points["conditions"] == ""
    front = pareto(list(zip(points["interactivity"][plain], per_chip[plain], strict=True)))
    # A processor is one chip, whatever part of it was measured.
    of_cores = any(row.cores for row in drawn)
    chart = Chart(
        title=_("Output throughput per chip against interactivity"),
        x=Axis(title=_("interactivity, output tokens/s per user")),
        y=Axis(
            title=_("output tokens/s per chip; of a CPU, of the cores measured")
            if of_cores
            else _("output tokens/s per chip")
        ),
        series=series,
        lines=[("front", front)] if len(front) > 1 else [],
    )
    return pen(chart), drawn


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows a curve has points of."""
    return rows[is_measured(rows)]


def is_measured(rows: pd.DataFrame) -> pd.Series[bool]:
    """Say of which rows a curve has points."""
    return rows["ranks"] & (rows["suite"] == "serving") & rows["interactivity"].notna()


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points no other point beats in both coordinates, by falling x."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda p: (-p[0], -p[1])):
        if not front or y > front[-1][1]:
            front.append((x, y))
    return front


def roofline(_: Words, points: Sequence[BoardPoint], root: str) -> Markup | None:
    """Draw the kernels of one run under the roof that the same run measured.

    Compute over operational intensity (Williams, Waterman and Patterson 2009, "Roofline: an
    insightful visual performance model"), both logarithmic.
    """
    limits = [point for point in points if point.case.startswith("roofline/")]
    peak = max((f.value for p in limits if (f := p.figures.get("compute_rate"))), default=0.0)
    memory = next((p.figures["bandwidth"].value for p in limits if p.case.endswith("/memory")), 0.0)
    kernels: defaultdict[str, list[Mark]] = defaultdict(list)
    for point in points:
        intensity = point.labels.get("intensity_flop_per_byte")
        time = point.figures.get("time")
        if not isinstance(intensity, int | float) or not LEAST <= intensity <= MOST or not time:
            continue
        rate = _attained_tflops(point, float(intensity))
        if rate and rate.value > 0:
            kernels[str(point.labels.get("family", "kernel"))].append(
                Mark(
                    x=float(intensity),
                    y=rate.value,
                    low=rate.low,
                    high=rate.high,
                    words=f"{point.case}: {figure(rate.value)} TFLOP/s, "
                    f"{figure(float(intensity))} FLOP/B",
                    link=f"{root}verify/?statement={point.result.digest}",
                )
            )
    if not kernels or not peak or not memory:
        return None
    marks = [mark for own in kernels.values() for mark in own]
    peak = max(peak, *(mark.y for mark in marks))
    # Data in a cache come faster than memory gives them: such kernels have a roof of their own.
    cache = max(mark.y * 1e3 / mark.x for mark in marks)
    ridge = peak * 1e3 / memory
    left = min(*(mark.x for mark in marks), ridge / 2)
    right = max(*(mark.x for mark in marks), ridge * 2)
    roofs = [("roof", memory), *([("roof cache", cache)] if cache > memory else [])]
    chart = Chart(
        title=_("Measured roofline of the chip with its kernels"),
        x=Axis(title=_("operational intensity, FLOP per byte"), scale="log"),
        y=Axis(title=_("attained TFLOP/s"), scale="log"),
        series=[MarkSeries(name=name, marks=marks) for name, marks in sorted(kernels.items())],
        lines=[(name, _roof(left, right, peak, rate)) for name, rate in roofs],
    )
    return draw(chart)


def _roof(left: float, right: float, peak: float, gb_s: float) -> list[tuple[float, float]]:
    """Return its corners; (FLOP per byte, TFLOP/s)."""
    ridge = peak * 1e3 / gb_s
    slope = [(left, left * gb_s / 1e3)] if left < ridge else []
    return [*slope, (max(ridge, left), peak), (right, peak)]


def _attained_tflops(point: BoardPoint, intensity: float) -> Figure | None:
    """Compute rate as signed, or what the signed bandwidth amounts to at this intensity."""
    from dataclasses import replace

    if compute := point.figures.get("compute_rate"):
        return compute
    bandwidth = point.figures.get("bandwidth")
    if not bandwidth:
        return None
    scale = intensity / 1e3  # GB/s times FLOP/B gives GFLOP/s
    return replace(
        bandwidth,
        value=bandwidth.value * scale,
        low=None if bandwidth.low is None else bandwidth.low * scale,
        high=None if bandwidth.high is None else bandwidth.high * scale,
    )


def _sized(_: Words, row: PageRow) -> str:
    """Name a row's chip; of a CPU with the cores that were measured."""
    return _("{chip}, {n} cores", chip=row.chip, n=row.cores) if row.cores else row.chip


def _curve_mark(_: Words, row: PageRow, root: str) -> Mark:
    users, total = row.figures["interactivity"], row.figures["throughput"]
    value = total.value / row.chips
    return Mark(
        x=users.value,
        y=value,
        low=None if total.low is None else total.low / row.chips,
        high=None if total.high is None else total.high / row.chips,
        words=_(
            "{chip}, {case}: {rate} tokens/s at {users} tokens/s per user"
            if row.cores
            else "{chip}, {case}: {rate} tokens/s per chip at {users} tokens/s per user",
            chip=_sized(_, row),
            case=row.case,
            rate=figure(value),
            users=figure(users.value),
        ),
        link=f"{root}{row.where}",
    )
