"""Energy per kernel call: a child repeats each case for the meter, beside a real recorder."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from results.statement.statement import Chip
from runners.measure.run_meters import Gauge, gauge
from runners.measure.workspace import FinishedCell
from suites.base.records import CellResult, Series, Window
from suites.kernels import plan
from suites.meters import base, discovery, rapl
from suites.meters.modelled import ModelledMeter
from suites.meters.windows import energy_rows
from tests.builders import assert_signable
from tests.clock import Clock, LookedAt

pytestmark = [pytest.mark.processes(1), pytest.mark.usefixtures("unprobed")]

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
def clock(monkeypatch):
    clock = Clock(time.monotonic_ns())
    monkeypatch.setattr(base, "time", clock)
    return clock


@pytest.fixture
def kernels(tmp_path, clock):
    """`kernels(gauge)`: one process of the suite on one small case, beside these meters.

    Once it has ended, the meters' clock passes through its window.
    """

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
            for window in result.series[0].windows:
                clock.sleep_until(window.start_ns)
                clock.sleep_until(window.end_ns)
            return finished(cell.name, result, beside)

    return run


@pytest.fixture
def package(tmp_path, clock):
    """A powercap package that draws 50 W by the clock."""
    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0")
    (zone / "max_energy_range_uj").write_text(str(2**60))
    began_ns = clock.now_ns

    def count():
        (zone / "energy_uj").write_text(str((clock.now_ns - began_ns) * WATTS // 1000))

    count()
    clock.moved.append(count)
    return zone.parent


def test_a_kernel_is_repeated_for_ten_cadences_and_its_joules_shared_by_its_calls(
    kernels, package, clock
):
    meters = [LookedAt(clock, meter) for meter in rapl.find(package)]
    beside = Gauge(meters, idle_s=0)
    assert beside.hold_s == pytest.approx(0.2)
    with clock.watching(meters):
        cell = kernels(beside)
    (window,) = cell.result.series[0].windows
    seconds = (window.end_ns - window.start_ns) / 1e9
    assert seconds >= 0.2
    (row,) = energy_rows([cell])
    assert (row.metric, row.unit, row.method) == ("energy_per_call", "J", "measured")
    assert row.labels["meter"] == "rapl package-0"
    assert row.labels["family"] == "rmsnorm"
    assert_signable([row])
    assert row.value * window.calls == pytest.approx(WATTS * seconds)


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
import ctypes, json, time
from runners.measure.run_meters import Gauge
from suites.base.records import CellResult, Series, Window
from suites.meters import base, nvml
from clock import Clock, LookedAt  # of the tests

base.time = clock = Clock()
now = ctypes.c_longlong.in_dll(ctypes.CDLL("libnvidia-ml.so.1"), "stub_now_ns")
clock.moved.append(lambda: setattr(now, "value", clock.now_ns))
meters = [LookedAt(clock, meter) for meter in nvml.find()]
gauge = Gauge(meters, idle_s=0)
clock.sleep(0)
with clock.watching(meters), gauge.recording():
    began_ns = clock.now_ns
    clock.sleep(gauge.hold_s)
    batch = Window(start_ns=began_ns, end_ns=clock.now_ns, calls=50)
    series = Series(
        suite="kernels", case="c", metric="time", unit="ms", samples=(1.0,), windows=(batch,)
    )
    (energy,) = gauge.windows(CellResult(series=(series,)))
print(json.dumps(dict(hold_s=gauge.hold_s, joules=energy.joules, calls=energy.calls)))
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="no C compiler here")
def test_the_real_nvidia_binding_sees_a_kernel_s_batch(tmp_path):
    tests = Path(__file__).parents[2]
    source = tests / "suites" / "meters" / "stub_nvml.c"
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", source, "-o", library], check=True)
    done = subprocess.run(
        [sys.executable, "-c", _NVML],
        env={
            **os.environ,
            "LD_LIBRARY_PATH": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")]),
            "STUB_WATTS_0": "300",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout)
    assert seen == {"hold_s": 1.0, "joules": pytest.approx(300.0), "calls": 50}


def test_eight_chips_without_a_meter_are_modelled_by_eight_nameplates(monkeypatch):
    monkeypatch.setattr(discovery, "available", list)
    chip = Chip(catalog_id="h100-sxm", name="x", kind="gpu", count=8)
    assert "5.6e+03 W" in gauge(chip).meters()[0]["note"]
