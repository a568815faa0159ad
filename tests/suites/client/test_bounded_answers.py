"""An answer is read up to its bounds, in size and in time, and no further."""

from __future__ import annotations

import ssl
import time

import httpx
import pytest

from suites.client import bounded_answers
from suites.client.bounded_answers import BoundedTransport

MIB = 2**20


class Body(httpx.SyncByteStream):
    """Gives pieces of these sizes, each after so long; knows whether it was closed."""

    def __init__(self, sizes, each_s=0.0):
        self.sizes, self.each_s, self.clock, self.closed = sizes, each_s, 0.0, False

    def __iter__(self):
        for size in self.sizes:
            self.clock += self.each_s
            yield bytes(size)

    def close(self):
        self.closed = True


@pytest.fixture
def answered(monkeypatch):
    """What a client gets of a body, as if a server had sent it."""

    def get(body):
        monkeypatch.setattr(time, "monotonic", lambda: 1000 + body.clock)
        plain = httpx.Response(203, headers={"x": "y"}, stream=body, extensions={"a": b"b"})
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda *_: plain)
        with httpx.Client(transport=BoundedTransport()) as client:
            return client.get("http://h/")

    return get


def test_an_answer_within_the_bounds_is_as_it_was_sent(answered):
    body = Body([MIB, MIB - 1, 1], each_s=40.0)
    answer = answered(body)
    assert (answer.status_code, answer.headers["x"], answer.extensions["a"]) == (203, "y", b"b")
    assert (len(answer.content), body.closed) == (2 * MIB, True)


@pytest.mark.parametrize("body", [Body([MIB, MIB, 1]), Body([1, 1, 1], each_s=40.1)])
def test_an_answer_that_is_too_large_or_takes_too_long_is_given_up(answered, body):
    with pytest.raises(httpx.ReadError, match="an answer without end"):
        answered(body)
    assert body.closed


def test_an_answer_that_is_compressed_is_not_read(monkeypatch):
    asked = []
    body = Body([1])
    packed = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=body)
    monkeypatch.setattr(
        httpx.HTTPTransport, "handle_request", lambda _, request: asked.append(request) or packed
    )
    with (
        httpx.Client(transport=BoundedTransport()) as client,
        pytest.raises(httpx.ReadError, match="compressed \\('gzip'\\), which was not asked for"),
    ):
        client.get("http://h/")
    assert (asked[0].headers["accept-encoding"], body.closed) == ("identity", True)


def test_authorities_are_read_once_and_others_are_taken_as_given(monkeypatch):
    bounded_answers._trusted.cache_clear()
    read = []
    own = httpx.create_ssl_context

    def counted():
        read.append(own())
        return read[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    made = [BoundedTransport(), BoundedTransport(retries=1), BoundedTransport(verify=False)]
    bounded_answers._trusted.cache_clear()
    contexts = [transport._pool._ssl_context for transport in made]
    assert contexts[:2] == [read[0]] * 2
    assert len(read) == 1
    assert contexts[2].verify_mode == ssl.CERT_NONE
