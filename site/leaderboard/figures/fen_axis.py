"""How far each chip is from one fen: floor, electricity, owned and rented on one log axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from leaderboard.base.text import clean, figure
from leaderboard.figures.chart import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LAYERS", "Line", "picture"]

# Layer -> its look, by the number of a series; dearest last.
LAYERS = {"Physical floor": 3, "Electricity": 2, "Owned": 1, "Rented": 0}
_WIDTH, _LEFT, _RIGHT = 720, 20, 40
# A name stands above its line: beside it a phone, whose text is larger, would cut it.
_STEP, _TOP, _BOTTOM = 46, 24, 52
_LEAST, _MOST = 0.1, 1e4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One chip.

    Attributes:
        fens: of a million output tokens, by layer; a layer that is not known is left out.
        words: what stands behind the figures: model, precision, engine, load, publisher.
        where: address of the evidence, from the page.
        hollow: reported by others, and not measured here.
    """

    chip: str
    fens: Mapping[str, float]
    words: str
    where: str
    hollow: bool


@dataclass(frozen=True, slots=True)
class _Scale:
    """A log scale of fens across the picture."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Sequence[float]) -> _Scale:
        """Reach from a tenth of a fen to ten thousand, and further where values do."""
        return cls(
            min(_LEAST, *(10.0 ** math.floor(math.log10(value)) for value in values)),
            max(_MOST, *(10.0 ** math.ceil(math.log10(value)) for value in values)),
        )

    def at(self, value: float) -> float:
        share = math.log10(value / self.low) / math.log10(self.high / self.low)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    @property
    def decades(self) -> Sequence[float]:
        powers = range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)
        return [10.0**power for power in powers]


def picture(
    title: str, one_fen: str, unit: str, names: Mapping[str, str], lines: Sequence[Line]
) -> Markup:
    """Draw the lines beneath each other, with a legend after the picture.

    Args:
        title: for those who cannot see it.
        one_fen: what the level of one fen is called.
        unit: of the axis.
        names: of the layers, translated.
        lines: each with a layer above zero.
    """
    scale = _Scale.around([value for line in lines for value in line.fens.values()])
    bottom = _TOP + _STEP * len(lines)
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="group" aria-label="{}">').format(
            _WIDTH, bottom + _BOTTOM, clean(title)
        ),
        *(_decade(scale, value, bottom) for value in scale.decades),
        Markup(
            '<path class="roof" d="M{0} {1}V{2}"/>'
            '<text class="label" x="{0}" y="{3}" text-anchor="middle">{4}</text>'
        ).format(scale.at(1), _TOP, bottom, _TOP - 8, clean(one_fen)),
        Markup('<text class="label" x="{}" y="{}" text-anchor="end">{}</text>').format(
            _WIDTH - _RIGHT, bottom + 44, clean(unit)
        ),
        *(_line(scale, number, line, names) for number, line in enumerate(lines)),
        Markup("</svg>"),
    ]
    return Markup("").join(parts) + _legend(names)


def _decade(scale: _Scale, value: float, bottom: int) -> Markup:
    return Markup(
        '<path class="tick" d="M{0} {1}V{2}"/><text x="{0}" y="{3}" text-anchor="middle">{4}</text>'
    ).format(scale.at(value), _TOP, bottom, bottom + 18, figure(value, 1))


def _line(scale: _Scale, number: int, line: Line, names: Mapping[str, str]) -> Markup:
    y = _TOP + _STEP * number + 34
    ends = [scale.at(value) for value in line.fens.values()]
    parts = [
        Markup('<text class="name" x="{}" y="{}">{}</text>').format(
            _LEFT, y - 13, clean(line.chip)
        ),
        Markup('<path class="tick" d="M{} {}H{}"/>').format(min(ends), y, max(ends)),
    ]
    for layer, look in LAYERS.items():
        if layer in line.fens:
            fens = line.fens[layer]
            parts.append(_mark(scale.at(fens), y, look, f"{names[layer]} {figure(fens)}×", line))
    return Markup("").join(parts)


def _mark(x: float, y: int, look: int, value: str, line: Line) -> Markup:
    colour, shape = shape_of(look)
    words = clean(f"{line.chip} · {value} · {line.words}")
    return Markup(
        '<g class="s{}"><a href="{}" aria-label="{}"><path class="mark{}" '
        'transform="translate({} {})" d="{}"><title>{}</title></path></a></g>'
    ).format(colour, line.where, words, " hollow" if line.hollow else "", x, y, shape, words)


def _legend(names: Mapping[str, str]) -> Markup:
    items = (
        Markup(
            '<li class="s{}"><svg viewBox="-7 -7 14 14" aria-hidden="true"><path d="{}"/></svg>{}'
            "</li>"
        ).format(*shape_of(look), clean(names[layer]))
        for layer, look in reversed(LAYERS.items())
    )
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))
