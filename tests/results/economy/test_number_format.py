"""Figures at a terminal: three digits, known bounds, and a sign for what is not known."""

from __future__ import annotations

import pytest

from results.economy.economics import Span
from results.economy.number_format import figure, span


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "?"),
        (0.0, "0"),
        (12345.6, "12,346"),
        (1000.0, "1,000"),
        (999.94, "1e+03"),
        (61.44, "61.4"),
        (0.001, "0.001"),
        (0.0009994, "9.99e-04"),
        (-2000.0, "-2,000"),
    ],
)
def test_a_figure_has_three_digits(value, shown):
    assert figure(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (Span(1.5, None, None), "1.5"),
        (Span(1.5, 1.0, 2.0), "1.5 [1, 2]"),
        (Span(1.5, None, 2.0), "1.5 [?, 2]"),
        (Span(1.5, 1.0, None), "1.5 [1, ?]"),
    ],
)
def test_bounds_stand_beside_the_value(value, shown):
    assert span(value) == shown
