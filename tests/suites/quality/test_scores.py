"""Intervals that cover, and drops that are found: simulated with fixed seeds."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.quality.items import FAMILIES, LEVELS
from suites.quality.scores import compared, wilson

STRATA = [(family, level) for family in FAMILIES for level in LEVELS]


def chances(random: Random) -> dict[tuple[str, int], float]:
    """A model's chances: families differ, and each level is harder than the one before."""
    made = {}
    for family in FAMILIES:
        skill = random.uniform(-0.5, 3.5)
        for level in LEVELS:
            made[family, level] = 1 / (1 + math.exp(1.6 * (level - skill)))
    return made


def answered(random: Random, chance, each: int):
    return {key: (sum(random.random() < chance[key] for _ in range(each)), each) for key in STRATA}


def less(chance, points: float):
    """The same model with so many points fewer of all."""
    low, high = 0.0, 8.0
    for _ in range(60):
        shift = (low + high) / 2
        worse = {
            key: 1 / (1 + math.exp(-math.log(p / (1 - p)) + shift)) for key, p in chance.items()
        }
        if sum(chance.values()) - sum(worse.values()) < points * len(chance):
            low = shift
        else:
            high = shift
    return worse


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
    random, found, alarms = Random(5), 0, 0
    for _ in range(200):
        chance = chances(random)
        reference = answered(random, chance, 110)
        worse = compared(answered(random, less(chance, 0.05), 11), reference)
        same = compared(answered(random, chance, 11), reference)
        found += worse.verdict == "worse"
        alarms += same.verdict == "worse"
    assert found >= 180
    assert alarms < 10


def test_strata_that_only_one_side_has_say_nothing():
    ours = {("lists", 0): (5, 10), ("trace", 1): (9, 10)}
    theirs = {("lists", 0): (50, 100)}
    assert compared(ours, theirs).drop == 0
    with pytest.raises(ValueError, match="none of these"):
        compared(ours, {("tools", 0): (1, 1)})
