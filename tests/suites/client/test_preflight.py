"""The first request finds out how an endpoint wants to be asked, or says why it cannot be."""

from __future__ import annotations

import json
import ssl
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic_ns

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
        if refused or (self.habits.get("status") and len(self.asked) > self.habits.get("good", 0)):
            words = f"unknown field {refused}" if refused else "\x1b[31mgo away"
            return self.answer(self.habits.get("status", 400), words.encode())
        limit = body.get("max_tokens") or body["max_completion_tokens"]
        each = "continuous_usage_stats" in body["stream_options"]
        size = self.habits.get("together", 1)
        events = []
        for made in range(0, limit, size):
            counted = {"usage": {"completion_tokens": made + size}} if each else {}
            events.append({"choices": [{"delta": {"content": "x"}}], **counted})
        usage = {"completion_tokens": limit, "prompt_tokens": 999}
        events.append({"choices": [], "usage": usage | self.habits.get("says", {})})
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        return self.answer(200, "".join([*lines, "data: [DONE]\n\n"]).encode())

    def do_GET(self):
        self.asked.append({"path": self.path, "key": self.headers["Authorization"]})
        lists = self.habits.get("lists")
        self.answer(200, (lists if isinstance(lists, str) else json.dumps(lists)).encode())

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

    def having(path="", api="chat", **habits):
        Service.habits = habits
        return Target(url=f"http://127.0.0.1:{server.server_port}{path}", model="m", api=api)

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


def notes(capsys):
    return [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]


KEY = "; give its key in a variable named by --api-key-env"
ADDRESS = (
    "; look at the address and at --model, it lists no models; "
    "a path with a version is used as given"
)
NO_IDS = "; an endpoint that takes no token ids, or not these, is asked with --api chat"


@pytest.mark.parametrize(
    ("api", "status", "remedy"),
    [
        ("chat", 401, KEY),
        ("chat", 403, KEY),
        ("chat", 404, ADDRESS),
        ("chat", 307, "; give the address that it sends to, which is not followed by itself"),
        ("chat", 400, ""),
        ("completions", 400, NO_IDS),
        ("completions", 422, NO_IDS),
        ("completions", 429, ""),
    ],
)
def test_a_refusal_is_said_in_the_servers_words_and_asked_no_further(service, api, status, remedy):
    target = service(api=api, status=status)
    with pytest.raises(CheckError) as refusal:
        preflight(target)
    # Its words are a stranger's: what would colour a terminal shows.
    assert str(refusal.value) == (
        f"{target.address}: the first request failed: http_{status}, \\x1b[31mgo away; "
        f"expected a stream of tokens{remedy}"
    )
    asked = [body for body in Service.asked if "model" in body]
    assert len(asked) == (3 if status in {400, 422} else 1)


@pytest.mark.parametrize(
    ("api", "code", "asked", "remedy"),
    [
        ("completions", 400, 3, NO_IDS),
        ("chat", 422, 3, ""),
        ("chat", 500, 1, ""),
        ("chat", "x", 1, ""),
    ],
)
def test_what_is_not_understood_may_be_told_in_an_event(
    service, monkeypatch, api, code, asked, remedy
):
    """As vLLM 0.32.0 answers a token id that its vocabulary does not have, with status 200."""
    error = {"message": "Token id 9549 is out of vocabulary", "type": "BadRequestError"}

    def refuse(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        event = json.dumps({"error": error | {"param": None, "code": code}})
        self.answer(200, f"data: {event}\n\ndata: [DONE]\n\n".encode())

    monkeypatch.setattr(Service, "do_POST", refuse)
    with pytest.raises(
        CheckError, match=f"out of vocabulary.*; expected a stream of tokens{remedy}$"
    ):
        preflight(service(api=api))
    assert len([body for body in Service.asked if "model" in body]) == asked


def test_of_a_servers_words_two_hundred_letters_are_repeated(service, monkeypatch):
    monkeypatch.setattr(Service, "do_POST", lambda self: self.answer(401, b"x" * 999))
    with pytest.raises(CheckError, match=r": http_401, x{199}…; "):
        preflight(service())


def test_it_is_asked_a_short_prompt_and_then_a_long_one_twice(service):
    preflight(service())
    prompts = [body for body in Service.asked if "messages" in body]
    asked = [(len(body["messages"][0]["content"].split()), body) for body in prompts]
    assert [(words, body["max_tokens"]) for words, body in asked] == [(32, 16), (256, 2), (256, 2)]
    texts = [body["messages"][0]["content"] for _, body in asked]
    assert texts[1] == texts[2]
    assert not texts[1].startswith(texts[0][:24])


@pytest.mark.parametrize(
    ("habits", "fresh_s", "cache"),
    [
        ({"says": {"prompt_tokens_details": {"cached_tokens": 0}}}, (), "told"),
        ({}, (100, 0), "not told, and answers"),
        ({}, (100, 50), "not told, and answers"),
        ({}, (100, 70), "not told, and not seen"),
        ({}, (0, 100), "not told, and not seen"),
        ({"status": 500, "good": 1}, (0, 0), "unknown"),
        ({"status": 500, "good": 2}, (0, 0), "unknown"),
    ],
)
def test_a_memory_of_prompts_is_told_or_seen_by_a_quicker_answer(
    service, monkeypatch, habits, fresh_s, cache
):
    # Requests are dated back, as if their first tokens had taken so long.
    dated = iter([0, *fresh_s])
    monkeypatch.setattr(
        "suites.client.preflight.monotonic_ns", lambda: monotonic_ns() - next(dated) * 10**9
    )
    _, flags = preflight(service(**habits))
    assert flags["prefix_cache"] == cache


def test_several_addresses_are_each_asked_and_counted(service, capsys):
    target = service()
    both = replace(target, more=(target.url.replace("127.0.0.1", "localhost"),))
    kept, flags = preflight(both)
    assert (kept, flags["addresses"]) == (both, 2)
    assert f"asking {both.alone(1).address}" in notes(capsys)
    assert "addresses" not in preflight(target)[1]


def test_one_that_counts_in_no_event_though_asked_is_asked_as_before(service):
    kept, flags = preflight(service(together=4, says={"completion_tokens": 17}, status=400, good=1))
    assert not kept.each_counts
    assert flags["counts"] == "at the end"


def test_what_it_answered_is_said_in_one_line(service, capsys):
    target = service(says={"prompt_tokens_details": {"cached_tokens": 0}})
    preflight(target)
    assert notes(capsys) == [
        f"asking {target.address}",
        (
            f"{target.address} answers with a stream: takes words, approximate, "
            "counts tokens at the end, length as asked, prefix cache told, lists no models"
        ),
    ]


def test_of_vectors_it_is_said_whether_their_input_is_counted(service, capsys, monkeypatch):
    vectors = {"data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 32}}
    monkeypatch.setattr(
        Service, "do_POST", lambda self: self.answer(200, json.dumps(vectors).encode())
    )
    target = service(api="embeddings")
    assert preflight(target) == (target, {"counts": "at the end"})
    assert notes(capsys)[1:] == [
        f"{target.address} answers: counts tokens at the end, lists no models"
    ]
    del vectors["usage"]
    assert preflight(target) == (target, {"counts": "not at all"})


def test_fields_that_are_not_sent_are_not_left_out_again(service):
    natural = replace(service(status=400), natural=True, max_tokens_field="most")
    with pytest.raises(CheckError):
        preflight(natural)
    assert len(Service.asked) == 1


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"data": [{"id": "m"}, {"id": "other"}]}, "lists 2 models\n"),
        ({"data": [{"id": "big\x1b[31m"}]}, "lists 1 model, m not among them: big"),
        ({"data": [{"id": str(n)} for n in range(9)]}, "not among them: 0, 1, 2, 3, 4, …"),
        ({"data": [{"id": 5}]}, "lists no models"),
        ({"data": "all"}, "lists no models"),
        ([1], "lists no models"),
        ("[" * 100_000, "lists no models"),
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


def test_a_connection_that_does_not_open_is_waited_for_no_longer_than_its_limit(monkeypatch):
    monkeypatch.setattr("suites.client.wire._CONNECT_LIMIT_S", 0.0)
    with pytest.raises(UserError, match=r"cannot connect \(no connection within 0 s\)"):
        preflight(Target(url="http://127.0.0.1:1", model="m"))


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (
            ssl.SSLCertVerificationError("certificate has expired"),
            "take any certificate by --insecu",
        ),
        (ssl.SSLError("wrong version number"), "look whether it is http or https"),
    ],
)
def test_what_may_be_done_about_a_certificate_is_said(monkeypatch, error, remedy):
    async def connect(*_):
        raise error

    monkeypatch.setattr("suites.client.preflight.connect", connect)
    with pytest.raises(UserError, match=remedy):
        preflight(Target(url="https://h", model="m"))


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


@pytest.mark.parametrize(
    "url", ["http://me:s3cret@h", "http://me:s3cret@h:99999", "me:s3cret@h", "http://s3cret@[h?x"]
)
def test_a_password_in_an_address_is_refused_and_not_repeated(url):
    with pytest.raises(UserError) as refusal:
        Target(url=url, model="m")
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
