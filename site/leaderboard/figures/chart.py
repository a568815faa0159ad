"""Charts as SVG, drawn once here: what a browser shows live is this very picture.

MarkSeries differ by colour and by shape; every mark carries its words in a `<title>` and may be a
link, so a chart reads by keyboard and by screen reader. No inline style: the site's policy has
none, the style sheet colours the classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup, escape

from leaderboard.base.text import clean, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "HEIGHT",
    "LEFT",
    "WIDTH",
    "Axis",
    "Chart",
    "Mark",
    "MarkSeries",
    "draw",
    "names",
    "picture",
    "shape_of",
]

WIDTH, HEIGHT = 720, 380
LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 50
_COLOURS = 6
# Drawn around (0, 0); the order pairs with the colours.
_SHAPES = (
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",  # disc
    "M-4 -4h8v8h-8z",  # square
    "M0 -5.5l5 9h-10z",  # triangle
    "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",  # diamond
    "M0 5.5l5 -9h-10z",  # triangle, down
    "M-5 -1.6h3.4v-3.4h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4z",  # plus
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One figure on the chart.

    Attributes:
        low, high: 95% interval in y, drawn as a bar.
        words: what the mark says when it is pointed at or read aloud.
        link: where it leads, empty for nowhere.
        hollow: not measured.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    words: str = ""
    link: str = ""
    hollow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkSeries:
    """Marks that belong together; `joined` draws straight lines between measured points."""

    name: str
    marks: Sequence[Mark]
    joined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A scale with its title, which names quantity, token kind and unit."""

    title: str
    scale: Literal["linear", "log"] = "linear"
    ticks: Sequence[tuple[float, str]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn.

    Attributes:
        title: what the chart shows, for those who cannot see it.
        lines: (class, points) drawn beneath the marks: a roof, a front.
    """

    title: str
    x: Axis
    y: Axis
    series: Sequence[MarkSeries]
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]] = ()


@dataclass(frozen=True, slots=True)
class _Span:
    low: float
    high: float
    log: bool
    start: float
    end: float

    def at(self, value: float) -> float:
        low, high, at = (
            (math.log10(self.low), math.log10(self.high), math.log10(value))
            if self.log
            else (self.low, self.high, value)
        )
        return round(self.start + (at - low) / (high - low) * (self.end - self.start), 1)


def draw(chart: Chart) -> Markup:
    """Draw series of marks, with a legend after the picture."""
    return picture(chart) + _legend(chart.series)


def picture(chart: Chart) -> Markup:
    """Draw the SVG alone."""
    x, y, series, lines = chart.x, chart.y, chart.series, chart.lines
    every = [mark for drawn in series for mark in drawn.marks]
    across = _span(
        [m.x for m in every] + [p[0] for _, points in lines for p in points],
        x,
        LEFT,
        WIDTH - _RIGHT,
    )
    ends = [end for m in every for end in (m.low, m.high) if end is not None]
    up = _span(
        [m.y for m in every] + ends + [p[1] for _, points in lines for p in points],
        y,
        HEIGHT - _BOTTOM,
        _TOP,
    )
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="group" aria-label="{}">').format(
            WIDTH, HEIGHT, clean(chart.title)
        ),
        _grid(across, up, x, y),
        *(_line(name, points, across, up) for name, points in lines),
        *(_series(number, drawn, across, up) for number, drawn in enumerate(series)),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


def _span(values: Sequence[float], axis: Axis, start: float, end: float) -> _Span:
    """Leave room around the values; a linear axis begins at zero, so that lengths do not lie."""
    usable = [v for v in values if math.isfinite(v) and (axis.scale == "linear" or v > 0)]
    low, high = (min(usable), max(usable)) if usable else (1.0, 10.0)
    if axis.scale == "log":
        return _Span(low / 1.4, high * 1.4, log=True, start=start, end=end)
    if axis.ticks:
        pad = (high - low) * 0.06 or 1.0
        return _Span(low - pad, high + pad, log=False, start=start, end=end)
    return _Span(min(0.0, low), high * 1.08 or 1.0, log=False, start=start, end=end)


def _grid(across: _Span, up: _Span, x: Axis, y: Axis) -> Markup:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = [
        Markup('<path class="axis" d="M{} {}V{}H{}" fill="none"/>').format(
            LEFT, _TOP, bottom, right
        )
    ]
    for value, text in x.ticks or _ticks(across):
        at = across.at(value)
        parts.append(
            Markup(
                '<path class="tick" d="M{0} {1}V{2}"/><text x="{0}" y="{3}" '
                'text-anchor="middle">{4}</text>'
            ).format(at, _TOP, bottom, bottom + 17, text)
        )
    for value, text in y.ticks or _ticks(up):
        at = up.at(value)
        parts.append(
            Markup(
                '<path class="tick" d="M{0} {1}H{2}"/><text x="{3}" y="{4}" '
                'text-anchor="end">{5}</text>'
            ).format(LEFT, at, right, LEFT - 6, at + 4, text)
        )
    parts.append(
        Markup('<text class="label" x="{}" y="{}" text-anchor="end">{}</text>').format(
            right, HEIGHT - 10, clean(x.title)
        )
    )
    parts.append(
        Markup('<text class="label" x="{}" y="{}">{}</text>').format(
            LEFT + 8, _TOP + 12, clean(y.title)
        )
    )
    return Markup("").join(parts)


def _ticks(span: _Span) -> list[tuple[float, str]]:
    if span.log:
        decades = range(math.ceil(math.log10(span.low)), math.floor(math.log10(span.high)) + 1)
        values = [10.0**power for power in decades]
        if len(values) < 2:
            values = [
                digit * 10.0**power
                for power in range(math.floor(math.log10(span.low)), decades.stop + 1)
                for digit in (1, 2, 5)
            ]
        stride = -(-len(values) // 8)
        return [(v, figure(v, 1)) for v in values if span.low <= v <= span.high][::stride]
    step = 10 ** math.floor(math.log10((span.high - span.low) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (span.high - span.low) / (step * m) <= 6)
    first = math.ceil(span.low / step)
    values = [number * step for number in range(first, math.floor(span.high / step) + 1)]
    return [(v, figure(v, 3) if v % 1 else f"{v:,.0f}") for v in values]


def _line(name: str, points: Sequence[tuple[float, float]], across: _Span, up: _Span) -> Markup:
    path = "L".join(f"{across.at(px)} {up.at(py)}" for px, py in points)
    return Markup('<path class="{}" d="M{}"/>').format(name, path)


def _series(number: int, series: MarkSeries, across: _Span, up: _Span) -> Markup:
    colour, shape = shape_of(number)
    parts = [Markup('<g class="s{}">').format(colour)]
    if series.joined and len(series.marks) > 1:
        parts.append(_line("line", [(m.x, m.y) for m in series.marks], across, up))
    parts += [_mark(mark, shape, across, up) for mark in series.marks]
    parts.append(Markup("</g>"))
    return Markup("").join(parts)


def shape_of(number: int) -> tuple[int, str]:
    """Give a series its colour and shape: of 36 no two look the same."""
    turn, colour = divmod(number, _COLOURS)
    return colour, _SHAPES[(colour + turn) % len(_SHAPES)]


def _mark(mark: Mark, shape: str, across: _Span, up: _Span) -> Markup:
    x, y = across.at(mark.x), up.at(mark.y)
    bar = ""
    if mark.low is not None and mark.high is not None and mark.high > mark.low > 0:
        bar = f'<path class="bar" d="M{x} {up.at(mark.low)}V{up.at(mark.high)}"/>'
    title = f"<title>{escape(clean(mark.words))}</title>"
    # Of a link the title is its name, and shows over what is in it: said once, not twice.
    look = (
        f'<path class="mark{" hollow" if mark.hollow else ""}" transform="translate({x} {y})" '
        f'd="{shape}">{"" if mark.link else title}</path>'
    )
    drawn = f'<a href="{escape(mark.link)}">{title}{look}</a>' if mark.link else look
    return Markup(bar + drawn)  # noqa: S704 - what is foreign is escaped above


def names(series: Sequence[MarkSeries], top: float, step: float) -> Markup:
    """Draw a legend as part of a picture, one series a line from `top` down."""
    lines = (
        Markup(
            '<g class="s{}"><path class="mark" transform="translate({} {})" d="{}"/></g>'
            '<text class="label" x="{}" y="{}">{}</text>'
        ).format(
            colour,
            *(LEFT + 6, top + number * step),
            shape,
            *(LEFT + 18, top + number * step + 4),
            clean(drawn.name),
        )
        for number, drawn in enumerate(series)
        for colour, shape in [shape_of(number)]
    )
    return Markup("").join(lines)


def _legend(series: Sequence[MarkSeries]) -> Markup:
    if len(series) < 2 and not (series and series[0].name):
        return Markup("")
    items = [
        Markup(
            '<li class="s{}"><svg viewBox="-7 -7 14 14" aria-hidden="true"><path d="{}"/></svg>{}'
            "</li>"
        ).format(*shape_of(number), escape(clean(drawn.name)))
        for number, drawn in enumerate(series)
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))
