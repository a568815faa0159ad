"""The load generator against a server that says what it really sent."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import combinations, islice, pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest

from suites.base.errors import UserError
from suites.client.prompts import Prompts
from suites.client.target import Target
from suites.client.wire import Tape
from suites.serving.instrument.emitter import Emitter, Schedule
from suites.serving.load.arrivals import BURST, due_times_s
from suites.serving.load.histogram import Histogram
from suites.serving.load.point import Point
from suites.serving.load.samples import append
from suites.serving.processes.shard import run_shards, split
from suites.serving.workers.selfcheck import check, read_instrument

FAST = Schedule(ttft_ms=5, itl_ms=1)


def closed(**fields):
    return Point(**{"shape": "closed", "input_tokens": 16, "output_tokens": 8, **fields})


def opened(**fields):
    return Point(**{"shape": "open", "input_tokens": 16, "output_tokens": 8, **fields})


@pytest.fixture(scope="module")
def run(emitter_at):
    """Put a point on an emitter with this schedule."""

    def load(point, schedule=FAST, shards=1):
        target = Target(url=emitter_at(schedule), model="m")
        return run_shards(target, point, seed=1, shards=shards)

    return load


def test_every_event_is_stamped_after_it_was_sent_and_none_is_lost(run):
    outcome = run(closed(concurrency=4, requests=12))
    assert len(outcome.answered) == 12
    for request in outcome.answered:
        assert len(request.token_ns) == len(request.truth_ns) == 8
        assert all(
            seen >= sent for seen, sent in zip(request.token_ns, request.truth_ns, strict=True)
        )


@pytest.mark.parametrize("in_memory", [0, 8_000])
def test_a_load_that_memory_does_not_hold_is_recorded_on_disk(run, monkeypatch, in_memory):
    monkeypatch.setattr(Tape.__init__, "__defaults__", (in_memory,))
    outcome = run(closed(concurrency=4, requests=12))
    assert len(outcome.answered) == 12
    assert all(len(request.truth_ns) == 8 for request in outcome.answered)


def test_a_first_token_takes_no_less_than_the_server_took(run):
    outcome = run(closed(concurrency=1, requests=2), Schedule(ttft_ms=200, itl_ms=2))
    request = outcome.answered[0]
    # A busy machine may read all of an answer at once: its pace is worked out by hand elsewhere.
    assert 200 <= request.ttft_ms <= request.e2e_ms


def test_gap_percentiles_are_of_gaps_so_a_stall_every_fourth_event_is_seen(run):
    schedule = Schedule(ttft_ms=5, itl_ms=2, stall_every=4, stall_ms=300)
    outcome = run(closed(concurrency=2, requests=4, output_tokens=16), schedule)
    for request in outcome.answered:
        assert request.gaps_ms == [(b - a) / 1e6 for a, b in pairwise(request.token_ns)]
        assert len(request.gaps_ms) == 15
        # A mean over the whole answer would show none.
        sent_ms = [(b - a) / 1e6 for a, b in pairwise(request.truth_ns)]
        stall = sent_ms.index(max(sent_ms))
        late_ms = (request.token_ns[stall] - request.truth_ns[stall]) / 1e6
        assert max(sent_ms) > 299
        # What a busy machine reads late has a shorter wait behind it.
        assert request.gaps_ms[stall] > 299 - late_ms


def test_ramp_up_and_filler_requests_are_not_measured(run):
    outcome = run(closed(concurrency=3, requests=5))
    assert len(outcome.measured) == 5
    assert len(outcome.requests) > 5 + 3 - 1
    assert all(request.sent_ns >= outcome.start_ns for request in outcome.measured)
    assert all(request.ended_ns <= outcome.end_ns for request in outcome.measured)


def test_a_load_by_duration_measures_what_was_sent_in_it_and_waits_for_all_of_it(run):
    outcome = run(closed(concurrency=2, duration_s=0.5))
    assert outcome.measured
    assert not outcome.failures
    assert all(r.failure in {"", "cancelled"} for r in outcome.requests)


@pytest.mark.parametrize("cap", [0, 4])
def test_an_open_loop_charges_a_stall_to_every_request_it_kept_waiting(cap):
    schedule = Schedule(ttft_ms=2, itl_ms=1, pause_after_s=0.5, pause_s=1.0)
    point = opened(rate=50.0, requests=75, concurrency=cap)
    with Emitter(schedule) as emitter:  # of its own: it pauses once
        outcome = run_shards(Target(url=emitter.url, model="m"), point, seed=1, shards=1)
    e2e = np.array([request.e2e_ms for request in outcome.answered])
    # Fifty requests a second fell due while the server stood still for one.
    assert len(e2e) == 75
    assert (e2e > 200).sum() >= 25
    assert e2e.max() > 900
    delays = np.array([request.send_delay_ms for request in outcome.answered])
    assert not cap or delays.max() > 500


def test_an_open_loop_sends_at_its_own_rate_whatever_comes_back(run):
    outcome = run(opened(rate=100.0, arrival="constant", requests=50), Schedule(ttft_ms=300))
    intended = [request.intended_ns for request in outcome.measured]
    assert np.diff(intended) == pytest.approx(10e6, abs=1e3)


def test_a_request_larger_than_the_sockets_buffer_arrives_whole(run):
    outcome = run(closed(concurrency=2, requests=2, input_tokens=1_000_000))
    assert {request.input_tokens for request in outcome.answered} == {1_000_000}


def test_due_times_keep_the_rate_on_the_long_run():
    for arrival in ("poisson", "constant", "burst"):
        times = list(islice(due_times_s(arrival, 50.0, seed=3), 5000))
        assert times == sorted(times)
        assert times[-1] == pytest.approx(100, rel=0.05)


def test_bursts_arrive_together_and_poisson_repeats_with_its_seed():
    burst = list(islice(due_times_s("burst", 10.0, seed=0), BURST + 1))
    assert len(set(burst[:BURST])) == 1
    assert burst[BURST] > burst[0]
    again = [list(islice(due_times_s("poisson", 10.0, seed=s), 9)) for s in (5, 5, 6)]
    assert again[0] == again[1] != again[2]


@pytest.mark.parametrize("arrival", ["constant", "burst"])
def test_even_arrivals_of_several_processes_are_even_together(arrival):
    parts = [due_times_s(arrival, 10.0, seed=0, part=(place, 4)) for place in range(4)]
    times = sorted({time for part in parts for time in islice(part, 32)})
    gaps = [later - earlier for earlier, later in pairwise(times)]
    together = BURST if arrival == "burst" else 1
    assert gaps == pytest.approx([together / 40] * len(gaps))


@pytest.mark.parametrize("burstiness", [0.25, 1.0, 4.0])
def test_gamma_arrivals_are_as_bursty_as_asked_over_all_processes(burstiness):
    common = {"seed": 0, "burstiness": burstiness}
    parts = [due_times_s("gamma", 10.0, part=(place, 4), **common) for place in range(4)]
    times = sorted(time for part in parts for time in islice(part, 5_000))
    assert times == list(islice(due_times_s("gamma", 40.0, **common), 20_000))
    gaps = np.diff(times)
    assert np.mean(gaps) == pytest.approx(1 / 40, rel=0.04)
    # The deviation of a gamma distribution over its mean is 1 ÷ √shape.
    assert np.std(gaps) / np.mean(gaps) == pytest.approx(burstiness**-0.5, rel=0.05)


def test_shards_share_the_load_and_their_records_are_put_together(run):
    outcome = run(closed(concurrency=5, requests=11), shards=2)
    assert len(outcome.measured) == 11
    assert [request.index for request in outcome.requests] == list(range(len(outcome.requests)))


def test_a_load_is_divided_without_remainder():
    parts = split(closed(concurrency=5, requests=11), 3)
    assert [part.concurrency for part in parts] == [2, 2, 1]
    assert sum(part.requests for part in parts) == 11
    assert len(split(closed(concurrency=1, requests=11), 2)) == 1


def test_the_instrument_reports_its_own_error():
    instrument = check(closed(concurrency=4, requests=1), events_per_s=400, duration_s=0.5, seed=0)
    assert instrument.ttft.n >= 4
    assert 0 < instrument.itl.p50 <= instrument.itl.p99 <= instrument.itl.max
    assert type(instrument).from_json(json.loads(json.dumps(instrument.to_json()))) == instrument


def test_the_instrument_counts_events_it_served_late(run):
    outcome = run(closed(concurrency=1, requests=2))
    for late_ns, stalls in ((0, 0), (60_000_000, 8 * len(outcome.requests))):
        for request in outcome.requests:
            request.truth_ns[:] = [seen - late_ns for seen in request.token_ns]
        assert read_instrument(outcome).stalls == stalls


def test_prompts_have_the_asked_length_and_never_repeat():
    target = Target(url="http://h", model="m")
    prompts = Prompts(target, input_tokens=12, output_tokens=4, seed=0, shared=0.5)
    bodies = [json.loads(prompts.request(i).split(b"\r\n\r\n")[1]) for i in range(64)]
    assert {len(body["prompt"]) for body in bodies} == {12}
    assert len({tuple(body["prompt"]) for body in bodies}) == 64
    assert len({tuple(body["prompt"][:6]) for body in bodies}) == 1
    assert len({tuple(body["prompt"][:10]) for body in bodies}) == 64


def test_prompts_share_next_to_no_token_in_the_same_place():
    target = Target(url="http://h", model="m")
    prompts = Prompts(target, input_tokens=512, output_tokens=4, seed=0)
    bodies = [json.loads(prompts.request(i).split(b"\r\n\r\n")[1])["prompt"] for i in range(40)]
    same = [
        sum(a == b for a, b in zip(body, other, strict=True))
        for body, other in combinations(bodies, 2)
    ]
    assert max(same) <= 4 + 3  # the number's own tokens, and chance: 512 draws of 1 in 7,999


def test_points_of_one_run_and_runs_without_a_seed_ask_other_prompts():
    target = Target(url="http://h", model="m")
    first = {
        Prompts(target, input_tokens=9, output_tokens=4, seed=seed).request(0)
        for seed in ("5/0", "5/1", "6/0")
    }
    assert len(first) == 3


def test_processes_of_one_load_share_a_prefix_and_nothing_else():
    target = Target(url="http://h", model="m")
    parts = [
        Prompts(target, input_tokens=12, output_tokens=4, seed=0, shared=0.5, part=(place, 2))
        for place in (0, 1)
    ]
    bodies = [
        json.loads(part.request(i).split(b"\r\n\r\n")[1])["prompt"]
        for part in parts
        for i in range(9)
    ]
    assert len({tuple(prompt[:6]) for prompt in bodies}) == 1
    assert len({tuple(prompt[:10]) for prompt in bodies}) == 18


def test_the_content_length_is_right_for_every_request():
    for api in ("completions", "chat"):
        prompts = Prompts(
            Target(url="http://h", model="m", api=api), input_tokens=9, output_tokens=4, seed=0
        )
        for index in range(40):
            head, _, body = prompts.request(index).partition(b"\r\n\r\n")
            assert f"Content-Length: {len(body)}".encode() in head


def test_a_key_goes_into_the_request_and_nowhere_else():
    target = Target(url="http://h:1/v1", model="m", key="s3cret")
    assert b"Authorization: Bearer s3cret\r\n" in target.head()
    assert target.head().startswith(b"POST /v1/completions HTTP/1.1\r\n")
    assert "s3cret" not in repr(target)


@pytest.mark.parametrize("url", ["ftp://h", "h:8000", "http://", "http://u@h", "http://h:x", ""])
def test_an_unusable_endpoint_is_refused(url):
    with pytest.raises(UserError, match="endpoint"):
        Target(url=url, model="m")


def test_histograms_add_up_to_the_percentiles_of_all_values():
    values = np.random.default_rng(0).exponential(20, 5000).round(3)
    parts = [Histogram.of(values[:1000]), Histogram.of(values[1000:])]
    merged = Histogram.merged(parts)
    back = Histogram.from_json(json.loads(json.dumps(merged.to_json())))
    for q in (0.01, 0.5, 0.9, 0.99, 0.999, 1.0):
        exact = np.quantile(values, q, method="inverted_cdf")
        assert merged.percentile(q) == back.percentile(q) == pytest.approx(exact)
    assert merged.n == 5000


def test_samples_hold_a_row_per_request_and_a_repeated_load_replaces_its_own(tmp_path, run):
    outcome = run(closed(concurrency=1, requests=2))
    path = tmp_path / "samples.parquet"
    for process in (0, 1, 0):
        append(path, process, "closed/c1", outcome.requests)
    table = pq.read_table(path)
    assert table.num_rows == 2 * len(outcome.requests)
    first = table.to_pylist()[0]
    assert first["first_token_ns"] == first["token_ns"][0] > first["sent_ns"]
    assert (first["session"], first["turn"], first["adapter"]) == (-1, 0, "")


def test_samples_say_session_turn_and_adapter_and_add_to_an_older_file(tmp_path, run):
    answered = run(closed(concurrency=1, requests=2)).requests[0]
    path = tmp_path / "samples.parquet"
    append(path, 0, "old", [answered])
    later = ("session", "turn", "adapter", "cached_tokens")
    pq.write_table(pq.read_table(path).drop_columns(later), path)
    asked = replace(answered, session=7, turn=2, adapter="sql", cached_tokens=5)
    append(path, 0, "agents/n1", [asked])
    old, new = pq.read_table(path).select(["case", *later]).to_pylist()
    assert old == {"case": "old"} | dict.fromkeys(later)
    assert new == {"case": "agents/n1"} | dict(zip(later, (7, 2, "sql", 5), strict=True))


def test_samples_are_not_written_over_something_else(tmp_path):
    path = tmp_path / "notes.parquet"
    path.write_text("mine")
    with pytest.raises(UserError, match="samples"):
        append(path, 0, "c", [])
    assert path.read_text() == "mine"


def test_starting_a_load_needs_no_heavy_import():
    import subprocess
    import sys

    code = "import sys, suites.serving.load.outcome; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert not {"torch", "transformers", "tokenizers", "pandas", "gguf"} & set(loaded.split())


def test_nothing_is_sent_before_it_is_due(run):
    began = time.monotonic_ns()
    outcome = run(opened(rate=200.0, requests=20))
    assert all(r.sent_ns >= r.intended_ns >= began for r in outcome.requests)
