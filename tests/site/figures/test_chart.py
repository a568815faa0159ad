"""Charts, as a reader tells their series apart."""

from __future__ import annotations

import re

from leaderboard.figures.chart import Axis, Chart, Mark, MarkSeries, draw


def test_every_series_of_many_has_a_look_of_its_own_in_picture_and_legend():
    series = [
        MarkSeries(name=f"family {n}", marks=[Mark(x=n + 1, y=n + 1, words=f"point {n}")])
        for n in range(24)
    ]
    axis = Axis(title="GB/s")
    drawn = str(draw(Chart(title="all", x=axis, y=axis, series=series)))
    marks = re.findall(r'<g class="(s\d)"><path class="mark"[^>]* d="([^"]+)"', drawn)
    legend = re.findall(r'<li class="(s\d)">.*?d="([^"]+)"', drawn)
    assert len(set(marks)) == 24
    assert legend == marks
