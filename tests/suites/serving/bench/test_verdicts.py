"""Of everything a server may do, no figure is wrong and called valid."""

from __future__ import annotations

import socketserver
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

import leaderboard
from suites.client.target import Target
from suites.serving.bench import verdicts
from suites.serving.bench.behaviours import BEHAVIOURS, INPUT_TOKENS, TOKENS
from suites.serving.bench.verdicts import judged, page, played, summed_up
from suites.serving.load.outcome import run_point
from suites.serving.load.point import Point

NAMED = {behaviour.name: behaviour for behaviour in BEHAVIOURS}


@pytest.mark.parametrize("name", NAMED)
def test_every_figure_is_right_void_or_refused(name):
    behaviour = NAMED[name]
    verdict = judged(behaviour, played(behaviour))
    assert (verdict.kind, verdict.because) == (behaviour.verdict, verdict.because)
    assert behaviour.because in verdict.because
    assert bool(verdict.because) == (behaviour.verdict != "right")


def test_there_are_as_many_as_were_asked_for_and_none_twice():
    assert len(NAMED) == len(BEHAVIOURS) >= 69


@pytest.mark.parametrize(
    "lie", [{"tpot_ms": 9.0}, {"ttft_ms": 40.0}, {"ttfo_ms": 45.0}, {"tokens": 120}]
)
def test_a_figure_that_is_not_the_truth_is_called_wrong(lie):
    behaviour = replace(BEHAVIOURS[0], **lie)
    verdict = judged(behaviour, played(behaviour))
    assert (verdict.kind, verdict.because.split()[0]) == ("wrong", next(iter(lie)).split("_")[0])


def test_all_of_them_are_summed_up_in_one_line(monkeypatch):
    told = summed_up()
    assert f"{len(BEHAVIOURS)} behaviours" in told
    assert told.endswith("0 wrong and valid (met: none wrong)")
    lies = (BEHAVIOURS[0], replace(BEHAVIOURS[0], ttft_ms=40.0))
    monkeypatch.setattr(verdicts, "BEHAVIOURS", lies)
    told = "2 behaviours of servers: 1 right, 0 void, 0 refused, 1 wrong and valid"
    assert summed_up() == f"{told} (missed: none wrong)"


class Answer(socketserver.BaseRequestHandler):
    """Answers every request as the server's behaviour does, without waiting."""

    def handle(self):
        with suppress(OSError):
            while self.asked():
                for _, data in self.server.behaviour.sent:
                    self.request.sendall(data)
                if self.server.behaviour.then != "keep":
                    return

    def asked(self):
        data = b""
        while b"\r\n\r\n" not in data and (piece := self.request.recv(65_536)):
            data += piece
        head, _, body = data.lower().partition(b"\r\n\r\n")
        length = int((head.partition(b"content-length: ")[2] or b"0").split(b"\r\n")[0])
        while len(body) < length:
            body += self.request.recv(65_536)
        return bool(data)


@contextmanager
def serving(behaviour):
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        server.behaviour, server.block_on_close = behaviour, False
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


# Every fourteenth, which takes in all kinds; their times are not waited for.
OVER_A_SOCKET = [behaviour.name for behaviour in BEHAVIOURS[9::14]]


@pytest.mark.parametrize("name", OVER_A_SOCKET)
def test_a_socket_gives_the_client_what_the_table_says(name):
    behaviour = NAMED[name]
    point = Point(
        shape="closed",
        concurrency=1,
        requests=1,
        input_tokens=INPUT_TOKENS,
        output_tokens=TOKENS,
        natural=not behaviour.asked,
        request_limit_s=0.5 if behaviour.because == "timeout" else 120.0,
    )
    with serving(behaviour) as url:
        outcome = run_point(Target(url=url, model="m", natural=point.natural), point, seed=0)
    (request,) = outcome.measured
    if behaviour.verdict == "refused":
        assert request.failure == behaviour.because
        return
    assert request.failure == ""
    assert behaviour.verdict == "void" or request.output_tokens == behaviour.tokens
    assert bool(request.doubt) == (behaviour.verdict == "void")
    assert behaviour.because in request.doubt


def test_the_page_is_what_the_table_says():
    written = Path(leaderboard.__file__).parent / "docs/behaviours.md"
    assert written.read_text() == page(), "run `python -m suites.serving.bench.verdicts` into it"
