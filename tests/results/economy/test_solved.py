"""What a right answer costs, and tokens that give as many of them; golden values by hand."""

import math

import pytest

from results.economy.economics import Span
from results.economy.solved import equal_quality_usd, solved_tokens, solved_usd
from results.statement.statement import Measurement
from tests.builders import figure

TWICE = math.exp(math.sqrt(2) * math.log(2))  # two factors that may each be double


def ends(span):
    return span.value, span.low, span.high


def test_a_right_answer_costs_its_tokens():
    # 2 USD a million tokens, 500 tokens an answer: a tenth of a cent.
    cost = solved_usd(Span(2.0, 1.0, 4.0), Span(500.0, 250.0, 1000.0))
    assert ends(cost) == pytest.approx((1e-3, 1e-3 / TWICE, 1e-3 * TWICE))


def test_equal_quality_costs_as_many_tokens_as_give_the_same_answers():
    # 600 tokens an answer instead of 500: 1.2 million in place of a million.
    cost = equal_quality_usd(
        Span(2.0, 1.0, 4.0), Span(600.0, 300.0, 1200.0), Span(500.0, 500.0, 500.0)
    )
    assert ends(cost) == pytest.approx((2.4, 2.4 / TWICE, 2.4 * TWICE))
    sharp = equal_quality_usd(
        Span(2.0, 2.0, 2.0), Span(600.0, 600.0, 600.0), Span(500.0, 400.0, 1000.0)
    )
    # The reference may take 400 or 1,000: three million of the other's tokens in place of two.
    assert ends(sharp) == pytest.approx((2.4, 1.2, 3.0))


def test_what_has_no_interval_gives_none():
    assert ends(solved_usd(Span(2.0, None, 4.0), Span(500.0, 500.0, 500.0))) == (
        pytest.approx(1e-3), None, pytest.approx(2e-3),
    )  # fmt: skip


def test_tokens_of_a_right_answer_are_those_stated():
    rows = [figure(), figure(metric="tokens_per_solved", value=50.0, low=40.0, high=60.0)]
    measured = [Measurement.model_validate(row) for row in rows]
    assert ends(solved_tokens(measured)) == (50.0, 40.0, 60.0)
    assert solved_tokens(measured[:1]) is None
