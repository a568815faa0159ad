"""The first request finds out how an endpoint wants to be asked, or says why it cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from suites.base.errors import CheckError, UserError
from suites.client.preflight import preflight
from suites.client.target import Target


class Service(BaseHTTPRequestHandler):
    """A service of its own habits; `habits` is what it refuses and how it counts."""

    protocol_version = "HTTP/1.1"
    habits: dict[str, object] = {}  # noqa: RUF012 - set by each test
    asked: list[dict[str, object]] = []  # noqa: RUF012

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({"path": self.path, **body})
        refused = next((name for name in self.habits.get("refuses", ()) if name in body), None)
        if refused or self.habits.get("status"):
            words = f"unknown field {refused}" if refused else "\x1b[31mgo away"
            return self.answer(self.habits.get("status", 400), words.encode())
        limit = body.get("max_tokens") or body["max_completion_tokens"]
        each = "continuous_usage_stats" in body["stream_options"]
        size = self.habits.get("together", 1)
        events = []
        for made in range(0, limit, size):
            counted = {"usage": {"completion_tokens": made + size}} if each else {}
            events.append({"choices": [{"delta": {"content": "x"}}], **counted})
        events.append({"choices": [], "usage": {"completion_tokens": limit, "prompt_tokens": 999}})
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        return self.answer(200, "".join([*lines, "data: [DONE]\n\n"]).encode())

    def do_GET(self):
        self.asked.append({"path": self.path, "key": self.headers["Authorization"]})
        self.answer(200, json.dumps(self.habits.get("lists")).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    Service.asked = []

    def having(path="", **habits):
        Service.habits = habits
        return Target(url=f"http://127.0.0.1:{server.server_port}{path}", model="m", api="chat")

    yield having
    server.shutdown()
    server.server_close()


def test_an_endpoint_that_takes_everything_is_asked_as_before(service, capsys):
    target = service()
    kept, flags = preflight(target)
    assert kept == target
    assert (flags["counts"], flags["length"]) == ("at the end", "as asked")
    assert f"{target.url}/v1/chat/completions answers" in capsys.readouterr().out


def test_fields_it_does_not_know_are_left_out(service, capsys):
    kept, flags = preflight(service(refuses=["min_tokens"]))
    assert kept.extras == ()
    assert flags["length"] == "as the model ends it"
    assert "unknown field min_tokens" in capsys.readouterr().out


def test_the_most_tokens_may_have_another_name(service):
    kept, _ = preflight(service(refuses=["min_tokens", "max_tokens"]))
    assert kept.max_tokens_field == "max_completion_tokens"


def test_several_tokens_a_fragment_are_counted_in_every_event_from_then_on(service):
    kept, flags = preflight(service(together=4))
    assert kept.each_counts
    assert flags["counts"] == "in every event"


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "--api-key-env"), (404, "--model"), (400, ""), (429, "")]
)
def test_a_refusal_is_said_in_the_servers_words_and_asked_no_further(service, status, remedy):
    with pytest.raises(CheckError) as refusal:
        preflight(service(status=status))
    said = str(refusal.value)
    assert f"http_{status}" in said
    assert "[31mgo away" in said
    assert "\x1b" not in said
    assert remedy in said
    assert len(Service.asked) <= 3


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"data": [{"id": "m"}, {"id": "other"}]}, "lists 2 models\n"),
        ({"data": [{"id": "big\x1b[31m"}]}, "lists 1 model, m not among them: big"),
        ({"data": [{"id": str(n)} for n in range(9)]}, "not among them: 0, 1, 2, 3, 4, …"),
        ({"data": [{"id": 5}]}, "lists no models"),
        ({"data": "all"}, "lists no models"),
        ([1], "lists no models"),
        (None, "lists no models"),
    ],
)
def test_the_models_an_endpoint_lists_are_said(service, capsys, lists, says):
    preflight(replace(service(lists=lists), key="k3y"))
    told = capsys.readouterr().out
    assert says in told.replace('"}', "\n").replace("\\u2026", "…")
    assert "\x1b" not in told
    assert Service.asked[-1] == {"path": "/v1/models", "key": "Bearer k3y"}


def test_an_unknown_model_is_told_which_there_are(service):
    with pytest.raises(CheckError, match="it lists 1 model, m not among them: other"):
        preflight(service(status=404, lists={"data": [{"id": "other"}]}))


def test_models_are_listed_beside_what_is_asked():
    address = "https://h/d/x/chat/completions?api-version=1"
    assert (
        Target(url=address, model="m", api="chat").listing == "https://h/d/x/models?api-version=1"
    )


def test_an_address_where_nobody_answers_is_said():
    with pytest.raises(UserError, match="cannot connect"):
        preflight(Target(url="http://127.0.0.1:1", model="m"))


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("http://h", "http://h/v1/chat/completions"),
        ("http://h:80/v1/", "http://h:80/v1/chat/completions"),
        ("http://h/openai", "http://h/openai/v1/chat/completions"),
        ("https://h/api/v3", "https://h/api/v3/chat/completions"),
        ("https://h/api/paas/v4", "https://h/api/paas/v4/chat/completions"),
        ("https://h/v1beta/openai/", "https://h/v1beta/openai/chat/completions"),
        ("https://h/d/x/chat/completions?api-version=1", "https://h/d/x/chat/completions?api-version=1"),
        ("http://bücher.example/v1", "http://xn--bcher-kva.example/v1/chat/completions"),
        ("http://[::1]:8000", "http://[::1]:8000/v1/chat/completions"),
    ],
)  # fmt: skip
def test_a_base_address_is_used_as_it_is_given(given, asked):
    assert Target(url=given, model="m", api="chat").address == asked


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(UserError) as refusal:
        Target(url="http://me:s3cret@h", model="m")
    assert "s3cret" not in str(refusal.value)


def test_fields_may_be_added_renamed_and_dropped():
    target = Target(
        url="http://h",
        model="m",
        api="chat",
        body={"top_k": 1, "temperature": 1},
        without=["min_tokens", "stream_options"],
        max_tokens_field="max_completion_tokens",
        natural=True,
    )
    before, after = target.frame(7)
    body = json.loads(before + b"hi" + after)
    assert body["max_completion_tokens"] == 7
    assert (body["top_k"], body["temperature"]) == (1, 1)
    assert not {"stream_options", "min_tokens", "ignore_eos", "max_tokens"} & set(body)
