"""Meters beside a run: totals of like chips, the rest before it, and what they could not tell."""

import pytest

from results.statement.statement import Chip, Meter
from runners.measure import run_meters
from runners.measure.run_meters import Gauge, gauge
from runners.measure.workspace import FinishedCell
from suites.base.records import CellResult, Series, Window
from suites.meters import discovery
from suites.meters.base import MeterInfo, MeterReading
from suites.meters.modelled import ModelledMeter
from suites.meters.windows import energy_rows
from tests.clock import NS, Clock, LookedAt
from tests.suites.meters.test_vendors import exported, server  # noqa: F401 - a fixture


class Steady:
    """Counts these watts by the clock, until it is lost."""

    period_s = 0.05

    def __init__(self, name, watts, scope="chip"):
        self.info = MeterInfo(name=name, scope=scope, method="hardware counter")
        self.watts, self.lost = watts, False

    def read(self):
        if self.lost:
            raise OSError("the card is lost")
        now_ns = run_meters.time.monotonic_ns()
        return MeterReading(now_ns, joules=self.watts * now_ns / 1e9)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(run_meters, "time", clock)
    return clock


def run(clock, watched, idle_s=0.2):
    """One cell that decodes 10 tokens in 0.2 s."""
    looked_at = [LookedAt(clock, meter) for meter in watched if isinstance(meter, Steady)]
    beside = Gauge(looked_at or watched, idle_s)
    with clock.watching(looked_at), beside.recording():
        start_ns = clock.monotonic_ns()
        clock.sleep(0.2)
        window = Window(start_ns=start_ns, end_ns=clock.monotonic_ns(), output_tokens=10)
        series = Series(
            suite="inference", case="c", metric="tpot", unit="ms", samples=(1.0,), windows=(window,)
        )
        result = CellResult(series=(series,))
        energy = beside.windows(result)
    return FinishedCell(
        name="p0",
        suite="inference",
        result=result,
        energy=energy,
        meters=beside.meters(),
        warnings=beside.warnings(),
        wall_s=1.0,
    )


def by_meter(cell, metric):
    return {row.labels["meter"]: row for row in energy_rows([cell]) if row.metric == metric}


def test_like_chips_have_a_total_first_and_each_its_own_row(clock):
    cell = run(clock, [Steady("nvml 0", 100), Steady("nvml 1", 300), Steady("redfish X", 999)])
    rows = by_meter(cell, "energy_per_output_token")
    assert list(rows) == ["nvml total of 2", "nvml 0", "nvml 1", "redfish X"]
    assert rows["nvml total of 2"].value == pytest.approx(400 * 0.2 / 10)
    assert rows["nvml 1"].value == pytest.approx(300 * 0.2 / 10)
    assert rows["nvml 0"].labels["max_gap_s"] > 0


def test_every_meter_of_a_row_is_described_in_the_statement_s_terms(clock):
    cell = run(clock, [Steady("nvml 0", 100), Steady("nvml 1", 300)])
    described = {Meter.model_validate(meter).name for meter in cell.meters}
    assert described == {row.labels["meter"] for row in energy_rows([cell])}


def test_a_total_with_a_chip_missing_is_not_given(clock):
    lost = Steady("nvml 1", 300)
    lost.lost = True
    cell = run(clock, [Steady("nvml 0", 100), lost])
    assert list(by_meter(cell, "energy_per_output_token")) == ["nvml 0"]
    assert any("nvml 1" in warning and "lost" in warning for warning in cell.warnings)


def test_the_rest_before_a_run_gives_idle_power_once(clock):
    watched = [Steady("nvml 0", 70)]
    cell = run(clock, watched)
    row = by_meter(cell, "idle_power")["nvml 0"]
    assert (row.value, row.unit, row.method) == (pytest.approx(70.0), "W", "measured")
    beside = Gauge(watched, 0.2)
    for rests in (1, 0):
        with beside.recording():
            windows = beside.windows(cell.result)
        assert sum(window.case == "idle" for window in windows) == rests


def test_a_model_has_no_idle_power_and_waits_for_none(clock):
    began_ns = clock.now_ns
    cell = run(clock, [ModelledMeter(low_w=0.0, high_w=10.0, source="test")], idle_s=3600)
    assert clock.now_ns - began_ns < NS
    assert by_meter(cell, "idle_power") == {}


@pytest.mark.parametrize(
    ("kind", "kept"), [("cpu", ["rapl package-0", "redfish X"]), ("gpu", ["nvml 0", "redfish X"])]
)
def test_only_meters_that_cover_the_chip_under_test_are_watched(monkeypatch, kind, kept):
    here = [
        Steady("nvml 0", 1),
        Steady("rapl package-0", 1, "package"),
        Steady("redfish X", 1, "node"),
    ]
    monkeypatch.setattr(discovery, "available", lambda: here)
    watched = gauge(Chip(catalog_id=None, name="x", kind=kind, count=1))
    assert [meter["name"] for meter in watched.meters()] == kept


def test_power_stands_beside_a_loads_timeline_in_steps_that_a_meter_can_tell(clock):
    watched = [LookedAt(clock, Steady(f"dcgm {i}", w)) for i, w in enumerate((100.0, 150.0))]
    beside = Gauge(watched, 0.0)
    with clock.watching(watched), beside.recording():
        start_ns = clock.monotonic_ns()
        for _ in range(5):
            clock.sleep(0.1)
        line = {"start_ns": start_ns, "step_s": 0.1, "sent": [0.0] * 4}
        result = CellResult(series=(), facts={"timelines": {"closed/c1": line, "none": {}}})
        timelines = beside.beside(result).facts["timelines"]
    total, *each = timelines["closed/c1"]["power"]
    assert (total["meter"], total["scope"], total["step_s"]) == ("dcgm total of 2", "chip", 0.2)
    assert total["w"] == pytest.approx([250.0] * 2)
    assert [line["meter"] for line in each] == ["dcgm 0", "dcgm 1"]
    assert timelines["none"] == {}


def test_a_modelled_power_is_not_drawn(clock):
    beside = Gauge([ModelledMeter(low_w=1.0, high_w=2.0, source="s")], 0.0)
    line = {"start_ns": clock.monotonic_ns(), "step_s": 0.1, "sent": [0.0] * 4}
    with beside.recording():
        result = beside.beside(CellResult(series=(), facts={"timelines": {"c": line}}))
    assert result.facts["timelines"]["c"]["power"] == []
    assert beside.beside(CellResult(series=())).facts == {}


def test_an_endpoints_energy_is_metered_by_its_hosts_exporter(server):  # noqa: F811
    url = f"{server({'/metrics': exported()})}/metrics"
    behind = Chip(catalog_id=None, name="x behind an endpoint", kind="other", count=2)
    watched = gauge(behind, telemetry=[url])
    assert [(info["name"], info["scope"]) for info in watched.meters()] == [
        ("dcgm total of 2", "chip"),
        ("dcgm 0", "chip"),
        ("dcgm 1", "chip"),
    ]
    assert all(url not in str(info) for info in watched.meters())
    assert gauge(behind).meters() == ()
