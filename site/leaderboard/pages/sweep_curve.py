"""A sweep's curve as a picture: `python -m leaderboard.pages.sweep_curve SUMMARY.json OUT.svg`.

Output throughput against interactivity, as the site's own curves, but standing alone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.figures.chart import Axis, Chart, Mark, MarkSeries, draw
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["curve_of"]

# The pages' style sheet is not there where a picture stands alone.
_STYLE = """<style>
svg{background:#fff;font:12px sans-serif;fill:#333}.axis,.grid{stroke:#999}.grid{opacity:.3}
.line{fill:none;stroke:#35c}.mark{fill:#35c}.hollow{fill:#fff;stroke:#35c}.bar{stroke:#35c}.front{fill:none;stroke:#999}
</style>"""


def curve_of(rows: Sequence[dict[str, Any]]) -> str:
    """Draw the rows of a run's `summary.json`.

    Raises:
        UserError: they hold no closed-loop serving point.
    """
    points: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["suite"] == "serving" and "rate" not in row:
            points.setdefault(row["case"], {})[row["metric"]] = row
    both = [p for p in points.values() if {"interactivity", "output_throughput"} <= p.keys()]
    if not both:
        raise UserError("holds no serving point", where="summary", expected="a closed loop's rows")
    marks = sorted((_mark(**point) for point in both), key=lambda mark: mark.x)
    chart = Chart(
        title="Output throughput against interactivity",
        x=Axis(title="interactivity, output tokens/s per user"),
        y=Axis(title="output tokens/s"),
        series=[MarkSeries(name="streams", joined=True, marks=marks)],
    )
    opening, _, rest = str(draw(chart)).partition(">")
    drawn, end, _ = rest.partition("</svg>")  # a legend follows, in HTML
    return f'{opening} xmlns="http://www.w3.org/2000/svg">{_STYLE}{drawn}{end}\n'


def _mark(
    interactivity: dict[str, Any], output_throughput: dict[str, Any], **_: dict[str, Any]
) -> Mark:
    x, y = interactivity["value"], output_throughput["value"]
    streams = output_throughput["concurrency"]
    valid = output_throughput.get("valid", True)
    words = f"{streams} streams: {y:.0f} tokens/s, {x:.0f} tokens/s per user"
    return Mark(x=x, y=y, words=words if valid else f"{words}, not valid", hollow=not valid)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("summary", type=Path, help="summary.json of a run")
    parser.add_argument("out", type=Path, help="SVG file to write")
    options = parser.parse_args()
    rows = json.loads(options.summary.read_text(encoding="utf-8"))
    options.out.write_text(curve_of(rows), encoding="utf-8")


if __name__ == "__main__":
    _main()
