"""A waiting user sees how the load goes, also when several processes make it."""

from __future__ import annotations

import json

import pytest

from suites.client.recording import Recording
from suites.client.target import Target
from suites.client.wire import Exchange
from suites.serving.instrument.emitter import Schedule
from suites.serving.load.point import Point
from suites.serving.processes.live import (
    Glimpse,
    glimpses,
    live_view,
    read_glimpse,
    together,
    written_to,
)
from suites.serving.processes.shard import run_shards

EARLY = Glimpse(ended=0, failed={}, ttft_ms=None, tpot_ms=None, share=0.0)
FAILED = {"http_429": 1, "timeout": 2}
LATER = Glimpse(ended=30, failed=FAILED, ttft_ms=20.0, tpot_ms=5.0, share=0.5)


def test_processes_are_put_together():
    both = together([LATER, EARLY])
    assert (both.ended, both.failed, both.share) == (30, FAILED, 0.25)
    assert together([LATER, LATER]).failed == {"http_429": 2, "timeout": 4}
    assert (both.ttft_ms, both.tpot_ms) == (20.0, 5.0)
    assert together([EARLY, EARLY]).ttft_ms is None


def test_a_process_tells_another_how_far_it_is(tmp_path):
    assert read_glimpse(tmp_path / "0.live") == EARLY
    written_to(tmp_path / "0.live")(LATER)
    assert read_glimpse(tmp_path / "0.live") == LATER


def test_the_view_has_rate_latencies_and_errors(capsys):
    point = Point(shape="closed", concurrency=1, requests=9, input_tokens=8, output_tokens=4)
    show = live_view(point, 1, 4)
    show(EARLY)
    show(LATER)
    first, second = capsys.readouterr().out.splitlines()
    assert "TTFT" not in first
    for name in ("requests/s", "TTFT ms", "TPOT ms", "failed"):
        assert f'"{name}"' in second
    assert '"done": 150' in second
    event = json.loads(second)
    kinds = [(name, value) for name, value in event.items() if name in FAILED]
    assert (event["failed"], kinds) == (3.0, [("timeout", 2.0), ("http_429", 1.0)])


def test_failures_are_shown_by_kind_while_a_load_runs():
    seen = []
    recording = Recording()
    for status, failure in ((429, ""), (200, ""), (429, ""), (0, "refused")):
        exchange = Exchange(index=0, input_tokens=8, output_tokens=4, status=status)
        exchange.failure = failure
        recording.exchanges.append(exchange)
    point = Point(shape="closed", concurrency=1, requests=9, input_tokens=8, output_tokens=4)
    glimpses(point, seen.append)(recording)
    assert seen[0].failed == {"http_429": 2, "refused": 1}
    assert seen[0].ended == 4


@pytest.mark.parametrize("shards", [1, 2])
def test_a_load_is_shown_while_it_runs(shards, emitter_at):
    seen = []
    point = Point(shape="closed", concurrency=4, duration_s=2.2, input_tokens=8, output_tokens=4)
    target = Target(url=emitter_at(Schedule(ttft_ms=5, itl_ms=1)), model="m")
    run_shards(target, point, seed=0, shards=shards, show=seen.append)
    assert seen
    assert 0 < seen[-1].share <= 1
    assert seen[-1].ended > 0
