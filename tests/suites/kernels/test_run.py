"""Running the suite: a child process, pytest by itself, the list, and bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import suites.kernels
from suites.base.errors import UserError
from suites.base.records import CellResult
from suites.kernels import list_cases, plan, summarize
from suites.kernels.backends import host, load_backend
from tests.builders import assert_signable

KERNELS = Path(suites.kernels.__file__).parent
CASE = "rmsnorm/f32/numpy/*/hot"  # a cold run may not fit a machine with a vast cache


def child(tmp_path, **spec):
    path, out = tmp_path / "spec.json", tmp_path / "out.json"
    base = {"profile": "quick", "process": 0, "model": "tiny-15m", "threads": 1}
    path.write_text(json.dumps(base | {"backend": ["numpy"]} | spec))
    command = [sys.executable, "-m", "suites.kernels", "--spec", path, "--out", out]
    return out, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.processes(1)
@pytest.mark.usefixtures("unprobed")
def test_a_child_reports_progress_and_writes_its_series(tmp_path):
    out, process = child(tmp_path, case=CASE)
    output, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    last = json.loads(output.splitlines()[-1])
    assert (last["event"], last["done"], last["total"]) == ("progress", 1, 1)
    result = CellResult.from_json(json.loads(out.read_text()))
    (series,) = result.series
    assert series.case == "rmsnorm/f32/numpy/tiny-15m/m512/hot"
    assert series.unit == "ms"
    assert len(series.samples) == len(series.windows) >= 8
    window, sample = series.windows[0], series.samples[0]
    calls = series.labels["calls_per_block"]
    assert (window.end_ns - window.start_ns) / 1e6 >= sample * calls
    assert result.facts["packages"]["blas_threads"] == "1"
    rows = summarize([result, result, result])
    assert {row.metric for row in rows} == {"time", "bandwidth"}
    assert_signable(rows)


def test_a_child_told_to_stop_leaves_nothing_behind(tmp_path):
    out, process = child(tmp_path, case="*")
    assert process.stdout is not None
    process.stdout.readline()  # it is measuring
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spec.json"]


def test_a_child_refuses_a_bad_spec_in_one_line(tmp_path):
    out, process = child(tmp_path, case="nothing*")
    _, complaint = process.communicate(timeout=240)
    assert process.returncode == 2
    assert complaint.count("\n") == 1
    assert "no kernel case matches 'nothing*'" in complaint
    assert not out.exists()


@pytest.mark.processes(1)
@pytest.mark.usefixtures("unprobed")
def test_pytest_by_itself_writes_benchmark_json_with_our_blocks(tmp_path):
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "pytest", KERNELS, "-q", f"--benchmark-json={out}"]
    command += ["-p", "no:schemathesis"]  # half a second to load
    done = subprocess.run(
        [*command, f"--case={CASE}", "--model=tiny-15m", "--backend=numpy"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (bench,) = json.loads(out.read_text())["benchmarks"]
    info = bench["extra_info"]
    assert bench["stats"]["rounds"] == len(info["blocks"])
    # The harness holds our samples, not times of its own.
    assert bench["stats"]["min"] == pytest.approx(min(b["seconds"] for b in info["blocks"]))
    assert info["cache"] == "hot"
    assert info["relative_l2_error"] < 1e-5


def test_the_list_states_every_case_and_why_one_cannot_run():
    cases = list_cases({"profile": "quick", "backend": ["numpy"]})
    needed = {"case", "family", "backend", "dtype", "shape", "flops", "bytes", "runnable", "reason"}
    for case in cases:
        assert needed <= case.keys()
        assert case["runnable"] == (case["reason"] == "")
    reason = {case["case"]: case["reason"] for case in cases}
    assert "without BLAS" in reason["gemm/int8/numpy/qwen2.5-0.5b/down/m1"]
    assert reason["rmsnorm/bf16/numpy/qwen2.5-0.5b/m512"] == "NumPy has no bf16"
    assert "no peer" in reason["all_reduce/f32/numpy/qwen2.5-0.5b/m512"]
    assert len({case["case"] for case in cases}) == len(cases)
    json.dumps(cases)


def test_a_case_that_would_not_fit_is_listed_so(monkeypatch):
    monkeypatch.setattr(load_backend("numpy"), "free_bytes", lambda: 2**20, raising=False)
    cases = list_cases({"profile": "quick", "case": "copy/f32/numpy/*", "backend": ["numpy"]})
    assert {case["runnable"] for case in cases} == {False}
    assert "more than a quarter of the free memory" in cases[0]["reason"]


def test_a_case_whose_check_the_host_cannot_hold_is_listed_so(monkeypatch):
    monkeypatch.setattr(load_backend("numpy"), "free_bytes", lambda: 2**40, raising=False)
    monkeypatch.setattr(host, "free_bytes", lambda: 2**20)
    cases = list_cases({"profile": "quick", "case": "copy/f32/numpy/*", "backend": ["numpy"]})
    assert {case["runnable"] for case in cases} == {False}
    assert "GiB of float64 on the host for its check" in cases[0]["reason"]


def test_memory_counts_the_float64_reference():
    cases = list_cases({"profile": "quick", "case": "copy/f32/numpy/*", "backend": ["numpy"]})
    for case in cases:
        assert case["check_bytes"] == 2 * case["buffer_bytes"]
        assert case["memory_bytes"] >= case["buffer_bytes"] + case["check_bytes"]


def test_a_pattern_meant_for_another_suite_plans_nothing():
    assert plan("quick", {"case": "decode/*", "backend": ["numpy"]}) == []


def test_each_profile_starts_its_number_of_fresh_processes():
    for profile, processes in (("quick", 5), ("standard", 7), ("full", 10)):
        cells = plan(profile, {"case": CASE, "backend": ["numpy"], "seed": 4})
        assert [cell.spec["process"] for cell in cells] == list(range(processes))
        assert {cell.spec["seed"] for cell in cells} == {4}
        json.dumps([cell.spec for cell in cells])


@pytest.mark.parametrize(
    ("profile", "options", "complaint"),
    [
        ("fast", {}, "unknown profile 'fast'"),
        ("quick", {"backend": ["nympy"]}, "unknown backend 'nympy'"),
        ("quick", {"model": "gpt-9"}, "unknown model 'gpt-9'"),
        ("quick", {"case": "gemm/bf16/numpy/*", "backend": ["numpy"]}, "NumPy has no bf16"),
    ],
)
def test_bad_options_are_one_line_for_the_user(profile, options, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        plan(profile, options)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_cold_runs_touch_more_than_the_cache_and_hot_ones_one_set():
    cases = list_cases({"profile": "quick", "backend": ["numpy"], "case": "*/f32/*"})
    cache = load_backend("numpy").cache_bytes()
    for case in cases:
        sets = case["copies"]
        if case["cache"] == "hot":
            assert sets == 1
            assert case["bytes"] < cache
        elif case["runnable"]:
            assert sets * case["bytes"] > 2 * cache
