"""Who is misled: the truth is the server's own log, and an overloaded one has no right answer."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from suites.serving.bench import misled
from suites.serving.bench.misled import CLIENTS, Misled, Reporter, judge
from suites.serving.bench.odd_server import BEHAVIOURS, ServerBehaviour
from suites.serving.bench.peers import Peers

BLANK = Misled(client="c", behaviour="b")
IN_TURN, TAIL, *_ = BEHAVIOURS


def says(ttft_ms, tpot_ms, void=""):
    return {"ttft_ms": ttft_ms, "tpot_ms": tpot_ms, "void": void}


def log(*made_ms, received_ms=0):
    return {"received_ns": int(received_ms * 1e6), "made_ns": [int(1e6 * t) for t in made_ms]}


LOG = [log(200, 210, 220, 230)] * 3


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (says(202.0, 10.1), "right"),
        (says(300.0, 10.0), "TTFT +50%"),
        (says(200.0, 2.5), "TPOT -75%"),
        (says(100.0, 20.0), "TTFT -50%, TPOT +100%"),
        (
            says(0.0, 0.0, "saturated: more was sent; ask for less"),
            "void: saturated: more was sent",
        ),
        (says(200.0, 0.0), "right"),
    ],
)
def test_a_median_is_held_against_what_the_server_did(said, verdict):
    assert judge(BLANK, IN_TURN, said, LOG).verdict == verdict


def test_what_is_held_back_arrives_with_the_last_of_it():
    held = ServerBehaviour(name="held", held=4)
    assert judge(BLANK, held, says(230.0, 10.0), LOG).verdict == "right"
    joint = ServerBehaviour(name="joint", tokens_an_event=2)
    assert judge(BLANK, joint, says(210.0, 10.0), LOG).verdict == "right"


def test_a_client_that_gives_no_pace_is_not_wrong_about_it():
    stated = {**says(200.0, 0.0), "no_pace": "3 of 3 answers end in many tokens"}
    judged = judge(BLANK, TAIL, stated, LOG)
    assert judged.verdict == "right; TPOT void: 3 of 3 answers end in many tokens"


def test_of_an_overloaded_server_only_no_number_is_right():
    flooded = ServerBehaviour(name="flooded", ttft_ms=100.0, rate=9.0)
    assert judge(BLANK, flooded, says(2100.0, 1.0), LOG).verdict == "TTFT +2000%"
    assert judge(BLANK, flooded, says(0.0, 0.0, "saturated"), LOG).verdict == "void: saturated"
    assert replace(BLANK, problem="exit 1").verdict == "did not run: exit 1"


def test_clients_measure_servers_in_processes_of_their_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(misled, "BEHAVIOURS", [TAIL])
    monkeypatch.setattr(misled, "LoadAsk", lambda **_: ASK)
    (plain,) = [client for client in CLIENTS if client.name == "httpx"]
    ends = Reporter(name="ends", command=lambda *_: ["-c", "exit('no')"], read=lambda *_: {})
    away = Reporter(name="away", package="no-such", command=lambda *_: [], read=lambda *_: {})
    results = misled.misled(Peers(home=tmp_path), [plain, ends, away])
    told, ended, absent = results
    assert absent.problem.startswith("absent: ")
    assert (told.client, told.behaviour, told.problem) == ("httpx", "empty tail", "")
    # 45 of 60 counted tokens are empty events of one moment: 14 steps over 59. A busy machine may
    # delay both alike.
    assert -0.9 < told.tpot_error < -0.5
    assert "no" in ended.problem
    misled.print_table(results)
    shown = capsys.readouterr().out
    assert "empty tail" in shown
    assert "away is absent" in shown


ASK = misled.LoadAsk(streams=2, requests=4)


@pytest.mark.parametrize("name", ["vllm", "sglang"])
def test_what_peers_write_is_read_from_the_last_line_of_their_file(name, tmp_path):
    (client,) = [client for client in CLIENTS if client.name == name]
    old, new = ({"median_ttft_ms": v, "median_tpot_ms": v / 10} for v in (1.0, 70.0))
    (tmp_path / "report.json").write_text(json.dumps(old) + "\n" + json.dumps(new) + "\n")
    assert client.read("", tmp_path) == says(70.0, 7.0)
    for ask in (misled.LoadAsk(), misled.LoadAsk(rate=3.0)):
        words = client.command("http://h", ask, tmp_path)
        assert ("--request-rate" in words) == bool(ask.rate)
        assert json.loads(Path(tmp_path, "tokenizer.json").read_text())["model"]


def test_a_client_by_itself_says_its_medians(monkeypatch, capsys):
    monkeypatch.setitem(misled._OWN, "httpx", lambda url, ask: {"url": url, "rate": ask.rate})
    argv = ["misled", "--as", "httpx", "--url", "http://h", "--ask", '{"rate": 2.0}']
    monkeypatch.setattr(sys, "argv", argv)
    misled._main()
    assert json.loads(capsys.readouterr().out) == {"url": "http://h", "rate": 2.0}
