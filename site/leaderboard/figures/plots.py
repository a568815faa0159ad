"""Which charts the pages have: curves with their Pareto front, and the measured roofline."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaderboard.base.text import figure
from leaderboard.figures.chart import Axis, Chart, Mark, MarkSeries, draw
from leaderboard.figures.figures import LEAST, MOST
from leaderboard.figures.rows import as_shown, records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from markupsafe import Markup

    from leaderboard.figures.figures import BoardPoint, Figure
    from leaderboard.figures.rows import PageRow
    from leaderboard.words import Words

__all__ = ["Curve", "curve", "curves", "measured", "pareto", "roofline"]

# What a curve reads of rows before it knows which it draws.
_CHOSEN_BY = ["model_id", "digest", "interactivity", "throughput", "chips", "conditions"]
# More series than colours and shapes cannot be told apart; the table has them all.
_MAX_SERIES = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """What a chart of throughput against interactivity shows.

    Attributes:
        runs: digests of the runs, the one with the highest throughput per chip first.
        rows: records of their rows, as they stand on the board.
        front: what no measured point beats in both, (tokens/s per user, tokens/s per chip); rows
            under conditions of their own bound none.
    """

    runs: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    front: Sequence[tuple[float, float]]


def curves(rows: pd.DataFrame) -> dict[str, Curve]:
    """Choose what the chart of each model shows, by the model's id."""
    # A row has a hundred columns: whole ones are taken of the runs that are drawn.
    points = rows.loc[is_measured(rows), _CHOSEN_BY]
    points = points.assign(per_chip=points["throughput"] / points["chips"])
    best = points.sort_values(["per_chip", "digest"], ascending=[False, True])
    best = best.drop_duplicates(["model_id", "digest"]).groupby("model_id").head(_MAX_SERIES)
    runs = _by_model(best[["model_id", "digest"]])
    plain = points.loc[points["conditions"] == "", ["model_id", "interactivity", "per_chip"]]
    fronts = _by_model(plain)
    of_runs = set(map(tuple, best[["model_id", "digest"]].to_numpy().tolist()))
    pairs = zip(points["model_id"].tolist(), points["digest"].tolist(), strict=True)
    drawn: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in records(rows.loc[points.index[[pair in of_runs for pair in pairs]]]):
        drawn[row["model_id"]].append(row)
    return {
        model: Curve([digest for (digest,) in own], drawn[model], pareto(fronts.get(model, [])))
        for model, own in runs.items()
    }


def _by_model(rows: pd.DataFrame) -> Mapping[str, list[tuple[Any, ...]]]:
    """Gather what all columns but the first say, by the first."""
    own: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for model, *told in rows.itertuples(index=False, name=None):
        own[model].append(tuple(told))
    return own


def curve(
    _: Words, chosen: Curve, root: str, pen: Callable[[Chart], Markup] = draw
) -> tuple[Markup, list[PageRow]]:
    """Draw output throughput per chip against interactivity, one series per run and engine.

    Points are joined by straight lines within one run; nothing between them was measured. The
    dashed line is the Pareto front.

    Args:
        pen: draws, as `chart.draw` does.

    Returns:
        The chart and the rows whose points it shows.
    """
    runs: dict[str, list[PageRow]] = {digest: [] for digest in chosen.runs}
    drawn = [as_shown(row, _.lang) for row in chosen.rows]
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
        lines=[("front", chosen.front)] if len(chosen.front) > 1 else [],
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
