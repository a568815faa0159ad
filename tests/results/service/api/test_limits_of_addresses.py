"""An address has its share of requests, bytes and connections, whatever it writes or asks."""

import socket
from contextlib import ExitStack
from ipaddress import ip_network

import httpx
import pytest

from results.service.api import SenderLimits

pytestmark = pytest.mark.usefixtures("standing")

LOOPBACK = (ip_network("127.0.0.0/8"),)


def forwarded(client, *values):
    headers = [("x-forwarded-for", value) for value in values]
    return client.get("/v1/key", headers=headers).status_code


def test_a_forged_header_passes_no_limit(serving):
    with serving(SenderLimits(per_minute=2)) as client:
        answers = [forwarded(client, f"198.51.100.{number}") for number in range(3)]
    assert answers == [200, 200, 429]


def test_behind_a_trusted_proxy_each_client_has_its_share(serving):
    with serving(SenderLimits(per_minute=1, trusted=LOOPBACK)) as client:
        assert forwarded(client, "198.51.100.1") == 200
        assert forwarded(client, "203.0.113.9, 198.51.100.1") == 429
        assert forwarded(client, "203.0.113.9", "198.51.100.1") == 429
        assert forwarded(client, "198.51.100.1, 127.0.0.9") == 429
        assert forwarded(client, "2001:db8::1") == 200
        assert forwarded(client, "2001:db8::2") == 429  # of the same /64
        assert forwarded(client, "2001:db8:0:1::1") == 200


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/openapi.json", "/v1/nothing"])
def test_nothing_is_outside_the_limits(serving, path):
    with serving(SenderLimits(per_minute=1)) as client:
        client.get(path)
        answer = client.get(path)
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "61"


def test_an_address_has_its_share_of_bytes(serving):
    with serving(SenderLimits(bytes_per_minute=1000)) as client:
        assert client.get("/openapi.json").status_code == 200
        answer = client.get("/v1/key")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 60


def test_a_key_has_its_share_of_bytes_whatever_address_it_comes_from(serving, sealed):
    body = sealed()
    with serving(SenderLimits(bytes_per_minute=len(body) / 2)) as client:

        def send(number):
            transport = httpx.HTTPTransport(local_address=f"127.0.0.{number + 2}")
            with httpx.Client(base_url=client.base_url, transport=transport) as other:
                return other.post("/v1/submissions", content=body).status_code

        assert [send(number) for number in range(3)] == [201, 429, 429]


@pytest.fixture
def hold():
    """Opens connections that say something and then nothing more."""
    with ExitStack() as stack:

        def hold(client, number, greeting=b""):
            address = (client.base_url.host, client.base_url.port)
            connections = []
            for _ in range(number):
                connections.append(stack.enter_context(socket.create_connection(address, 120)))
                connections[-1].sendall(greeting)
            return connections

        yield hold


def is_cut(connection):
    try:
        return connection.recv(100) == b""  # without a word
    except ConnectionResetError:
        return True


# What is cut is cut for room, however late the test is.
PATIENT = {"head_s": 600, "body_s": 600, "idle_s": 600}
SLOW_HEAD = b"GET /v1/key HTTP/1.1\r\nX: "
SLOW_BODY = b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"


def test_idle_and_slow_connections_give_way_to_who_asks(serving, hold):
    with serving(SenderLimits(**PATIENT, connections=40, connections_of_address=20)) as client:
        held = hold(client, 30) + hold(client, 10, SLOW_HEAD) + hold(client, 10, SLOW_BODY)
        for _ in range(10):
            with httpx.Client(base_url=client.base_url, timeout=120) as healthy:
                assert healthy.get("/v1/key").status_code == 200
        assert all(map(is_cut, held[:31]))  # the first come, and one for the healthy client
        for connection in held:
            connection.close()


def test_a_body_that_is_waited_for_gives_way_too(serving, hold):
    with serving(SenderLimits(**PATIENT, connections_of_address=1)) as client:
        [first] = hold(client, 1, SLOW_BODY)
        assert client.get("/v1/key").status_code == 200
        assert is_cut(first)
