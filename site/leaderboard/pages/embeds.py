"""A chip's curve as one SVG file to be shown elsewhere: no script, no request, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leaderboard.base.text import clean
from leaderboard.figures import plots
from leaderboard.figures.chart import HEIGHT, LEFT, WIDTH, Chart, MarkSeries, names, picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from leaderboard.words import Words

__all__ = ["curve", "of_one_model"]

_LINE = 18
# Standing alone it cannot borrow the site's style sheet; the colours are those of fenmark.css.
_STYLE = """
svg{--paper:#fbfbf9;--ink:#1a1f1d;--muted:#5a635f;--line:#dfe3df;
--c0:#0072b2;--c1:#b34f00;--c2:#007a5a;--c3:#9b4f86;--c4:#6b5b00;--c5:#4f5a63}
@media (prefers-color-scheme:dark){svg{--paper:#111514;--ink:#e4e9e6;--muted:#9ba6a1;--line:#2c3431;
--c0:#62b4ea;--c1:#f0924f;--c2:#4fc9a4;--c3:#dd9bca;--c4:#d8c456;--c5:#aab6bf}}
.paper{fill:var(--paper)}
text{fill:var(--muted);font:12px system-ui,sans-serif}
.label{fill:var(--ink)}.head{fill:var(--ink);font-size:15px;font-weight:650}
.tick{stroke:var(--line)}.axis{stroke:var(--muted)}
.front{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 4}
.s0{color:var(--c0)}.s1{color:var(--c1)}.s2{color:var(--c2)}
.s3{color:var(--c3)}.s4{color:var(--c4)}.s5{color:var(--c5)}
.mark{fill:currentColor;stroke:var(--paper)}
.line{fill:none;stroke:currentColor;stroke-width:1.6}.bar{stroke:currentColor}
"""


def curve(_: Words, rows: pd.DataFrame) -> str:
    """Draw the measured curve of a chip, of the model with most rows.

    Args:
        rows: those of `plots.measured`, one at least.
    """
    own = of_one_model(rows)
    first = own.iloc[0]
    head = f"{first['chip']} · {first['model']}"
    dates = sorted(own["finished_at"].str[:10])
    foot = _("Fenmark, measured {first} to {last}", first=dates[0], last=dates[-1])

    def pen(chart: Chart) -> Markup:
        return _alone(head, foot, picture(chart), chart.series)

    # The file stands in charts/, one below the pages it links to.
    [chosen] = plots.curves(own).values()
    return str(plots.curve(_, chosen, "../", pen)[0])


def of_one_model(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the model that most are of: several models' throughput is not a curve."""
    counts = rows["model_id"].value_counts()
    own: pd.DataFrame = rows[rows["model_id"] == min(counts[counts == counts.max()].index)]
    return own


def _alone(head: str, foot: str, drawn: Markup, series: Sequence[MarkSeries]) -> Markup:
    """Set a picture between a title and its legend, in a file of its own."""
    below = 30 + HEIGHT
    height = below + _LINE * (len(series) + 1) + 4
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        'height="{height}" role="img" aria-label="{head}"><style>{style}</style>'
        '<rect class="paper" width="{width}" height="{height}"/>'
        '<text class="head" x="{left}" y="22">{head}</text>'
        '<svg y="30" width="{width}" height="{inner}"{rest}{legend}'
        '<text x="{left}" y="{foot_y}">{foot}</text></svg>\n'
    ).format(
        width=WIDTH,
        height=height,
        inner=HEIGHT,
        left=LEFT,
        head=clean(head),
        style=Markup(_STYLE),  # noqa: S704 - our own
        rest=Markup(str(drawn).removeprefix("<svg")),  # noqa: S704 - our own
        legend=names(series, below + 6, _LINE),
        foot_y=below + _LINE * len(series) + 12,
        foot=foot,
    )
