"""Intervals that cover, and drops that are found: simulated with fixed seeds."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.quality.bench.power import STRATA, answered, chances, verdicts
from suites.quality.scores import compared, wilson


def test_wilson_against_figures_worked_out_by_hand():
    score = wilson(8, 10)  # Wilson 1927; (0.8 + 0.19207 ± 0.2775) ÷ 1.38415
    assert (score.low, score.high) == (
        pytest.approx(0.4902, abs=1e-4),
        pytest.approx(0.9433, abs=1e-4),
    )
    assert wilson(0, 10).low == 0
    assert wilson(10, 10).high == 1


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_holds_its_share(right, n):
    if right > n:
        with pytest.raises(ValueError, match="right of"):
            wilson(right, n)
        return
    score = wilson(right, n)
    assert 0 <= score.low <= score.score <= score.high <= 1


def test_coverage_of_the_overall_interval_is_93_percent_and_more():
    random, held = Random(3), 0
    for _ in range(200):
        chance = chances(random)
        truth = sum(chance.values()) / len(chance)
        right = sum(right for right, _ in answered(random, chance, 11).values())
        score = wilson(right, 11 * len(STRATA))
        held += score.low <= truth <= score.high
    assert held >= 186


def test_a_drop_of_five_points_is_found_with_six_hundred_questions():
    assert verdicts(0.05, 200)["worse"] >= 180
    assert verdicts(0.0, 200)["worse"] < 10


def test_strata_that_only_one_side_has_say_nothing():
    own = {("lists", 0): (5, 10), ("trace", 1): (9, 10)}
    other = {("lists", 0): (50, 100)}
    assert compared(own, other).drop == 0
    with pytest.raises(ValueError, match="none of these"):
        compared(own, {("tools", 0): (1, 1)})
