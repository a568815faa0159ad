"""A load made by the nodes of a real Ray cluster, put together as if one machine had made it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from suites.base import ray_nodes as ray_fleet
from suites.base.errors import CheckError, UserError
from suites.base.records import CellResult
from suites.client.target import Target
from suites.serving import plan, summarize
from suites.serving.instrument.emitter import Emitter, Schedule
from suites.serving.instrument.instrument import Error, Instrument, worst
from suites.serving.instrument.validity import problems
from suites.serving.load.clock import ClockOffset, ask
from suites.serving.load.outcome import on_our_clock, run_point
from suites.serving.load.point import Point
from suites.serving.processes import fleet
from suites.serving.run import run_cell
from suites.serving.workers.node_worker import generator
from tests.builders import assert_signable

POINT = Point(shape="closed", concurrency=4, requests=11, input_tokens=16, output_tokens=8)
FAST = Schedule(ttft_ms=5, itl_ms=1)
EASY = {"endpoint": "http://127.0.0.1:9", "model": "m", "isl": 16, "osl": 8}


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one core each."""
    pytest.importorskip("ray", reason="the extra `fleet` is not installed")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False}
    started = Cluster(initialize_head=True, head_node_args=head)
    started.add_node(num_cpus=1)
    yield started
    started.shutdown()


@pytest.fixture
def load(cluster):
    with generator({"fleet": cluster.address, "shards": 0}) as made:
        yield made


def test_shards_on_two_nodes_are_put_together_like_local_ones(load):
    seen = []
    with Emitter(FAST) as emitter:
        target = Target(url=emitter.url, model="m")
        point = replace(POINT, requests=0, duration_s=1.2)
        outcome = load.run(target, point, seed=1, show=seen.append)
    assert outcome.measured
    assert not outcome.failures
    assert [request.index for request in outcome.requests] == list(range(len(outcome.requests)))
    sent = [request.sent_ns for request in outcome.requests]
    assert sent == sorted(sent)
    assert all(len(request.token_ns) == 8 for request in outcome.answered)
    assert max(glimpse.ended for glimpse in seen) > 0
    # Both nodes are this machine: whatever was measured as offset has to allow for none.
    assert len(outcome.clocks) == 2
    assert all(abs(clock.offset_ns) <= clock.error_ns for clock in outcome.clocks)


def test_a_run_states_each_hosts_clock_and_the_worst_hosts_error(cluster):
    with Emitter(Schedule(ttft_ms=20, itl_ms=30)) as emitter:
        options = {**EASY, "endpoint": emitter.url, "concurrency": [2], "requests": 2}
        (cell,) = plan("quick", {**options, "fleet": cluster.address})
        spec = json.loads(json.dumps({**cell.spec, "check_s": 0.3}))
        result = run_cell(spec)
    rows = summarize([CellResult.from_json(json.loads(json.dumps(result.to_json())))])
    assert_signable(rows)
    clocks = [row for row in rows if row.metric == "clock_offset"]
    assert [row.labels["host"] for row in clocks] == [0, 1]
    assert all(row.low <= 0 <= row.high for row in clocks)
    assert all(row.low < row.value < row.high for row in clocks)
    assert {row.n for row in clocks} == {2 * fleet._PINGS}
    (error,) = {row.n for row in rows if row.metric == "instrument_ttft_error"}
    assert error > 0


def test_a_shard_that_fails_on_a_node_is_one_line(load):
    nobody = Target(url="http://127.0.0.1:9", model="m")
    with pytest.raises(UserError, match="cannot connect"):
        load.run(nobody, POINT, seed=0)


def test_more_processes_than_the_nodes_have_cores_are_refused(cluster, monkeypatch):
    monkeypatch.setattr(fleet, "_READY_WITHIN_S", 1.5)
    with (
        pytest.raises(CheckError, match="no answer"),
        generator({"fleet": cluster.address, "shards": 3}),
    ):
        pass


def test_a_node_with_another_fenmark_is_refused(cluster, monkeypatch):
    monkeypatch.setattr(fleet, "_software", lambda: {"fenmark": "0.0.9"})
    with (
        pytest.raises(UserError, match=r"0\.0\.9"),
        generator({"fleet": cluster.address, "shards": 0}),
    ):
        pass


def test_a_worker_that_is_lost_in_a_load_is_named_and_leaves_no_process(load):
    import ray

    worker = psutil.Process(ray.get(load._hosts[0].__ray_call__.remote(lambda _: os.getpid())))
    shards = []

    def lose(_):
        if not shards:
            shards.extend(worker.children())
            worker.kill()

    point = replace(POINT, requests=0, duration_s=60)
    with Emitter(FAST) as emitter, pytest.raises(CheckError, match="lost"):
        load.run(Target(url=emitter.url, model="m"), point, seed=0, show=lose)
    (shard,) = shards
    assert shard.wait(120) is None


def test_where_nodes_are_tagged_for_it_only_they_make_the_load():
    plain, tagged = (
        ray_fleet.Node(id=name, host="h", address="a", resources={"CPU": 1, **tags})
        for name, tags in (("1", {}), ("2", {fleet.LOAD_TAG: 1}))
    )
    assert fleet._chosen([plain, tagged]) == [tagged]
    assert fleet._chosen([plain]) == [plain]


def test_a_clock_is_known_to_half_the_shortest_round_trip():
    def remote():
        time.sleep(0.002)
        return time.monotonic_ns() + 5 * 10**9

    clock = ask(remote, 5)
    assert clock.error_ns >= 10**6
    assert abs(clock.offset_ns - 5 * 10**9) <= clock.error_ns
    assert clock.asked == 5


def test_what_a_clock_drifts_during_a_load_is_error():
    before = ClockOffset(offset_ns=1_000, error_ns=10, asked=4)
    after = ClockOffset(offset_ns=1_100, error_ns=30, asked=4)
    assert ClockOffset.between(before, after) == ClockOffset(offset_ns=1_050, error_ns=80, asked=8)


def test_on_our_clock_every_time_has_moved_and_no_latency_has():
    with Emitter(FAST) as emitter:
        outcome = run_point(Target(url=emitter.url, model="m"), POINT, seed=0)
    moved = on_our_clock(outcome, ClockOffset(offset_ns=-(10**12), error_ns=1, asked=1))
    assert moved.start_ns == outcome.start_ns + 10**12
    assert moved.duration_s == outcome.duration_s
    for before, after in zip(outcome.requests, moved.requests, strict=True):
        assert after.sent_ns == before.sent_ns + 10**12
        assert after.gaps_ms == before.gaps_ms
    assert [r.e2e_ms for r in moved.answered] == [r.e2e_ms for r in outcome.answered]
    assert moved.window().output_tokens == outcome.window().output_tokens


def test_clocks_too_uncertain_for_the_window_make_the_point_invalid():
    with Emitter(FAST) as emitter:
        outcome = run_point(Target(url=emitter.url, model="m"), POINT, seed=0)
    quiet = replace(outcome, cpu_share=0.1, lag_ms=())
    sure = ClockOffset(offset_ns=7, error_ns=1, asked=1)
    assert problems(replace(quiet, clocks=(sure,))) == []
    unsure = ClockOffset(offset_ns=7, error_ns=int(0.03e9 * quiet.duration_s), asked=1)
    (problem,) = problems(replace(quiet, clocks=(sure, unsure)))
    assert "clocks" in problem


def test_hosts_that_checked_themselves_count_by_the_worst():
    def instrument(error_ms, n=5):
        error = Error(p50=error_ms, p99=2 * error_ms, max=3 * error_ms, n=n)
        return Instrument(
            ttft=error,
            itl=error,
            tpot=error,
            stalls=1,
            cpu_share=error_ms / 10,
            events_per_s=100.0,
            cpu_ms_per_1000_events=6.0,
        )

    both = worst([instrument(1.0), instrument(3.0)])
    assert both.itl == Error(p50=3.0, p99=6.0, max=9.0, n=10)
    assert (both.stalls, both.events_per_s, both.cpu_share) == (2, 200.0, 0.3)
    assert worst([instrument(1.0), instrument(0.0, n=0)]).ttft.n == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"fleet": "somewhere"}, "no fleet"),
        ({"fleet": "ray://h"}, "no fleet"),
        ({"fleet": "auto", "endpoint": None, "model": "tiny-15m"}, "started here"),
    ],
)
def test_a_fleet_that_cannot_be_is_refused_before_anything_runs(wrong, says):
    with pytest.raises(UserError, match=says) as caught:
        plan("quick", {**EASY, **wrong})
    assert caught.value.where == "--fleet"


def test_a_fleet_that_nobody_answers_for_is_one_line_at_once():
    pytest.importorskip("ray", reason="the extra `fleet` is not installed")
    with pytest.raises(UserError, match="cannot connect"), ray_fleet.connected("ray://127.0.0.1:9"):
        pass


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"\.\[fleet\]"), ray_fleet.connected("auto"):
        pass


def test_ray_is_not_loaded_where_no_fleet_is_asked_for():
    code = "import sys, suites.serving.run, suites.serving.cells; print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
