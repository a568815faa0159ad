"""Foreign strings and numbers on their way to a page."""

from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.base.text import clean, figure, slug


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12_345.6, "12,300"),
        (1234.5, "1,230"),
        (999.6, "1,000"),
        (61.44, "61.4"),
        (0.05, "0.0500"),
        (0.000_012_3, "1.23e-5"),
        (2.5e12, "2.50e12"),
        (0.0, "0"),
        (-4.0, "-4.00"),
        (None, "–"),
    ],
)
def test_numbers_keep_three_significant_digits(value, shown):
    assert figure(value) == shown


@given(st.floats(min_value=1e-12, max_value=1e15))
def test_a_shown_number_is_within_half_a_percent_of_the_measured_one(value):
    assert math.isclose(float(figure(value).replace(",", "")), value, rel_tol=0.005)


@given(st.text())
def test_a_slug_is_safe_in_a_path(text):
    made = slug(text)
    assert made
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert not made.startswith(".")


@given(st.text(), st.text())
def test_two_names_never_share_a_slug(a, b):
    assert (slug(a) == slug(b)) == (a == b)


@given(st.text())
def test_clean_text_is_one_line_without_controls_or_overrides(text):
    shown = clean(text)
    assert len(shown) <= 201
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in shown)
