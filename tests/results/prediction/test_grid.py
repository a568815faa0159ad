"""Ratios between measured points, and beyond them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.prediction.grid import KernelGrid, filled

GRID = KernelGrid(
    (np.array([1.0, 4.0, 16.0]), np.array([10.0, 1000.0])),
    np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 9.0]]),
)


@pytest.mark.parametrize(
    ("m", "n", "value"),
    [
        (1, 10, 0.0),
        (16, 1000, 9.0),
        (2, 10, 1.0),  # half way between 1 and 4 by logarithm
        (8, 100, 4.5),  # the mean of 2, 3, 4 and 9
        (0.5, 10, 0.0),  # below an axis its first value holds
        (64, 1e6, 9.0),
    ],
)
def test_values_are_linear_in_logarithms_and_hold_beyond_the_ends(m, n, value):
    assert GRID.at(m, n) == pytest.approx(value)


def test_points_broadcast():
    assert GRID.at(np.array([[1.0], [16.0]]), np.array([10.0, 1000.0])).tolist() == [[0, 1], [4, 9]]


def test_an_axis_of_one_point_keeps_the_shape_of_what_is_asked():
    grid = KernelGrid((np.array([8.0]), np.array([1.0, 4.0])), np.array([[0.0, 2.0]]))
    assert grid.at(np.array([1.0, 8.0, 99.0]), 2.0).tolist() == [1.0, 1.0, 1.0]


def test_what_is_missing_is_taken_from_the_nearest():
    nan = np.nan
    grid = filled(
        (np.array([1.0, 2.0]), np.array([1.0, 2.0, 4.0])), np.array([[nan, 5, nan], [nan] * 3])
    )
    assert grid.values.tolist() == [[5, 5, 5], [5, 5, 5]]
    assert filled((np.array([1.0]),), np.array([nan])) is None


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_shipped_values_differ_by_half_a_step_at_most(value, other):
    grid = KernelGrid((np.array([1.0, 2.0]),), np.array([value, other]))
    again = KernelGrid.from_json(grid.as_json())
    assert np.abs(again.values - grid.values).max() <= 0.0025 + 1e-9
