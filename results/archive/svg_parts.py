"""What pictures of loads have in common: their size and style, their frame, ticks of their time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BOTTOM", "LEFT", "RIGHT", "TOP", "WIDTH", "Picture", "framed", "ticks"]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 720, 64, 14, 30, 28
_TICKS = 6
_STYLE = (
    "svg{font:12px system-ui,sans-serif;background:#fff;color:#1b1f24}"
    "text{fill:currentColor}.axis{stroke:#6e7781;fill:none}.steady{fill:#0969da;opacity:.09}"
    ".a,.b{fill:none;stroke-width:1.6;stroke-linecap:round}"
    ".a{stroke:#0969da}.b{stroke:#bc4c00;stroke-dasharray:5 3}"
    ".wait{fill:#bc4c00}.answer{fill:#0969da}.known{fill:#8c959f}"
    "@media (prefers-color-scheme:dark){svg{background:#0d1117;color:#e6edf3}"
    ".steady{fill:#58a6ff;opacity:.13}.a{stroke:#58a6ff}.b{stroke:#f0883e}"
    ".wait{fill:#f0883e}.answer{fill:#58a6ff}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One point's picture.

    Attributes:
        cell: the process that measured it.
        case: of the serving suite; of a ramp, all of it.
        words: what the picture shows, for those who do not see it.
        height: of the picture, for a width of 720.
        svg: the file.
    """

    cell: str
    case: str
    words: str
    height: int
    svg: str


def framed(title: str, words: str, height: float, parts: Iterable[str]) -> str:
    """Return a file that stands alone: it carries its style, for light and dark, and its words.

    Args:
        title, words: plain text.
        parts: what is drawn, as SVG.
    """
    told = escape(title)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-labelledby="title desc"><title id="title">{told}</title>'
        f'<desc id="desc">{escape(words)}</desc><style>{_STYLE}</style>'
        f'<text x="{LEFT}" y="18" font-weight="600">{told}</text>'
    )
    foot = f'<text x="{WIDTH - RIGHT}" y="{height - 8}" text-anchor="end">seconds</text></svg>\n'
    return "".join([head, *parts, foot])


def ticks(span_s: float) -> list[float]:
    """Return round times of a span, some six of them, from 0."""
    step = 10.0 ** math.floor(math.log10(span_s / _TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if span_s / (step * factor) <= _TICKS)
    return [round(place * step, 9) for place in range(int(span_s / step) + 1)]
