"""One small picture per measured chip, to be shown elsewhere: its best figure, dated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leaderboard.base.text import clean, figure

if TYPE_CHECKING:
    from leaderboard.figures.rows import PageRow

__all__ = ["badge"]

# Width of a letter of the 11 px text, generous so that no font overflows its field.
_LETTER = 6.6


def badge(row: PageRow) -> str:
    """Return the SVG of a chip's best row."""
    left = f"Fenmark · {clean(row.chip)}"
    right = f"{_badge_text(row)} · {row.date}"
    split, width = round(len(left) * _LETTER + 16), round((len(left) + len(right)) * _LETTER + 32)
    # Standing alone it cannot borrow the site's style sheet: attributes only.
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="22" role="img" '
        'aria-label="{left}: {right}"><rect width="{width}" height="22" rx="4" fill="#0b6e5d"/>'
        '<path d="M4 0h{straight}v22h-{straight}a4 4 0 0 1-4-4v-14a4 4 0 0 1 4-4z" fill="#27302d"/>'
        '<g fill="#fff" font-family="system-ui,sans-serif" font-size="11">'
        '<text x="8" y="15">{left}</text><text x="{start}" y="15">{right}</text></g></svg>\n'
    ).format(width=width, left=left, right=right, straight=split - 4, start=split + 8)


def _badge_text(row: PageRow) -> str:
    if row.rent:
        return f"{figure(row.rent.cny.value)} CNY per million output tokens, derived"
    rate = row.figures["throughput"].value
    return f"{figure(rate)} output tokens/s, {clean(row.model)}"
