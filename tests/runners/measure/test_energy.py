"""Energy of a run: joules to the window they belong to, a model never dressed as a meter."""

import pytest

from results.statement.statement import Chip
from runners.measure.run_meters import Gauge, gauge
from runners.measure.workspace import FinishedCell
from suites.base.records import CellResult, Series, Window
from suites.meters import discovery
from suites.meters.modelled import ModelledMeter
from suites.meters.windows import EnergyWindow, energy_rows
from tests.builders import assert_signable

MODEL = {"name": "nameplate model", "scope": "chip", "method": "model"}
RAPL = {"name": "rapl package-0", "scope": "package", "method": "hardware counter"}


def window(joules, low, high, *, inputs=0, outputs=0, meter=RAPL, case="decode/b1"):
    return EnergyWindow(
        suite="inference",
        case=case,
        meter=meter["name"],
        joules=joules,
        low=low,
        high=high,
        duration_s=2.0,
        input_tokens=inputs,
        output_tokens=outputs,
    )


def cell(name, *windows, meter=RAPL):
    series = Series(
        suite="inference",
        case="decode/b1",
        metric="tpot",
        unit="ms",
        samples=(1.0,),
        labels={"batch": 1},
    )
    return FinishedCell(
        name=name,
        suite="inference",
        result=CellResult(series=(series,)),
        energy=windows,
        meters=(meter,),
        warnings=(),
        wall_s=1.0,
    )


def test_joules_per_output_token_is_the_median_of_the_processes():
    cells = [cell(f"p{i}", window(j, j, j, outputs=10)) for i, j in enumerate((20.0, 22.0, 30.0))]
    [row] = energy_rows(cells)
    assert_signable([row])
    assert (row.metric, row.unit, row.value) == ("energy_per_output_token", "J/token", 2.2)
    assert row.low < 2.2 < row.high
    assert (row.method, row.n) == ("measured", 3)
    assert row.labels == {
        "batch": 1,
        "meter": "rapl package-0",
        "scope": "package",
        "meter_method": "hardware counter",
    }


def test_windows_with_input_tokens_alone_give_joules_per_input_token():
    [row] = energy_rows([cell("p0", window(5.0, 5.0, 5.0, inputs=10))])
    assert (row.metric, row.value) == ("energy_per_input_token", 0.5)


def test_a_mixed_window_gives_power_and_is_never_split_by_a_guess():
    [row] = energy_rows([cell("p0", window(8.0, 8.0, 8.0, inputs=10, outputs=10))])
    assert (row.metric, row.unit, row.value) == ("power", "W", 4.0)


def test_a_model_s_row_says_so_and_shows_its_bounds():
    modelled = window(10.0, 0.0, 20.0, outputs=10, meter=MODEL)
    [row] = energy_rows([cell("p0", modelled, meter=MODEL)])
    assert (row.method, row.value, row.low, row.high) == ("modelled", 1.0, 0.0, 2.0)


def test_several_meters_are_reported_side_by_side():
    both = cell(
        "p0", window(1.0, 1.0, 1.0, outputs=1), window(9.0, 9.0, 9.0, outputs=1, meter=MODEL)
    )
    both = FinishedCell(
        **{**{f: getattr(both, f) for f in both.__slots__}, "meters": (RAPL, MODEL)}
    )
    assert [row.labels["meter"] for row in energy_rows([both])] == [
        "rapl package-0",
        "nameplate model",
    ]


def test_series_that_share_a_window_count_its_joules_once():
    shared = Window(start_ns=0, end_ns=10**9, output_tokens=5)
    names = ("tpot", "decode_throughput")
    series = [
        Series(suite="inference", case="c", metric=m, unit="", samples=(1.0,), windows=(shared,))
        for m in names
    ]
    watched = Gauge([ModelledMeter(low_w=1.0, high_w=3.0, source="test")])
    with watched.recording():
        [energy] = watched.windows(CellResult(series=tuple(series)))
    assert (energy.joules, energy.low, energy.high) == (2.0, 1.0, 3.0)


@pytest.fixture
def no_meters(monkeypatch):
    monkeypatch.setattr(discovery, "available", list)


def chip(catalog_id, kind="cpu", count=2):
    return Chip(catalog_id=catalog_id, name="x", kind=kind, count=count)


def test_without_a_meter_a_known_chip_is_modelled_and_described_as_such(no_meters):
    [meter] = gauge(chip("epyc-9004")).meters()
    assert meter["method"] == "model"
    assert "not a measurement" in meter["note"]


def test_without_a_meter_an_unlisted_chip_has_no_energy(no_meters):
    assert gauge(chip(None)).meters() == ()


def test_a_chip_behind_an_endpoint_has_no_energy_here():
    assert gauge(chip("h100-sxm", kind="other")).meters() == ()
