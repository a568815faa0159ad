"""A load that rises, summed up step by step."""

from __future__ import annotations

from itertools import takewhile

import pytest

from suites.client.target import Target
from suites.serving.instrument.emitter import Schedule
from suites.serving.load.arrivals import rising_times_s
from suites.serving.load.point import Point
from suites.serving.load.ramp import steps_of
from suites.serving.processes.shard import run_shards, split


def test_rates_follow_one_another_and_the_last_goes_on():
    times = rising_times_s("constant", (8.0, 16.0, 32.0), lead_s=1.0, step_s=2.0, seed=0)
    until_8 = list(takewhile(lambda time_s: time_s < 8, times))
    counts = [sum(a <= t < b for t in until_8) for a, b in ((0, 3), (3, 5), (5, 7), (7, 8))]
    assert counts == [24, 32, 64, 32]
    assert until_8 == sorted(until_8)


def rising(**fields):
    return Point(input_tokens=16, output_tokens=4, duration_s=0.9, **fields)


@pytest.fixture(scope="module")
def run(emitter_at):
    def load(point, shards=1):
        target = Target(url=emitter_at(Schedule(ttft_ms=5, itl_ms=1)), model="m")
        return steps_of(point, run_shards(target, point, seed=1, shards=shards))

    return load


def test_each_step_of_a_rate_is_summed_up_by_itself(run):
    ramp = (20.0, 60.0, 100.0)
    steps = run(rising(shape="open", rate=100.0, arrival="constant", ramp=ramp))
    assert [point.rate for point, _ in steps] == list(ramp)
    counts = [len(outcome.measured) for _, outcome in steps]
    assert counts == pytest.approx([6, 18, 30], abs=1)
    for _, outcome in steps:
        assert outcome.duration_s == pytest.approx(0.3)
        assert all(outcome.start_ns <= r.intended_ns < outcome.end_ns for r in outcome.measured)
    assert steps[1][0].name == "ramp/20-100/step2of3/open/constant/r60/isl16/osl4"
    labels = steps[1][0].labels
    assert (labels["ramp"], labels["step"], labels["steps"]) == ("20-100", 2, 3)


def test_streams_are_added_as_steps_follow(run):
    steps = run(rising(shape="closed", concurrency=6, ramp=(1.0, 3.0, 6.0)))
    assert [point.concurrency for point, _ in steps] == [1, 3, 6]
    for point, outcome in steps:
        middle_ns = (outcome.start_ns + outcome.end_ns) // 2
        in_flight = sum(r.sent_ns <= middle_ns < r.ended_ns for r in outcome.requests)
        assert in_flight <= point.concurrency
    last = steps[-1][1]
    assert sum(r.sent_ns < last.end_ns <= r.ended_ns for r in last.requests) >= 4


def test_processes_share_each_step():
    point = rising(shape="closed", concurrency=5, ramp=(2.0, 5.0))
    assert [part.ramp for part in split(point, 4)] == [(1.0, 3.0), (1.0, 2.0)]
    point = rising(shape="open", rate=8.0, ramp=(2.0, 8.0))
    assert [part.ramp for part in split(point, 2)] == [(1.0, 4.0)] * 2


def test_a_load_that_does_not_rise_is_one_step(run):
    ((point, outcome),) = run(
        Point(shape="closed", input_tokens=16, output_tokens=4, concurrency=2, requests=3)
    )
    assert (point.step, len(outcome.measured)) == (0, 3)
