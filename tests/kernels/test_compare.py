"""The comparison with other instruments judges by coverage, and ours by the same rule."""

from __future__ import annotations

import pytest

from suites.kernels.compare import CASES, Repeat, call_of, cases, coverage
from suites.statistics import Interval


def repeat(value, half):
    return Repeat(intervals={"case": Interval(value, value - half, value + half, 5)}, wall_s=1.0)


def test_intervals_that_hold_the_grand_median_cover():
    share, width = coverage([repeat(9.9, 0.2), repeat(10.0, 0.2), repeat(10.1, 0.2)])
    assert share == 1.0
    assert width == pytest.approx(0.02, rel=0.02)


def test_precise_but_wrong_intervals_do_not():
    share, _ = coverage([repeat(9.0, 0.01), repeat(10.0, 0.01), repeat(11.0, 0.01)])
    assert share == pytest.approx(1 / 3)


def test_every_instrument_times_the_same_six_cases():
    assert len(cases()) == len(CASES) == 6


def test_the_timed_function_is_the_checked_case():
    name = next(name for name in cases() if name.startswith("rmsnorm"))
    call_of(name)()
