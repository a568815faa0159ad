"""Each preset asks as its source says, and stands only for what is not given."""

from __future__ import annotations

import json
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import get_args

import pytest

from runners.options.from_cli import from_arguments
from runners.options.registry import by_key
from suites.base.errors import UserError
from suites.client.preset import names, preset, with_preset
from suites.client.subject import subject, subject_spec
from suites.client.target import POOLED, Api, Target


def asked_by(name, **options):
    """The target of a preset, and the body of a request to it."""
    given = {"preset": name, "endpoint": "http://h/v1", "model": "m", **options}
    spec = subject_spec(given)
    target = Target(url=spec["endpoint"], model="m", api=spec["api"], key="k3y", **spec["asking"])
    before, after = target.frame(9)
    text = b"1" if not target.vocabulary.is_text else target.ranked(b"also area " * 40)
    return target, json.loads(before + (text if target.api == "rerank" else b"1") + after)


@pytest.mark.parametrize("name", names())
def test_every_preset_says_where_it_was_read_and_asks_all_it_has(name):
    known = preset(name)
    assert known.source.startswith("https://")
    assert known.read_on <= date(2026, 12, 31)
    assert not known.unread or not known.unread.endswith(".")
    assert set(known.apis) <= set(get_args(Api))
    for api in known.apis:
        target, body = asked_by(name, api=api)
        assert not set(known.drop) & set(body)
        if api in POOLED:
            assert set(body) <= {"model", "input", "query", "documents"}
        elif api != "responses" and known.max_tokens_field:
            assert body[known.max_tokens_field] == 9
        if known.url:
            Target(url=known.url, model="m", api=api)
        assert f"{known.key_header or 'Authorization'}: " in target.head().decode()


def test_the_services_and_servers_people_use_are_known():
    assert set(names()) == {
        "azure", "cerebras", "dashscope", "deepseek", "fireworks", "gemini", "groq", "litellm",
        "llama.cpp", "lm-studio", "moonshot", "ollama", "openai", "openrouter", "sglang",
        "siliconflow", "tensorrt-llm", "together", "vllm", "volcengine", "zhipu",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("openai", "https://api.openai.com/v1/chat/completions"),
        ("volcengine", "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
        ("zhipu", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
        ("dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions"),
        ("fireworks", "https://api.fireworks.ai/inference/v1/chat/completions"),
        ("groq", "https://api.groq.com/openai/v1/chat/completions"),
        ("vllm", "http://127.0.0.1:8000/v1/completions"),
    ],
)
def test_requests_go_where_the_makers_say(name, address):
    options = with_preset({"preset": name})
    assert Target(url=options["endpoint"], model="m", api=options["api"]).address == address


def test_azure_brings_its_key_in_a_header_of_its_own():
    target, body = asked_by("azure")
    assert b"\r\napi-key: k3y\r\n" in target.head()
    assert b"Bearer" not in target.head()
    assert "max_completion_tokens" in body


def test_what_is_given_wins_over_a_preset():
    given = {"max_tokens_field": "max_tokens", "drop_field": ["stream"], "api": "chat"}
    target, body = asked_by("openai", **given)
    assert body["max_tokens"] == 9
    assert not {"stream", "temperature", "max_completion_tokens"} & set(body)
    assert target.url == "http://h/v1"


def test_a_server_of_ones_own_is_asked_for_an_exact_length():
    _, body = asked_by("vllm")
    assert (body["ignore_eos"], body["min_tokens"]) == (True, 9)
    assert "n_predict" not in body
    _, hosted = asked_by("deepseek")
    assert not {"ignore_eos", "min_tokens", "n_predict"} & set(hosted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "nobody"}, "no preset 'nobody'"),
        ({"preset": "azure"}, "--endpoint https://RESOURCE"),
        ({"preset": "groq", "api": "rerank"}, "Groq has no rerank"),
    ],
)
def test_what_a_preset_cannot_do_is_said(options, message):
    with pytest.raises(UserError, match=message):
        with_preset(options)


def test_a_preset_brings_its_address_to_a_run_and_a_statement_brings_none():
    options = from_arguments({"suite": "serving", "preset": "deepseek", "model": "m"})
    assert options.suite_options["endpoint"] == "https://api.deepseek.com/v1"
    assert by_key()["endpoint"].stated == "no"
    assert by_key()["preset"].from_stranger("deepseek", "run.options.preset") == "deepseek"
    assert with_preset({"model": "m"}) == {"model": "m"}


def test_a_key_is_taken_from_the_variable_its_users_know(monkeypatch):
    monkeypatch.delenv("FENMARK_API_KEY", raising=False)
    monkeypatch.setenv("DEEPSEEK_API_KEY", "theirs")
    spec = subject_spec({"preset": "deepseek", "model": "m"})
    assert spec["api_key_env"] == "DEEPSEEK_API_KEY"
    monkeypatch.setenv("FENMARK_API_KEY", "ours")
    assert subject_spec({"preset": "deepseek", "model": "m"})["api_key_env"] == "FENMARK_API_KEY"
    monkeypatch.delenv("FENMARK_API_KEY")
    monkeypatch.delenv("DEEPSEEK_API_KEY")
    assert subject_spec({"preset": "deepseek", "model": "m"})["api_key_env"] is None


class Strict(BaseHTTPRequestHandler):
    """Refuses what GPT-5 refuses."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str | None]] = []  # noqa: RUF012

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, self.headers["Authorization"]))
        known = {"model", "messages", "max_completion_tokens", "stream", "stream_options"}
        data, status = b"unknown field", 400
        if set(body) == known:
            made = body["max_completion_tokens"]
            word = {"choices": [{"delta": {"content": "word"}}]}
            last = {"choices": [], "usage": {"completion_tokens": made, "prompt_tokens": 999}}
            events = [f"data: {json.dumps(event)}\n\n" for event in [*[word] * made, last]]
            data, status = ("".join(events) + "data: [DONE]\n\n").encode(), 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def test_a_service_that_refuses_unknown_fields_is_asked_right_at_once(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    monkeypatch.delenv("FENMARK_API_KEY", raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Strict)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    spec = subject_spec({"preset": "openai", "endpoint": url, "model": "gpt-5"})
    try:
        with subject(spec, slots=1, context=64) as under_test:
            assert under_test.engine["flags"]["length"] == "as the model ends it"
    finally:
        server.shutdown()
        server.server_close()
    output = capsys.readouterr().out
    assert "refused" not in output
    assert "s3cret" not in output
    assert Strict.asked[0] == ("/v1/chat/completions", "Bearer s3cret")
