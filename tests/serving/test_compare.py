"""Clients side by side: the same questions to all, no figure for one that did not run."""

from __future__ import annotations

import json
import sys
from itertools import pairwise

import pytest

from suites.serving import compare, peers
from suites.serving.emitter import Emitter, Schedule
from suites.serving.outcome import run_point
from suites.serving.point import Point
from suites.serving.target import Target

CLIENTS = {client.name: client for client in peers.CLIENTS}
BLANK = compare.Comparison(client="x", streams=3)


def scripted(code, read=peers._read_pairs):
    """A client that is a line of Python."""
    return peers.Client(name="scripted", arguments=lambda *_: ["-c", code], read=read)


def test_ours_and_the_plain_one_are_held_against_what_was_sent(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "TOKENS", 4)
    clients = [CLIENTS["fenmark"], CLIENTS["httpx"]]
    for result in compare.compare([2], tmp_path, clients):
        assert result.problem == ""
        assert result.cpu_ms_per_1000_events > 0
        assert result.start_s > 0
        assert result.ttft_error_p50 > 0


def test_the_emitters_log_holds_what_it_sent(tmp_path):
    log = tmp_path / "log"
    point = Point(shape="closed", concurrency=2, requests=3, input_tokens=8, output_tokens=4)
    with Emitter(Schedule(ttft_ms=5, itl_ms=2), log=log) as emitter:
        outcome = run_point(Target(url=emitter.url, model="m"), point, seed=0)
    sent = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(earlier <= later for times in sent for earlier, later in pairwise(times))
    for request in outcome.answered:
        assert list(request.truth_ns) in [times[1:] for times in sent]


def test_errors_are_of_percentiles_seen_against_percentiles_sent():
    answers = [[0, [[22_000_000, 20_000_000], [43_000_000, 40_000_000]]]] * 3
    seen = peers._read_pairs(json.dumps({"answers": answers}), None)
    sent = [[0, *range(100)]] * 3
    judged = compare._judge(BLANK, seen, sent, compare._Ended(cpu_s=0.003, memory_mb=50))
    assert judged.ttft_error_p50 == pytest.approx(0.1)
    assert judged.itl_error_p99_ms == pytest.approx(1.0)
    assert judged.cpu_ms_per_1000_events == pytest.approx(10.0)


def test_a_peers_report_is_held_against_the_emitters_log(tmp_path):
    requests = [{"time_to_first_token_ms": 30.0, "inter_token_latency_ms": 21.0}]
    report = {"benchmarks": [{"requests": {"successful": requests}}]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    seen = peers._read_guidellm("", tmp_path)
    sent = [[0, 20_000_000, 40_000_000]]
    judged = compare._judge(BLANK, seen, sent, compare._Ended())
    assert judged.ttft_error_p50 == pytest.approx(0.5)
    assert judged.itl_error_p50_ms == pytest.approx(1.0)


def test_gaps_of_a_peer_are_every_gap_it_saw(tmp_path):
    (tmp_path / "artifacts").mkdir()
    line = {
        "metrics": {
            "time_to_first_token": {"value": 25.0},
            "inter_chunk_latency": {"value": [20.0, 21.0]},
        }
    }
    (tmp_path / "artifacts" / "profile_export.jsonl").write_text(f"{json.dumps(line)}\n" * 2)
    seen = peers._read_aiperf("", tmp_path)
    assert (seen.ttft_ms, seen.gaps_ms) == ([25.0, 25.0], [20.0, 21.0] * 2)


def test_a_client_that_cannot_be_installed_is_listed_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    (result,) = compare.compare([1], tmp_path, [CLIENTS["aiperf"]])
    assert "cannot install" in result.problem


def test_a_client_that_fails_is_listed_with_its_last_words(tmp_path):
    (result,) = compare.compare([1], tmp_path, [scripted("raise SystemExit('no such option')")])
    assert result.problem == "exit 1 no such option"


def test_a_client_whose_report_is_missing_is_listed_so(tmp_path):
    (result,) = compare.compare([1], tmp_path, [scripted("print('{}')")])
    assert "report cannot be read" in result.problem


def test_a_client_that_hangs_is_stopped_with_all_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "_LIMIT_S", 1.0)
    child = "import subprocess; subprocess.run(['sleep', '60'])"
    (result,) = compare.compare([1], tmp_path, [scripted(child)])
    assert "longer than 1 s" in result.problem
