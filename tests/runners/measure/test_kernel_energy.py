"""Energy per kernel call: a child repeats each case for the meter, beside a real recorder."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from results.statement.statement import Chip
from runners.measure.run_meters import Gauge, gauge
from runners.measure.workspace import FinishedCell
from suites.base.records import CellResult, Series, Window
from suites.kernels import plan
from suites.meters import discovery, rapl
from suites.meters.modelled import ModelledMeter
from suites.meters.windows import energy_rows
from tests.builders import assert_signable

WATTS = 50


def finished(name, result, beside):
    return FinishedCell(
        name=name,
        suite="kernels",
        result=result,
        energy=beside.windows(result),
        meters=beside.meters(),
        warnings=beside.warnings(),
        wall_s=1.0,
    )


@pytest.fixture
def kernels(tmp_path):
    """`kernels(gauge)`: one process of the suite on one small case, beside these meters."""

    def run(beside):
        options = {
            "backend": ["numpy"],
            "model": "tiny-15m",
            "case": "rmsnorm/f32/numpy/*/hot",
            "energy_hold_s": beside.hold_s,
        }
        cell = plan("quick", options)[0]
        spec, out = tmp_path / "spec.json", tmp_path / "out.json"
        spec.write_text(json.dumps(cell.spec))
        with beside.recording():
            command = [sys.executable, "-m", "suites.kernels", "--spec", spec, "--out", out]
            subprocess.run(command, check=True, capture_output=True)
            result = CellResult.from_json(json.loads(out.read_text()))
            return finished(cell.name, result, beside)

    return run


@pytest.fixture
def package(tmp_path):
    """A powercap package that draws 50 W by the true clock, its counter moved every 2 ms."""
    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0")
    (zone / "max_energy_range_uj").write_text(str(2**60))
    stopped = threading.Event()

    def count():
        begun = time.monotonic()
        while not stopped.is_set():
            new = zone / "energy_uj.new"
            new.write_text(str(int((time.monotonic() - begun) * WATTS * 1e6)))
            new.replace(zone / "energy_uj")
            stopped.wait(0.002)

    (zone / "energy_uj").write_text("0")
    thread = threading.Thread(target=count)
    thread.start()
    yield zone.parent
    stopped.set()
    thread.join()


def test_a_kernel_is_repeated_for_ten_cadences_and_its_joules_shared_by_its_calls(kernels, package):
    beside = Gauge(rapl.find(package), idle_s=0.1)
    assert beside.hold_s == pytest.approx(0.2)
    cell = kernels(beside)
    (window,) = cell.result.series[0].windows
    seconds = (window.end_ns - window.start_ns) / 1e9
    assert seconds >= 0.2
    (row,) = [row for row in energy_rows([cell]) if row.metric == "energy_per_call"]
    assert (row.unit, row.method) == ("J", "measured")
    assert row.labels["meter"] == "rapl package-0"
    assert row.labels["family"] == "rmsnorm"
    assert_signable([row])
    # What the counter says of the window, and no clock of ours: a busy machine may hold it up.
    [energy] = [energy for energy in cell.energy if energy.calls]
    assert energy.joules > 0
    assert row.value * window.calls == pytest.approx(energy.joules)


def test_without_a_meter_the_bounds_of_a_call_are_modelled_from_its_timed_blocks(kernels):
    beside = Gauge([ModelledMeter(low_w=0.0, high_w=10.0, source="test")])
    assert beside.hold_s == 0
    cell = kernels(beside)
    series = cell.result.series[0]
    assert len(series.windows) == len(series.samples)
    (row,) = energy_rows([cell])
    assert (row.metric, row.method, row.low) == ("energy_per_call", "modelled", 0.0)
    assert row.value == pytest.approx(row.high / 2)
    assert row.high >= 10.0 * min(series.samples) / 1e3


def test_labels_that_differ_between_processes_are_left_out():
    cells = []
    for process in range(2):
        labels = {"dtype": "f32", "calls_per_block": process}
        window = Window(start_ns=0, end_ns=10**9, calls=4)
        series = Series(
            suite="kernels", case="c", metric="time", unit="ms", samples=(1.0,), labels=labels,
            windows=(window,),
        )  # fmt: skip
        result = CellResult(series=(series,))
        beside = Gauge([ModelledMeter(low_w=0.0, high_w=8.0, source="test")])
        with beside.recording():
            cells.append(finished(f"p{process}", result, beside))
    (row,) = energy_rows(cells)
    assert (row.value, row.high) == (1.0, 2.0)
    assert row.labels["dtype"] == "f32"
    assert "calls_per_block" not in row.labels


_NVML = """
import json, sys
from runners.measure.run_meters import Gauge
from suites.meters import nvml
gauge = Gauge(nvml.find(), idle_s=0)
with gauge.recording():
    import subprocess
    from suites.kernels import plan
    from suites.base.records import CellResult
    options = dict(
        backend=["numpy"], model="tiny-15m", case="rmsnorm/f32/numpy/*/hot",
        energy_hold_s=gauge.hold_s,
    )
    open("spec.json", "w").write(json.dumps(plan("quick", options)[0].spec))
    subprocess.run(
        [sys.executable, "-m", "suites.kernels", "--spec", "spec.json", "--out", "out.json"],
        check=True, capture_output=True,
    )
    result = CellResult.from_json(json.load(open("out.json")))
    (energy,) = gauge.windows(result)
print(json.dumps(dict(hold_s=gauge.hold_s, joules=energy.joules, seconds=energy.duration_s,
                      calls=energy.calls, gap=energy.max_gap_s)))
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="no C compiler here")
def test_the_real_nvidia_binding_sees_a_kernel_s_batch(tmp_path):
    source = Path(__file__).parents[2] / "suites" / "meters" / "stub_nvml.c"
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", source, "-o", library], check=True)
    done = subprocess.run(
        [sys.executable, "-c", _NVML],
        env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "STUB_WATTS_0": "300"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["hold_s"] == pytest.approx(1.0)
    assert found["seconds"] >= found["hold_s"]
    assert found["calls"] > 0
    assert found["joules"] == pytest.approx(300 * found["seconds"], rel=0.01)


def test_eight_chips_without_a_meter_are_modelled_by_eight_nameplates(monkeypatch):
    monkeypatch.setattr(discovery, "available", list)
    chip = Chip(catalog_id="h100-sxm", name="x", kind="gpu", count=8)
    assert "5.6e+03 W" in gauge(chip).meters()[0]["note"]
