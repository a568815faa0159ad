"""Comparing two configurations: in turns, in pairs, and honest about no difference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from runners.cli import app
from runners.measure.ab import measure, read
from suites.base.errors import CheckError, UserError
from suites.base.paired import NO_DIFFERENCE, compare, turns
from suites.base.records import CellResult, Series


def result(time_ms, *, case="gemm/f32/numpy/x", backend="numpy", metric="time"):
    return CellResult(
        series=(
            Series(
                suite="kernels",
                case=case,
                metric=metric,
                unit="ms",
                samples=(time_ms,),
                labels={"backend": backend},
            ),
        )
    )


def test_processes_are_taken_in_turns_that_cancel_drift():
    assert turns(3) == [(0, "A"), (0, "B"), (1, "B"), (1, "A"), (2, "A"), (2, "B")]


def test_the_same_configuration_twice_shows_no_difference():
    random = np.random.default_rng(5)
    a, b = ([result(10 + 0.1 * x) for x in random.standard_normal(6)] for _ in range(2))
    (ratio,) = compare(a, b)
    assert ratio.verdict == NO_DIFFERENCE
    assert ratio.ratio.n == 6


def test_a_slower_configuration_is_named_through_shared_drift():
    drift = [1.0, 1.1, 1.2, 1.3]
    a = [result(10.5 * d) for d in drift]
    b = [result(10.0 * d * noise) for d, noise in zip(drift, (1, 1.001, 0.999, 1), strict=True)]
    (ratio,) = compare(a, b)
    assert ratio.ratio.holds(1.05)
    assert ratio.verdict == "B better"


def test_a_higher_rate_is_better():
    a = [result(v, metric="output_throughput") for v in (20.0, 20.1, 20.2)]
    b = [result(v, metric="output_throughput") for v in (10.0, 10.1, 10.2)]
    assert compare(a, b)[0].verdict == "A better"


def test_two_backends_meet_in_the_same_case():
    a = [result(1.0), result(1.0)]
    b = [result(2.0, case="gemm/f32/torch/x", backend="torch") for _ in range(2)]
    (ratio,) = compare(a, b)
    assert ratio.case == "gemm/f32/x"
    assert ratio.ratio.value == 0.5


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("options = ", "is not TOML"),
        ("option = {}", "Extra inputs are not permitted"),
        ("options = {bakend = ['numpy']}", "unknown option 'bakend'"),
    ],
)
def test_a_bad_configuration_is_one_line(tmp_path, text, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        read(write(tmp_path / "a.toml", text))
    assert "\n" not in str(caught.value)
    assert "a.toml" in str(caught.value)


def test_a_missing_configuration_is_one_line():
    with pytest.raises(UserError, match="cannot be read"):
        read(Path("/nowhere/a.toml"))


ONE = """
[options]
backend = ["numpy"]
case = "rmsnorm/f32/*/m512/hot"
model = "tiny-15m"
threads = 1
"""


@pytest.mark.processes(1)
def test_two_real_configurations_are_compared_end_to_end(unprobed, tmp_path):
    a = write(tmp_path / "a.toml", ONE)
    b = write(tmp_path / "b.toml", "environment = {FENMARK_TEST = '1'}" + ONE)
    arguments = ["compare-configs", str(a), str(b), "--pairs", "2", "--json"]
    done = CliRunner().invoke(app(), arguments, catch_exceptions=False)
    assert done.exit_code == 0
    (row,) = json.loads(done.stdout)
    assert row["case"] == "rmsnorm/f32/tiny-15m/m512/hot"
    assert row["low"] <= row["ratio"] <= row["high"]


def test_a_side_that_cannot_run_says_which_and_why(tmp_path):
    good = read(write(tmp_path / "good.toml", ONE))
    bad = read(write(tmp_path / "bad.toml", "python = '/bin/false'" + ONE))
    with pytest.raises(CheckError, match="bad"):
        measure((bad, good), "kernels", "quick", 2, lambda *_: None)
    lost = read(write(tmp_path / "lost.toml", "prefix = ['/nowhere/podman']" + ONE))
    with pytest.raises(UserError, match=r"podman.*cannot start it"):
        measure((lost, good), "kernels", "quick", 2, lambda *_: None)
