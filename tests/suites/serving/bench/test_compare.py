"""Clients side by side: the same questions to all, no figure for one that did not run."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from socket import create_connection
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from suites.base.errors import UserError
from suites.client.listing import listed
from suites.client.target import Target
from suites.serving.bench import compare, peers
from suites.serving.instrument.emitter import Emitter, Schedule
from suites.serving.load.outcome import run_point
from suites.serving.load.point import Point

CLIENTS = {client.name: client for client in peers.CLIENTS}


def scripted(code, read=peers._read_pairs):
    """A client that is a line of Python."""
    return peers.Client(name="scripted", arguments=lambda *_: ["-c", code], read=read)


def test_ours_and_the_plain_one_are_held_against_what_was_sent(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "TOKENS", 4)
    clients = [CLIENTS["fenmark"], CLIENTS["bare"], CLIENTS["httpx"]]
    for result in compare.compare([2], peers.Peers(home=tmp_path), clients):
        assert result.problem == ""
        assert result.cpu_ms_per_1000_events > 0
        assert result.start_s > 0
        assert result.ttft_error_p50 > 0


def test_a_client_that_shared_its_core_was_kept_from_it(tmp_path):
    code = "import os, time; os.fork()\nwhile time.process_time() < 0.05: pass"
    core = str(min(os.sched_getaffinity(0)))
    shared = compare._watched(["taskset", "-c", core, sys.executable, "-c", code], tmp_path, {})
    assert (shared.problem, shared.waited_s > 0.001) == ("", True)


def test_the_emitters_log_holds_what_it_sent(tmp_path):
    log = tmp_path / "log"
    point = Point(shape="closed", concurrency=2, requests=3, input_tokens=8, output_tokens=4)
    with Emitter(Schedule(ttft_ms=5, itl_ms=2), log=log) as emitter:
        outcome = run_point(Target(url=emitter.url, model="m"), point, seed=0)
        # As clients ask beside their load.
        assert listed(Target(url=emitter.url, model="m")) == ("emitter",)
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{emitter.url}/server_info", timeout=60)
    sent = {tuple(line["sent_ns"]): line for line in map(json.loads, log.read_text().splitlines())}
    for request in outcome.answered:
        line = sent[tuple(request.truth_ns)]
        # The kernel had it after we sent it and before the emitter answered.
        assert request.sent_ns < line["received_ns"] < line["sent_ns"][0]
    assert len({line["names"][0] for line in sent.values()}) == len(sent)


def test_the_emitters_log_holds_what_was_sent_to_those_who_left_midway(tmp_path):
    log = tmp_path / "log"
    with Emitter(Schedule(ttft_ms=1, itl_ms=5), log=log) as emitter:
        host, port = emitter.url.removeprefix("http://").split(":")
        with create_connection((host, int(port)), timeout=60) as peer:
            body = b'{"prompt": [1], "max_tokens": 100000}'
            peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            assert peer.recv(1)
        ends = time.monotonic() + 60
        while not log.read_text() and time.monotonic() < ends:
            time.sleep(0.01)
    (left,) = map(json.loads, log.read_text().splitlines())
    assert 0 < len(left["sent_ns"]) < 100_000


def line(*sent_ms, received_ms=0, names=()):
    """A line of the emitter's log."""
    sent = [int(time * 1e6) for time in sent_ms]
    return {"names": [*names], "received_ns": int(received_ms * 1e6), "sent_ns": sent}


def test_errors_are_of_percentiles_seen_against_percentiles_sent():
    answers = [[0, [[22_000_000, 20_000_000], [43_000_000, 40_000_000]]]] * 3
    seen = peers._read_pairs(json.dumps({"answers": answers}), None)
    judged = compare._judge(compare._matched(seen, [line(20, 40)]))
    assert judged.ttft_error_p50 == pytest.approx(0.1)
    assert judged.itl_error_p99_ms == pytest.approx(1.0)


def test_a_peers_report_is_held_against_the_emitters_log_of_the_same_requests(tmp_path):
    request = {"time_to_first_token_ms": 30.0, "inter_token_latency_ms": 21.0}
    report = {"benchmarks": [{"requests": {"successful": [{**request, "response_id": "b"}]}}]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    seen = peers._read_guidellm("", tmp_path)
    log = [line(90, 180, names="a"), line(25, 45, received_ms=5, names="b")]
    judged = compare._judge(compare._matched(seen, log))
    assert judged.ttft_error_p50 == pytest.approx(0.5)
    assert judged.itl_error_p50_ms == pytest.approx(1.0)
    with pytest.raises(LookupError):
        compare._matched(seen, log[:1])


def test_gaps_of_a_peer_are_every_gap_it_saw_and_its_name_the_one_it_sent(tmp_path):
    (tmp_path / "artifacts").mkdir()
    record = {
        "metadata": {"x_request_id": "u-1"},
        "metrics": {
            "time_to_first_token": {"value": 25.0},
            "inter_chunk_latency": {"value": [20.0, 21.0]},
        },
    }
    (tmp_path / "artifacts" / "profile_export.jsonl").write_text(f"{json.dumps(record)}\n" * 2)
    seen = peers._read_aiperf("", tmp_path)
    assert seen == [peers.SeenRequest(name="u-1", ttft_ms=25.0, gaps_ms=[20.0, 21.0])] * 2


def test_the_emitter_knows_a_request_by_the_name_its_client_gave_it(tmp_path):
    log = tmp_path / "log"
    target = {"model": "m", "headers": (("X-Request-ID", "u-1"),)}
    point = Point(shape="closed", concurrency=1, requests=1, input_tokens=8, output_tokens=2)
    with Emitter(Schedule(ttft_ms=1, itl_ms=1), log=log) as emitter:
        run_point(Target(url=emitter.url, **target), point, seed=0)
    assert "u-1" in json.loads(log.read_text().splitlines()[0])["names"]


def test_a_client_that_cannot_be_installed_is_listed_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    allowed = peers.Peers(home=tmp_path, may_install=True)
    (result,) = compare.compare([1], allowed, [CLIENTS["aiperf"]])
    assert "cannot install" in result.problem


def test_a_client_that_is_absent_is_listed_with_the_command_that_installs_it(tmp_path, capsys):
    absent = compare.compare([1], peers.Peers(home=tmp_path), [CLIENTS["sglang"]])
    compare._print(absent, load=0.1)
    shown = " ".join(capsys.readouterr().out.split())
    assert f"sglang is absent: `{sys.executable} -m venv {tmp_path}/sglang" in shown
    assert "pip install 'sglang[all]'" in shown
    assert "the machine was idle" in shown


def test_a_client_is_where_it_is_said_to_be(tmp_path):
    options = argparse.ArgumentParser()
    peers.Peers.add_options(options)
    given = options.parse_args(["--peer", f"pytest={sys.executable}", "--folder", str(tmp_path)])
    chosen = peers.Peers.from_options(given)
    here = replace(scripted(""), name="pytest", package="pytest[any]")
    assert (chosen.python(here), chosen.version(here)) == (sys.executable, pytest.__version__)
    assert chosen.missing(here) == ""
    wrong = options.parse_args(["--peer", "pytest=/nowhere"])
    with pytest.raises(UserError, match="no interpreter"):
        peers.Peers.from_options(wrong)


def test_numbers_to_reach_are_said_to_be_met_or_missed():
    own = compare.Comparison(
        client="fenmark",
        streams=512,
        cpu_ms_per_1000_events=14.0,
        ttft_error_p50=0.009,
        ttft_error_p99=-0.04,
        itl_error_p99_ms=0.5,
    )
    bare = replace(own, client="bare", cpu_ms_per_1000_events=10.0)
    assert compare.goals([own, bare, replace(bare, streams=64, problem="exit 1")]) == [
        "512 streams: CPU an event 1.40 × bare (missed: 1.3 at most)",
        "512 streams: TTFT error p50 0.9% (met: 1% at most)",
        "512 streams: TTFT error p99 4.0% (missed: 3% at most)",
        "512 streams: ITL error p99 0.50 ms (met: 1 ms at most)",
    ]


def test_ours_is_set_against_each_other_client_of_the_same_run():
    own = compare.Comparison(client="fenmark", streams=64, cpu_ms_per_1000_events=20.0)
    peer = replace(own, client="vllm", version="0.33.0", cpu_ms_per_1000_events=800.0)
    alone, failed = replace(own, streams=8), replace(peer, client="sglang", problem="exit 1")
    assert compare.ratios([own, peer, failed, alone]) == [
        "64 streams, CPU of an event: ours is 0.025 × vllm 0.33.0"
    ]


def test_details_of_every_request_are_named_by_their_place_or_stand_for_all(tmp_path):
    report = {"ttfts": [0.03, 0.03], "itls": [[0.021], [0.021]]}
    (tmp_path / "report.json").write_text("{}\n" + json.dumps(report))
    named = CLIENTS["vllm"].read("", tmp_path)
    assert [request.name for request in named] == ["vllm-0", "vllm-1"]
    log = [line(25, 45, received_ms=5, names=[f"vllm-{n}"]) for n in (1, 0)]
    for seen in (named, CLIENTS["sglang"].read("", tmp_path)):
        judged = compare._judge(compare._matched(seen, log))
        assert judged.ttft_error_p50 == pytest.approx(0.5)
        assert judged.itl_error_p99_ms == pytest.approx(1.0)
    with pytest.raises(LookupError, match="2 of 3"):
        compare._matched(seen, [*log, log[0]])


def test_a_client_that_fails_is_listed_with_its_last_words(tmp_path):
    (result,) = compare.compare(
        [1], peers.Peers(home=tmp_path), [scripted("raise SystemExit('no such option')")]
    )
    assert result.problem == "exit 1 no such option"


def test_a_client_whose_report_is_missing_is_listed_so(tmp_path):
    (result,) = compare.compare([1], peers.Peers(home=tmp_path), [scripted("print('{}')")])
    assert "report cannot be read" in result.problem


def test_a_client_that_hangs_is_stopped_with_all_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "_LIMIT_S", 1.0)
    child = "import subprocess; subprocess.run(['sleep', '60'])"
    (result,) = compare.compare([1], peers.Peers(home=tmp_path), [scripted(child)])
    assert "longer than 1 s" in result.problem
