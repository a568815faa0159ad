"""Our figures against an exact queue: intervals hold the truth, a search finds the knee."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest

from suites.serving.bench import known_queue
from suites.serving.bench.known_queue import KnownQueue, arrivals_s, coverage, run, search

QUEUE = KnownQueue(capacity=10.0)


def test_the_queue_is_what_its_formulas_say():
    # M/M/1 at half its capacity: exponential at 5 a second, with a median of ln 2 ÷ 5.
    assert QUEUE.percentile_ms(5.0, 0.5) == pytest.approx(138.629, abs=1e-3)
    # 90% within a second where the rate of leaving is ln 10 above that of coming.
    assert QUEUE.knee(1000.0, 0.9) == pytest.approx(10 - math.log(10))
    came_s = arrivals_s(5.0, 400_000, seed=3)
    times_ms = 1e3 * QUEUE.ttft_s(came_s, seed=4)
    assert np.median(times_ms) == pytest.approx(138.629, rel=0.03)
    assert np.quantile(times_ms, 0.9) == pytest.approx(460.517, rel=0.03)
    left_s = came_s + times_ms / 1e3
    assert (np.diff(left_s) >= 0).all()  # first come first served


@pytest.mark.parametrize("use", [0.3, 0.6])
def test_intervals_of_p50_and_p90_hold_the_truth_in_nine_of_ten_runs(use):
    for covered in coverage(QUEUE, use, requests=1500):
        assert covered.runs == 30
        assert covered.held >= 27
        # An interval that holds everything says nothing.
        assert covered.width < 0.8


def test_runs_of_a_queue_are_valid_and_one_that_grows_has_no_percentile():
    rows = run(QUEUE, 5.0, 1500, seed=1)
    assert all(row.labels["valid"] for row in rows)
    flooded = run(QUEUE, 20.0, 1500, seed=1)
    assert not any(row.metric == "ttft" for row in flooded)
    assert all(row.labels["saturated"] for row in flooded if row.metric == "request_throughput")


def test_a_searched_rate_lies_within_three_percent_below_the_true_knee():
    searched = search(QUEUE, limit_ms=1000.0, seed=5, start=4.0)
    assert -0.03 <= searched.error <= 0.0
    assert searched.loads < 12


def test_the_table_says_what_was_found(monkeypatch, capsys):
    monkeypatch.setattr(known_queue, "_USES", ((0.3, 400),))
    monkeypatch.setattr(known_queue, "_SEEDS", range(1))
    monkeypatch.setattr(known_queue.search, "__kwdefaults__", {
        **known_queue.search.__kwdefaults__, "requests": 3000,
    })  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["known_queue", "--json"])
    known_queue._main()
    told = json.loads(capsys.readouterr().out)
    assert [row["percentile"] for row in told["coverage"]] == [50.0, 90.0]
    assert told["search"][0]["knee"] == pytest.approx(10 - math.log(10))
    known_queue.print_table(*known_queue.steps())
    assert "intervals that hold it" in capsys.readouterr().out


def test_numbers_to_reach_are_said_to_be_met_or_missed():
    covered = known_queue.Coverage(
        use=0.5, percentile=50.0, true_ms=1.0, runs=30, held=26, width=0.1
    )
    searched = known_queue.Searched(rate=7.5, knee=7.697, loads=9, requests=10)
    assert known_queue.goals([covered], [searched]) == [
        "intervals hold the truth in 87% of the runs at least (missed: 90%)",
        "searched rates within 2.6% of the knee (met: 3%)",
    ]
