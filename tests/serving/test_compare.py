"""Clients side by side: the same questions to all, no figure for one that did not run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from suites.serving import compare, naive
from suites.serving.emitter import Emitter, Schedule


def test_the_plain_httpx_client_sees_every_token_after_it_was_sent():
    with Emitter(Schedule(ttft_ms=5, itl_ms=2)) as emitter:
        command = [sys.executable, naive.__file__, "--client", "httpx", "--url", emitter.url]
        command += ["--streams", "2", "--tokens", "5"]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    result = json.loads(done.stdout)
    assert [len(tokens) for _, tokens in result["answers"]] == [5] * 4
    assert all(seen >= sent for _, tokens in result["answers"] for seen, sent in tokens)


def test_errors_are_of_percentiles_seen_against_percentiles_sent():
    answers = [[0, [[22_000_000, 20_000_000], [43_000_000, 40_000_000]]]] * 3
    result = {"answers": answers, "cpu_s": 0.003, "events": 300, "memory_mb": 50}
    judged = compare._judge("x", 3, result)
    assert judged.ttft_error_p50 == pytest.approx(0.1)
    assert judged.itl_error_p99_ms == pytest.approx(1.0)
    assert judged.cpu_ms_per_1000_events == pytest.approx(10.0)


def test_a_client_that_cannot_be_installed_is_listed_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "cannot install" in compare._install(Path(tmp_path, "env"), "nothing")
