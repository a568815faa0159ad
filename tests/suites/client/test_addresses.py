"""Several addresses are one service: each is asked, the least busy first, and failures are told."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from suites.base.errors import CheckError, UserError
from suites.client.preflight import preflight
from suites.client.target import Target, addresses
from suites.client.wire import Balance, Connection, Spares
from suites.serving import plan, run, summarize
from suites.serving.load.outcome import run_point
from suites.serving.load.point import Point
from tests.builders import assert_signable

EVENT = b'data: {"choices": [{"text": "word"}]}\n\n'


class Server(ThreadingHTTPServer):
    """Counts its requests and the names they called it by; refuses after `most`."""

    def __init__(self, most=10**6):
        super().__init__(("127.0.0.1", 0), Handler)
        self.most, self.hosts = most, []
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.hosts.append(self.headers["Host"])
        refused = len(self.server.hosts) > self.server.most
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": body["max_tokens"]}
        last = f"data: {json.dumps({'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n"
        data = b"full" if refused else EVENT * body["max_tokens"] + last.encode()
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextmanager
def serving(*most):
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(limit)) for limit in most]
        for server in servers:
            stack.callback(server.shutdown)
        yield servers


def target_of(servers):
    url, *more = (server.url for server in servers)
    return Target(url=url, more=more, model="m")


@pytest.mark.parametrize(
    "load", [{"shape": "closed", "concurrency": 6}, {"shape": "open", "rate": 300.0}]
)
def test_requests_are_spread_evenly_and_each_server_is_called_by_its_own_name(load):
    point = Point(requests=60, input_tokens=8, output_tokens=4, **load)
    with serving(10**6, 10**6, 10**6) as servers:
        outcome = run_point(target_of(servers), point, seed=0)
        assert len(outcome.answered) == 60
        for place, server in enumerate(servers):
            assert set(server.hosts) == {f"127.0.0.1:{server.server_port}"}
            share = sum(request.place == place for request in outcome.measured) / 60
            assert 0.2 < share < 0.47


def test_a_run_says_how_many_addresses_and_not_which(exact_instrument, capsys):
    with serving(10**6, 10**6) as servers:
        urls = [server.url for server in servers]
        options = {"endpoint": ",".join(urls), "model": "m", "isl": 16, "osl": 4}
        (cell,) = plan("quick", {**options, "concurrency": [2], "requests": 8})
        result = run.run_cell(json.loads(json.dumps(cell.spec)))
    rows = summarize([result])
    assert_signable(rows)
    assert {row.labels["addresses"] for row in rows} == {2}
    (engine,) = result.facts["engines"]
    assert engine["flags"]["addresses"] == 2
    assert not any(url in json.dumps(result.facts) for url in urls)
    output = capsys.readouterr().out
    assert all(f"asking {url}/v1/completions" in output for url in urls)


def test_failures_are_told_by_address(exact_instrument, capsys):
    # The second answers the first question and the instrument's, then is full.
    with serving(10**6, 3) as servers:
        options = {"endpoint": ",".join(server.url for server in servers), "model": "m"}
        options |= {"isl": 16, "osl": 4, "concurrency": [2], "requests": 12}
        (cell,) = plan("quick", options)
        run.run_cell(json.loads(json.dumps(cell.spec)))
        output = capsys.readouterr().out
        assert f"failed at {servers[1].url} " in output
        assert f"{servers[0].url} " not in output.partition("failed at")[2]


def test_an_address_that_does_not_answer_as_the_first_is_named_before_the_load():
    with serving(10**6, 0) as servers, pytest.raises(CheckError, match="http_503") as refusal:
        preflight(target_of(servers))
    assert f"{servers[1].url}/v1/completions" in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "split"),
    [
        ("http://a", ["http://a"]),
        ("http://a,http://b:1", ["http://a", "http://b:1"]),
        ("http://a/x,y, https://b/x,y", ["http://a/x,y", "https://b/x,y"]),
    ],
)
def test_addresses_are_told_apart_though_one_may_hold_a_comma(given, split):
    assert addresses(given) == split


@pytest.mark.parametrize("more", ["http://b/v2", "http://a", "ftp://b", "http://me:s3@b"])
def test_addresses_that_are_not_one_service_are_refused(more):
    with pytest.raises(UserError, match="endpoint"):
        Target(url="http://a", more=(more,), model="m")


def test_an_idle_connection_to_the_least_busy_address_is_taken():
    balance = Balance.of(2)
    idle = Spares()
    for place in (0, 1, 1, 0):
        connection = Connection(lambda *_: None)
        connection.goes_to(place, balance, (b"", b""))
        idle.append(connection)
    balance.sent[0] = 2  # on their way
    assert (idle.pop().place, len(idle)) == (1, 3)
    balance.ended[0] = 2  # none are, but it had two
    assert idle.pop().place == 1
    assert [connection.place for connection in idle] == [0, 0]


def test_of_one_address_the_connection_used_last_is_taken():
    first, last = (Connection(lambda *_: None) for _ in range(2))
    assert Spares([first, last]).pop() is last
