"""Intervals beside a neighbour that comes and goes: what the probes see makes them wider."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from statistics import median

import pytest

from suites.base.probe import DRIFT_LIMIT, Probe, drift
from suites.base.records import CellResult, Series
from suites.kernels import summarize
from tests.builders import assert_signable

# Seconds a neighbour works and rests; how much slower everything is meanwhile.
TOGGLE_S, SLOWER = 30.0, 1.3


def process(time_ms, change=0.0):
    """A kernel process with one case, and the change of speed that the probes around it saw."""
    series = Series(
        suite="kernels",
        case="rmsnorm/f32",
        metric="time",
        unit="ms",
        samples=(time_ms,) * 6,
        labels={
            "family": "rmsnorm",
            "dtype": "f32",
            "cache": "cold",
            "backend": "numpy",
            "stopped_because": "converged",
            "blocks_disturbed": 0,
            "flops": 5e6,
            "bytes": 1e6,
        },
    )
    return CellResult(series=(series,), facts={"speed_change": change} if change else {})


def run_beside_a_neighbour(random, *, processes, cell_s):
    """Results of a run that begins at any moment of the neighbour's; its case is in mid-process."""
    start = random.uniform(0, 2 * TOGGLE_S)

    def slowed(at_s):
        return SLOWER if (start + at_s) % (2 * TOGGLE_S) < TOGGLE_S else 1.0

    def probed(at_s):
        return Probe(copy_gb_s=10 / slowed(at_s), gemm_gflop_s=50 / slowed(at_s))

    results = []
    for begun in (place * cell_s for place in range(processes)):
        changed = drift(probed(begun), probed(begun + cell_s))
        time_ms = slowed(begun + cell_s / 2) * math.exp(random.gauss(0, 0.01))
        results.append(process(time_ms, changed if changed > DRIFT_LIMIT else 0.0))
    return results


def timed(results):
    return next(row for row in summarize(results) if row.metric == "time")


def held(*, processes, cell_s, aware=True):
    """Share of runs whose interval holds the median of all of them."""
    random = Random(5)
    runs = [run_beside_a_neighbour(random, processes=processes, cell_s=cell_s) for _ in range(200)]
    rows = [timed(run if aware else [replace(cell, facts={}) for cell in run]) for run in runs]
    truth = median(row.value for row in rows)
    return sum(row.low <= truth <= row.high for row in rows) / len(rows)


# As the profiles "quick" and "standard" do.
@pytest.mark.parametrize(("processes", "cell_s"), [(5, 13.0), (7, 172.0)])
def test_intervals_hold_the_median_of_repeated_runs_beside_a_neighbour(processes, cell_s):
    assert held(processes=processes, cell_s=cell_s) >= 0.9


def test_without_what_the_probes_saw_they_would_not():
    assert held(processes=7, cell_s=172.0, aware=False) < 0.9


def test_a_change_that_the_probes_saw_widens_every_interval_and_is_said():
    times = (0.99, 1.0, 1.01)
    quiet = summarize([process(time) for time in times])
    seen = summarize(
        [process(time, change) for time, change in zip(times, (0, 0.2, 0), strict=True)]
    )
    assert_signable(seen)
    for before, after in zip(quiet, seen, strict=True):
        assert after.value == before.value
        assert after.low == pytest.approx(before.value * 0.8)
        assert after.high == pytest.approx(before.value / 0.8)
        assert after.labels["speed_change"] == 0.2
        assert "speed_change" not in before.labels


def test_an_interval_that_reaches_farther_stays():
    times = (0.5, 1.0, 2.0)
    quiet, seen = timed([process(t) for t in times]), timed([process(t, 0.2) for t in times])
    assert (seen.low, seen.high) == (quiet.low, quiet.high)


def test_one_process_has_no_interval_to_widen():
    row = timed([process(1.0, 0.2)])
    assert (row.low, row.high, row.labels["speed_change"]) == (None, None, 0.2)
