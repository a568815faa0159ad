"""The comparison with other instruments judges by coverage, and ours by the same rule."""

from __future__ import annotations

import pytest

from suites.base.statistics import Interval
from suites.kernels.bench import compare, instruments
from suites.kernels.bench.compare import coverage
from suites.kernels.bench.instruments import CASES, InstrumentRun, call_of, cases, joined


def run(value, half):
    return InstrumentRun(
        intervals={"case": Interval(value, value - half, value + half, 5)}, wall_s=1.0
    )


def test_intervals_that_hold_the_grand_median_cover():
    share, width = coverage([run(9.9, 0.2), run(10.0, 0.2), run(10.1, 0.2)])
    assert share == 1.0
    assert width == pytest.approx(0.02, rel=0.02)


def test_precise_but_wrong_intervals_do_not():
    share, _ = coverage([run(9.0, 0.01), run(10.0, 0.01), run(11.0, 0.01)])
    assert share == pytest.approx(1 / 3)


def test_every_instrument_times_the_same_six_cases():
    assert len(cases()) == len(CASES) == 6


def test_the_timed_function_is_the_checked_case():
    name = next(name for name in cases() if name.startswith("rmsnorm"))
    call_of(name)()


def test_our_interval_comes_from_the_spread_between_processes_and_not_from_inside_one():
    own = joined([run(value, 1e-6) for value in (9.8, 9.9, 10.0, 10.1, 10.2)])
    assert own.intervals["case"].value == 10.0
    assert own.intervals["case"].half_width > 0.015
    assert own.wall_s == 5.0


def test_peers_run_between_our_processes_which_stand_apart(monkeypatch):
    order = []
    monkeypatch.setattr(instruments, "one_process", lambda: order.append("o") or run(1.0, 0.1))
    turns = compare.turn([(name, lambda n=name: order.append(n) or run(1, 1)) for name in "abc"])
    assert "".join(order) == "ooaooboocoooo"
    names = [name for name, _ in turns]
    assert names == ["a", "b", "c", *["fenmark, 5 processes", "fenmark, 1 process"] * 2]
    assert all(result.wall_s == 5.0 for name, result in turns if name.startswith("fenmark, 5"))
