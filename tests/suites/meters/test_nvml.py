"""The real nvidia-ml-py over a stand-in library compiled here: each test runs a fresh process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NOT_SUPPORTED, GPU_IS_LOST = "3", "15"  # NVML_ERROR_… of nvml.h

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="no C compiler here")

_MEASURE = """
import ctypes, json, os, threading, time
from suites.meters import discovery, nvml
from suites.meters.recorder import Recorder

now = ctypes.c_longlong.in_dll(ctypes.CDLL("libnvidia-ml.so.1"), "stub_now_ns")
now.value = 1000 * 10**9
time.monotonic_ns = lambda: now.value
moving = threading.Lock()  # a look of the background lies before or after a step of time

read_now, dated = nvml.NvmlMeter.read, None

def look(meter):
    with moving:
        return read_now(meter)

def sleep(seconds):
    with moving:
        now.value += round(seconds * 1e9)

nvml.NvmlMeter.read = look
found = nvml.find()
{before}
with Recorder(found) as recorder:
    start_ns = time.monotonic_ns()
    sleep(0.3)
    end_ns = time.monotonic_ns()
    {meanwhile}
    energies = recorder.energy(start_ns, {until})
    problems = recorder.problems
print(json.dumps({{
    "names": [m.info.name for m in found],
    "methods": [m.info.method for m in found],
    "joules": {{e.meter.name: e.joules for e in energies}},
    "problems": problems,
    "dated": dated and [dated.at_ns - 1000 * 10**9, dated.unsure_ns],
    "described": discovery.describe(),
}}))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Compile the stand-in: `library()`, or `library("-DNO_COUNTER")`."""
    built = {}

    def compile_(*flags):
        if flags not in built:
            folder = tmp_path_factory.mktemp("nvml")
            source = Path(__file__).parent / "stub_nvml.c"
            out = folder / "libnvidia-ml.so.1"
            subprocess.run(["gcc", "-shared", "-fPIC", *flags, source, "-o", out], check=True)
            built[flags] = folder
        return built[flags]

    return compile_


def measure(folder, *, before="pass", meanwhile="pass", until="end_ns", **cards):
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE.format(before=before, meanwhile=meanwhile, until=until)],
        env={**os.environ, "LD_LIBRARY_PATH": str(folder), **cards},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_every_card_is_counted_apart(library):
    measured = measure(library(), STUB_COUNT_0="3", STUB_WATTS_1="300", STUB_WATTS_2="700")
    assert measured["names"] == ["nvml 0", "nvml 1", "nvml 2"]
    assert set(measured["methods"]) == {"hardware counter"}
    # Of 0.3 s; the counter steps by a millijoule.
    joules = {"nvml 0": 30.0, "nvml 1": 90.0, "nvml 2": 210.0}
    assert measured["joules"] == pytest.approx(joules, abs=0.0011)


def test_a_driver_without_the_counter_is_sampled_instead(library):
    measured = measure(library("-DNO_COUNTER"), STUB_WATTS_0="250")
    assert measured["methods"] == ["sampled power"]
    assert measured["joules"]["nvml 0"] == pytest.approx(75.0)


def test_a_card_that_refuses_the_counter_is_sampled_beside_one_that_has_it(library):
    measured = measure(library(), STUB_COUNT_0="2", STUB_COUNTER_ERROR_1=NOT_SUPPORTED)
    assert measured["methods"] == ["hardware counter", "sampled power"]
    assert measured["joules"].keys() == {"nvml 0", "nvml 1"}


def test_a_counter_without_a_power_sensor_is_still_a_meter(library):
    measured = measure(library(), STUB_POWER_ERROR_0=NOT_SUPPORTED)
    assert measured["joules"]["nvml 0"] == pytest.approx(30.0, abs=0.0011)


def test_a_card_that_can_do_neither_or_cannot_be_opened_is_left_out(library):
    neither = {"STUB_COUNTER_ERROR_0": NOT_SUPPORTED, "STUB_POWER_ERROR_0": NOT_SUPPORTED}
    measured = measure(library(), STUB_COUNT_0="3", STUB_HANDLE_ERROR_1=GPU_IS_LOST, **neither)
    assert measured["names"] == ["nvml 2"]


def test_a_card_that_disappears_keeps_what_was_measured_and_is_named(library):
    lost = f"os.environ['STUB_COUNTER_ERROR_0'] = '{GPU_IS_LOST}'"
    before = measure(library(), meanwhile=f"recorder.energy(start_ns, end_ns); {lost}; sleep(0.2)")
    assert before["joules"]["nvml 0"] == pytest.approx(30.0, abs=0.0011)
    after = measure(library(), meanwhile=lost, until="end_ns + 10**9")
    assert after["joules"] == {}
    assert "nvml 0: 1 windows have no energy: GPU is lost" in after["problems"][0]


def test_a_counter_reset_by_a_reloaded_driver_gives_no_energy(library):
    reset = "os.environ['STUB_RESET_AT_0'] = '1000'"
    measured = measure(library(), meanwhile=f"{reset}; sleep(0.3); end_ns = time.monotonic_ns()")
    assert measured["joules"] == {}
    assert "the counter fell" in measured["problems"][0]


def test_a_counter_that_passes_32_bits_of_millijoules_goes_on_counting(library):
    # At 100 W it gains 10^5 mJ a second: 2^32 of them lie 0.15 s ahead, within the window.
    near = "os.environ['STUB_RESET_AT_0'] = str(1000.15 - 2**32 / 1e5)"
    measured = measure(library(), before=near)
    assert measured["joules"]["nvml 0"] == pytest.approx(30.0, abs=0.0011)


def test_a_counter_is_dated_by_both_sides_of_the_look(library):
    # The clock is 2 ms further at every look at it.
    ticking = "by_hand, time.monotonic_ns = time.monotonic_ns, lambda: sleep(0.002) or now.value"
    seen = "dated = read_now(found[0])"
    by_hand = "time.monotonic_ns = by_hand"
    measured = measure(library(), before=f"{ticking}; {seen}; {by_hand}")
    assert measured["dated"] == [3_000_000, 1_000_000]


def test_a_driver_that_does_not_start_is_a_reason_not_an_error(library):
    measured = measure(library(), STUB_INIT_ERROR_0="9")  # NVML_ERROR_DRIVER_NOT_LOADED
    assert measured["names"] == []
    name, present, reason = measured["described"][0]
    assert (name, present) == ("NVML", False)
    assert "Driver Not Loaded" in reason
