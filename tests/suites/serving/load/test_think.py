"""Pauses between turns are what their text says."""

from __future__ import annotations

import random
from itertools import pairwise
from statistics import fmean, median

import pytest

from suites.base.errors import UserError
from suites.serving.load.think import read_think


@pytest.mark.parametrize(
    ("text", "canonical", "mean_s"),
    [
        ("5", "fixed:5", 5.0),
        ("fixed:0.5", "fixed:0.5", 0.5),
        ("exponential:4", "exponential:4", 4.0),
        ("uniform:2-8", "uniform:2-8", 5.0),
        # e^(σ²/2) times the median.
        ("lognormal:5:0.5", "lognormal:5:0.5", 5 * 1.1331484530668263),
    ],
)
def test_pauses_have_the_mean_they_are_asked_for(text, canonical, mean_s):
    think = read_think(text)
    assert (think.text, read_think(think.text)) == (canonical, think)
    draw = random.Random(1)
    assert think.mean_s == pytest.approx(mean_s)
    assert fmean(think.draw_s(draw) for _ in range(20_000)) == pytest.approx(mean_s, rel=0.03)


def test_each_kind_spreads_as_it_says():
    draw = random.Random(2)
    uniform = [read_think("uniform:2-8").draw_s(draw) for _ in range(4000)]
    assert 2 <= min(uniform) < 2.1
    assert 7.9 < max(uniform) <= 8
    wide = sorted(read_think("lognormal:5:1").draw_s(draw) for _ in range(20_000))
    assert median(wide) == pytest.approx(5, rel=0.05)
    # One deviation above the median of a log-normal distribution: e times it.
    assert wide[round(0.8413 * 20_000)] == pytest.approx(5 * 2.71828, rel=0.08)
    assert all(a <= b for a, b in pairwise(wide))


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "5-", "weekly:5", "fixed:5:1", "exponential:5:1", "uniform:8-2", "uniform:5",
     "lognormal:5", "lognormal:5:9", "1.2.3", "99999999", "exponential:", "5 "],
)  # fmt: skip
def test_what_is_no_pause_is_refused(text):
    with pytest.raises(UserError, match="think_time"):
        read_think(text)
