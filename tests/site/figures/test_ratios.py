"""A ratio says better or worse only where its interval leaves 1 out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from leaderboard.figures.ratios import Ratio, ratio


@dataclass(frozen=True)
class Figure:
    value: float
    low: float | None
    high: float | None


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.0, 1.2, "none"),  # touching 1 from above
        (0.8, 1.0, "none"),  # and from below
        (0.9, 1.1, "none"),
        (1.0001, 1.2, "better"),
        (None, 1.2, "unknown"),
    ],
)
def test_an_interval_that_touches_one_shows_no_difference(low, high, verdict):
    assert Ratio(1.1, low, high).verdict("higher") == verdict


@pytest.mark.parametrize(
    ("value", "better", "verdict"),
    [(1.2, "higher", "better"), (1.2, "lower", "worse"), (0.8, "lower", "better")],
)
def test_the_direction_is_the_metrics(value, better, verdict):
    assert Ratio(value, value * 0.99, value * 1.01).verdict(better) == verdict


def test_errors_of_both_figures_add_in_squares():
    # 3% and 4% either way make 5%, on the log scale.
    quotient = ratio(Figure(2.0, 2.0 / 1.03, 2.0 * 1.03), Figure(1.0, 1 / 1.04, 1.04))
    assert quotient.value == 2
    assert quotient.high / quotient.value == pytest.approx(1.0505, abs=5e-4)
    assert quotient.value / quotient.low == pytest.approx(1.0505, abs=5e-4)


def test_what_is_not_positive_has_no_ratio():
    assert ratio(Figure(0.0, 0.0, 0.0), Figure(1.0, 1.0, 1.0)) is None
