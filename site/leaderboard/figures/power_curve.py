"""Energy, speed and cost against the power cap, and the knee where more watts stop paying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.base.text import figure
from leaderboard.figures.chart import Axis, Chart, Mark, MarkSeries, draw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markupsafe import Markup

    from leaderboard.words import Words

__all__ = ["CapCurve", "CapPoint", "Knee", "chart", "curves", "knee"]

# Two caps are a line, on which nothing stands out.
_LEAST_POINTS = 3
_MOST_SERIES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CapPoint:
    """What was got under one cap.

    Attributes:
        cap_w: limit on the power of one chip.
        rate: output tokens/s; `rate_low` and `rate_high` its 95% interval, if any.
        joules: per output token; None where no meter saw it.
        usd, fens: of a million output tokens, None where nothing is known of the price.
        words: what the point is, for who points at it.
        link: where it is proved or published.
    """

    cap_w: float
    rate: float
    rate_low: float | None = None
    rate_high: float | None = None
    joules: float | None = None
    usd: float | None = None
    fens: float | None = None
    words: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """The cap above which more watts buy little speed; it lies within `low_w` and `high_w`."""

    cap_w: float
    low_w: float
    high_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CapCurve:
    """Points of one subject by rising cap, each cap once."""

    name: str
    points: Sequence[CapPoint]

    @property
    def knee(self) -> Knee | None:
        """See `knee`."""
        return knee(self.points)

    @property
    def cheapest(self) -> CapPoint | None:
        """The cap of least energy per token; None where no meter saw any."""
        metered = [point for point in self.points if point.joules is not None]
        return min(metered, key=lambda point: (point.joules, point.cap_w), default=None)


def curves(points: Iterable[tuple[str, CapPoint]]) -> list[CapCurve]:
    """Gather points by subject; the last of one cap stands. One cap makes no curve."""
    by_name: dict[str, dict[float, CapPoint]] = {}
    for name, point in points:
        by_name.setdefault(name, {})[point.cap_w] = point
    return [
        CapCurve(name=name, points=[own[cap] for cap in sorted(own)])
        for name, own in by_name.items()
        if len(own) > 1
    ]


def knee(points: Sequence[CapPoint]) -> Knee | None:
    """Find the point farthest above the straight line from the first to the last.

    Satopaa et al. 2011, "Finding a 'Kneedle' in a Haystack", for a rising, concave curve: caps and
    rates scaled to 0 and 1, the largest difference of the two. The knee of the true curve lies
    between the neighbours of the points that cannot be told from the largest by their intervals.

    Returns:
        None with fewer than three points, or where no point lies above the line.
    """
    if len(points) < _LEAST_POINTS:
        return None
    caps, rates = [point.cap_w for point in points], [point.rate for point in points]
    width, height = caps[-1] - caps[0], rates[-1] - rates[0]
    if width <= 0 or height <= 0:
        return None
    above = [
        (rate - rates[0]) / height - (cap - caps[0]) / width
        for cap, rate in zip(caps, rates, strict=True)
    ]
    best = max(range(len(points)), key=above.__getitem__)
    if above[best] <= 0:
        return None
    doubt = [_half(point) / height for point in points]
    alike = [at for at in range(len(points)) if above[at] + doubt[at] >= above[best] - doubt[best]]
    low, high = max(0, min(alike) - 1), min(len(points) - 1, max(alike) + 1)
    return Knee(cap_w=caps[best], low_w=caps[low], high_w=caps[high])


def chart(_: Words, drawn: Sequence[CapCurve], *, measured: bool) -> Markup | None:
    """Draw joules per output token against the cap; None where no curve has joules.

    Args:
        measured: by Fenmark's own instruments; what others report is drawn hollow.
    """
    series = [
        MarkSeries(name=curve.name, joined=True, marks=marks)
        for curve in drawn[:_MOST_SERIES]
        if len(marks := _marks(_, curve, hollow=not measured)) > 1
    ]
    if not series:
        return None
    return draw(
        Chart(
            title=_("Energy per output token against the power cap"),
            x=Axis(title=_("power cap of one chip, W")),
            y=Axis(title=_("J per output token")),
            series=series,
        )
    )


def _marks(_: Words, curve: CapCurve, *, hollow: bool) -> list[Mark]:
    return [_mark(_, point, hollow=hollow) for point in curve.points if point.joules]


def _mark(_: Words, point: CapPoint, *, hollow: bool) -> Mark:
    joules = point.joules or 0.0
    energy, rate = f"{figure(joules)} {_('J/token')}", f"{figure(point.rate)} {_('tokens/s')}"
    words = f"{point.words} {figure(point.cap_w)} W{_(': ')}{energy}{_(', ')}{rate}"
    return Mark(
        x=point.cap_w,
        y=joules,
        words=words.strip(),
        link=point.link,
        hollow=hollow,
    )


def _half(point: CapPoint) -> float:
    if point.rate_low is None or point.rate_high is None:
        return 0.0
    return (point.rate_high - point.rate_low) / 2
