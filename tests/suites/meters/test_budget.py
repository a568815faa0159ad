"""The informative tier: an error budget worked out by hand, and what it must never do."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.measure import report
from suites.base.labels import LABELS
from suites.base.records import CellResult
from suites.meters.budget import PSU_PERCENT, Load, budget
from suites.meters.windows import EnergyWindow, energy_rows

# A plug of class 1%, steps of 1 W, a reading a second: a minute at 400 W, 100 W at rest.
LOAD = Load(mean_w=400, idle_w=100, duration_s=60, gap_s=1, accuracy_percent=1.0, resolution_w=1.0)


def test_the_budget_of_a_minute_by_a_smart_plug():
    errors = budget(LOAD)
    assert errors.meter == pytest.approx(0.577, abs=1e-3)  # 1/√3
    assert errors.resolution == pytest.approx(0.0722, abs=1e-4)  # 100·0.5/√3/400
    assert errors.sampling == pytest.approx(2.795, abs=1e-3)  # 75/√720
    assert errors.edges == pytest.approx(0.510, abs=1e-3)  # 75/√6/60
    assert errors.idle == pytest.approx(0.161, abs=1e-3)  # √(0.144² + 0.072²)
    parts = 0.5774**2 + 0.0722**2 + 2.795**2 + 0.5103**2
    assert errors.total == pytest.approx(2 * sqrt(parts), abs=1e-2)
    assert errors.above_idle == pytest.approx(2 * sqrt(parts + 0.1614**2) / 0.75, abs=1e-2)
    assert pytest.approx(5.25, abs=0.01) == PSU_PERCENT


loads = st.builds(
    Load,
    mean_w=st.floats(1, 1e5),
    idle_w=st.floats(0, 1e5),
    duration_s=st.floats(0.1, 1e5),
    gap_s=st.floats(0, 10),
    accuracy_percent=st.floats(0.01, 100),
    resolution_w=st.floats(0, 100),
)


@given(loads)
def test_a_worse_meter_never_has_a_smaller_error_and_none_is_below_its_class(load):
    errors = budget(load)
    assert errors.total >= 2 * errors.meter
    worse = budget(replace(load, accuracy_percent=2 * load.accuracy_percent))
    assert worse.meter > errors.meter
    assert worse.total >= errors.total  # equal where the other parts drown it
    assert budget(replace(load, resolution_w=load.resolution_w + 1)).total >= errors.total


@pytest.mark.parametrize("wrong", [{"mean_w": 0.0}, {"duration_s": 0.0}])
def test_a_window_without_energy_has_none(wrong):
    with pytest.raises(ValueError, match="no error budget"):
        budget(replace(LOAD, **wrong))


class Cell:
    name, result = "p0", CellResult(series=())

    def __init__(self, accuracy):
        window = EnergyWindow(
            suite="inference",
            case="c",
            meter="shelly 0",
            joules=24_000.0,
            low=24_000.0,
            high=24_000.0,
            duration_s=60.0,
            input_tokens=0,
            output_tokens=8000,
            max_gap_s=1.0,
            resolution_w=1.0,
        )
        rest = replace(window, case="idle", joules=300.0, duration_s=3.0, output_tokens=0)
        self.energy = (rest, window)
        info = {"name": "shelly 0", "scope": "wall", "method": "external meter"}
        self.meters = ({**info, "accuracy_percent": accuracy, "note": ""},)


def test_a_wall_meters_row_has_what_is_above_idle_and_its_budget():
    idle, row = energy_rows([Cell(1.0)])
    assert (idle.metric, idle.value) == ("idle_power", 100.0)
    assert row.value == 3.0  # J/token, which stays what it is
    assert row.labels["above_idle"] == pytest.approx(3.0 * 300 / 400)
    assert row.labels["idle_w"] == 100.0
    assert row.labels["energy_tier"] == "informative"
    assert row.labels["error_percent"] == round(budget(LOAD).total, 3)
    assert row.labels["error_psu_percent"] == round(PSU_PERCENT, 3)
    known = {label.name if hasattr(label, "name") else label for label in LABELS}
    assert set(row.labels) <= known


def test_the_end_of_a_run_shows_both():
    _, row = energy_rows([Cell(1.0)])
    assert report._how(row) == "measured, shelly 0, informative ±5.8%, 2.25 above idle"


def test_a_meter_of_unknown_class_has_no_tier():
    _, row = energy_rows([Cell(None)])
    assert row.labels["above_idle"] == pytest.approx(2.25)
    assert "energy_tier" not in row.labels
