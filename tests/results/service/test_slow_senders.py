"""Who sends slowly, endlessly or nothing like HTTP is cut off, and told why."""

import json
import re
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from results.service import connections
from results.service.api import SenderLimits
from results.service.api.problems import SAFETY
from tests.event_loops import StandingLoop

TRIES = 1200  # a twentieth of a second each
HEAD = b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\n"


def rest(connection):
    """Read to the end."""
    data = b""
    while more := connection.recv(65536):
        data += more
    return data


@pytest.fixture
def saying(serving):
    """Opens a server with these limits; it sends bytes as they are, and reads to the end."""

    @contextmanager
    def opened(limits):
        with serving(limits) as client:
            address = (client.base_url.host, client.base_url.port)

            def say(*parts):
                with socket.create_connection(address, timeout=120) as connection:
                    for part in parts:
                        connection.sendall(part)
                    return rest(connection)

            yield say

    return opened


@pytest.fixture
def say(saying):
    with saying(SenderLimits(head_s=0.3, body_s=0.3)) as say:
        yield say


@pytest.fixture
def say_in_time(saying):
    """To a server that has the patience which a busy machine needs."""
    with saying(SenderLimits(head_s=60, body_s=60)) as say:
        yield say


@pytest.fixture
def connected(serving):
    """Opens a connection to a server of these limits, whose time passes when it is told so."""

    @contextmanager
    def connected(**limits):
        loop = StandingLoop()
        with serving(SenderLimits(idle_s=10**6, **limits), loop=loop) as client:
            address = (client.base_url.host, client.base_url.port)
            with socket.create_connection(address, timeout=120) as connection:
                yield connection, loop.let_pass

    return connected


def status(answer):
    return int(answer.split()[1]) if answer else None


def answer_after(connection, let_pass, seconds):
    """Let time pass until there is an answer: what was sent may arrive after the first step."""
    connection.settimeout(0.05)
    for _ in range(TRIES):
        let_pass(seconds)
        with suppress(TimeoutError):
            return connection.recv(65536)
    raise AssertionError("no answer, however long it took")


@pytest.mark.parametrize("part", [b"", b"GET ", HEAD])
def test_a_head_that_never_ends_is_cut_off(say, part):
    answer = say(part)
    assert status(answer) == 408
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "urn:fenmark:problem:too-slow"


def test_a_head_is_not_kept_waiting_for_by_a_trickle(serving):
    with serving(SenderLimits(head_s=0.5)) as client:
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, timeout=120) as connection:
            connection.sendall(HEAD + b"X: ")
            cut = threading.Event()

            def trickle():
                while not cut.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

            thread = threading.Thread(target=trickle)
            thread.start()
            assert status(connection.recv(65536)) == 408
            cut.set()
            thread.join()


@pytest.mark.parametrize("drop", [b"\r\n", b"G"])
def test_who_was_answered_once_gets_no_more_time_for_the_next_head(connected, drop):
    with connected(head_s=10) as (connection, let_pass):
        connection.sendall(b"HEAD /v1/key HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(connection.recv(65536)) == 200
        connection.sendall(drop)
        assert status(answer_after(connection, let_pass, 11)) == 408


def test_a_body_that_trickles_in_behind_its_answer_is_cut_off(connected):
    with connected(body_s=10) as (connection, let_pass):
        connection.sendall(b"HEAD /v1/key HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert status(connection.recv(65536)) == 200
        let_pass(6)
        connection.sendall(b"{")
        let_pass(6)
        assert connection.recv(65536) == b""


def test_requests_without_end_before_the_first_answer_are_cut_off(say_in_time):
    answers = say_in_time(b"GET /v1/key HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
    assert answers.count(b"HTTP/1.1 200") < 20


def test_who_does_not_read_an_answer_is_cut_off(serving, sealed, monkeypatch):
    def fill(data):
        data["predicate"]["warnings"] = ["." * 500] * 750

    class Noted(connections._Guarded):
        def cut(self):
            super().cut()
            cut.set()

        def connection_lost(self, exc):
            super().connection_lost(exc)
            waiting = (cycle for cycle in self._under_way if not cycle.response_complete)
            told.extend(cycle.disconnected for cycle in waiting)

    cut, loop, told = threading.Event(), StandingLoop(), []
    monkeypatch.setattr(connections, "_Guarded", Noted)
    with serving(SenderLimits(answer_s=10), loop=loop) as client:
        location = client.post("/v1/submissions", content=sealed(change=fill)).headers["location"]
        asked = f"GET {location}/envelope HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(120)
            connection.connect((client.base_url.host, client.base_url.port))
            connection.sendall(asked * 14)
            data = connection.recv(1000)
            for _ in range(TRIES):  # until the server has written what is taken
                loop.let_pass(11)
                if cut.wait(0.05):
                    break
            assert cut.is_set()
            with suppress(ConnectionResetError):
                while more := connection.recv(65536):
                    data += more
        length = int(re.search(rb"content-length: (\d+)", data)[1])
        assert length > 400_000
        assert len(data) < 14 * length
    assert told  # those that wait for an answer before the latest
    assert all(told)


def test_a_body_that_never_ends_is_cut_off(connected):
    with connected(body_s=10) as (connection, let_pass):
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n")
        assert status(connection.recv(65536)) == 100  # it is waited for
        connection.sendall(b"{")
        let_pass(10.5)
        answer = rest(connection)
    assert status(answer) == 408
    assert b"the body took more than 10 s" in answer


def test_a_head_without_end_is_cut_off_before_it_fills_the_memory(say_in_time):
    assert status(say_in_time(HEAD + b"X: " + b"y" * 70_000)) == 431


def test_what_is_no_http_is_a_problem_with_the_same_headers(say_in_time):
    answer = say_in_time(b"\x16\x03\x01\x02\x00\x01 tls?\r\n\r\n")
    assert status(answer) == 400
    for name, value in SAFETY.items():
        assert f"{name}: {value}".encode() in answer
