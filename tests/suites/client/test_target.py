"""The bytes of a request, and which addresses may be asked."""

from __future__ import annotations

import json
import ssl

import pytest

from suites.base.errors import UserError
from suites.client.target import Target, key_from, least_tokens
from suites.client.vocabulary import WORDS, Vocabulary

AT = {"url": "http://h:8000", "model": "m"}


def target(**fields):
    return Target(**{**AT, **fields})


def body_of(asked, text=b""):
    before, after = asked.frame(7)
    return json.loads(before + text + after)


def test_the_head_of_a_request_is_these_lines():
    asked = target(api="chat", key="k3y", headers=[("X-Team", "a"), ("X-Other", "b")])
    assert asked.head() == (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: h:8000\r\n"
        b"Content-Type: application/json\r\nAccept: text/event-stream\r\n"
        b"X-Team: a\r\nX-Other: b\r\nAuthorization: Bearer k3y\r\nContent-Length: "
    )
    assert b"Authorization" not in target().head()
    own = target(api="rerank", key="k3y", key_header="api-key").head()
    assert b"\r\nAccept: application/json\r\napi-key: k3y\r\nContent-Length: " in own


LENGTH = {"min_tokens": 7, "n_predict": 7, "ignore_eos": True}
STREAM = {"temperature": 0, "stream": True}
COUNTED = {"stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {"max_tokens": 7, **LENGTH, **STREAM, **COUNTED, "prompt": []}),
        ({"natural": True}, {"max_tokens": 7, **STREAM, **COUNTED, "prompt": []}),
        (
            {"extras": ("ignore_eos",), "max_tokens_field": "most", "without": ["temperature"]},
            {"most": 7, "ignore_eos": True, "stream": True, **COUNTED, "prompt": []},
        ),
        (
            {"each_counts": True, "extras": (), "body": {"stream": False, "top_k": 1}},
            {
                "max_tokens": 7,
                "temperature": 0,
                "stream": False,
                "stream_options": {"include_usage": True, "continuous_usage_stats": True},
                "top_k": 1,
                "prompt": [],
            },
        ),
        (
            {"api": "chat", "extras": ()},
            {
                "max_tokens": 7,
                **STREAM,
                **COUNTED,
                "messages": [{"role": "user", "content": ""}],
            },
        ),
        (
            {"api": "responses", "extras": ()},
            {"max_output_tokens": 7, **STREAM, "input": [{"role": "user", "content": ""}]},
        ),
        ({"api": "embeddings"}, {"input": []}),
        ({"words": WORDS, "api": "embeddings"}, {"input": ""}),
    ],
)
def test_the_body_asks_for_an_exact_length_in_the_apis_own_words(fields, body):
    assert body_of(target(**fields)) == {"model": "m", **body}


def test_the_most_output_tokens_may_have_another_name_in_every_api():
    assert body_of(target(api="responses", max_tokens_field="most"))["most"] == 7


@pytest.mark.parametrize(
    ("url", "authority", "port"),
    [
        ("http://h", "h", 80),
        ("https://h", "h", 443),
        ("https://h:80", "h:80", 80),
        ("http://[::1]:8000", "[::1]:8000", 8000),
        ("http://B\u00fccher.example", "xn--bcher-kva.example", 80),
    ],
)
def test_a_host_and_port_are_named_as_given_and_asked_by_their_scheme(url, authority, port):
    asked = target(url=url)
    assert (asked.authority, asked.port) == (authority, port)
    assert f"\r\nHost: {authority}\r\n".encode() in asked.head()


def test_a_path_is_sent_in_ascii_with_its_question():
    asked = target(url="http://h/a b\u00fc/v1?x=%20y&\u00fc=?[]".replace(" ", "%20"))
    line = b"POST /a%20b%C3%BC/v1/completions?x=%20y&%C3%BC=?[] HTTP/1.1\r\n"
    assert asked.head().startswith(line)


@pytest.mark.parametrize(
    "url", ["", "h:8000", "ftp://h", "http://", "http://h:0", "http://h:99999", "http://h/a b",
            "http://h/\n", "http://" + "a" * 70 + "\u00fc", "http://" + "a" * 70, "http://a..b"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_one_line(url):
    with pytest.raises(UserError) as refusal:
        target(url=url)
    line = f"not a usable endpoint {url!r}; expected a URL such as http://host:8000"
    assert str(refusal.value) == f"endpoint: {line}"


def test_a_password_is_refused_with_where_to_put_it():
    with pytest.raises(UserError) as refusal:
        target(url="http://me:s3@h")
    assert str(refusal.value) == (
        "endpoint: a name or a password in the endpoint's address; expected a URL such as "
        "http://host:8000; give a key by --api-key-env, other credentials by --header"
    )


@pytest.mark.parametrize("more", ["http://b:8000/v1", "http://b:8000?x=1", "http://h:8000"])
def test_addresses_of_one_service_differ_in_host_or_port_alone(more):
    with pytest.raises(UserError) as refusal:
        target(more=(more,))
    assert str(refusal.value) == (
        "endpoint: addresses of one service with other paths, or one of them twice; expected "
        "addresses that differ in host or port alone"
    )


def test_one_of_several_addresses_is_asked_alone():
    both = target(more=("http://h:8001/",), api="chat")
    assert both.urls == ("http://h:8000", "http://h:8001/")
    assert both.alone(1) == target(url="http://h:8001/", api="chat")


def test_another_process_reads_the_same_target():
    words = Vocabulary(kind="tokenizer", pieces=("word",), separator=" ", special=1)
    for asked in (target(words=words, key="k3y", documents=2), target(body={"a": [1]})):
        assert Target.from_json(asked.to_json()) == asked


def test_only_https_is_secured_and_only_insecure_asks_for_no_certificate(tmp_path):
    assert target().tls is None
    secured = target(url="https://h").tls
    assert (secured.check_hostname, secured.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert target(url="https://g").tls is secured
    trusting = target(url="https://h", insecure=True).tls
    assert (trusting.check_hostname, trusting.verify_mode) == (False, ssl.CERT_NONE)
    with pytest.raises(UserError) as refusal:
        target(url="https://h", ca=f"{tmp_path}/none.pem").tls  # noqa: B018 - it reads the file
    assert str(refusal.value) == (
        f"--ca {tmp_path}/none.pem: no certificates (No such file or directory); "
        "expected a PEM file"
    )


def test_a_key_is_read_from_its_variable(monkeypatch):
    monkeypatch.setenv("MINE", "k3y")
    assert (key_from("MINE"), key_from(None)) == ("k3y", None)
    monkeypatch.setenv("MINE", "")
    with pytest.raises(UserError, match="environment variable MINE is not set"):
        key_from("MINE")
    for odd in ("k3y\r\nX: y", "钥匙"):
        monkeypatch.setenv("MINE", odd)
        with pytest.raises(UserError, match="MINE holds other than letters") as refusal:
            key_from("MINE")
        assert odd not in str(refusal.value)


@pytest.mark.parametrize(
    ("api", "tokens", "pooled", "chats", "isl_by"),
    [
        ("completions", 5, 0, False, "token ids"),
        ("chat", 5, 0, True, "words, approximate; chat template not counted"),
        ("responses", 5, 0, True, "words, approximate; chat template not counted"),
        ("embeddings", 5, 1, False, "token ids"),
        ("rerank", 17, 3, False, "words, approximate; question counted once"),
    ],
)
def test_each_api_has_a_least_prompt_and_says_how_its_length_is_known(
    api, tokens, pooled, chats, isl_by
):
    asked = target(api=api, documents=3)
    assert asked.least_tokens == least_tokens(api, 3) == tokens
    assert (asked.pooled, asked.chats, asked.isl_by) == (pooled, chats, isl_by)


def test_a_question_is_cut_from_the_front_and_documents_are_even():
    text = b"aaaa bbbb cccc dddd eeee ffff gggg"
    assert target(api="rerank", documents=2).ranked(text) == (
        b'aaaa bbbb","documents":["cccc dddd","eeee ffff gggg'
    )


def test_messages_of_a_chat_are_by_user_and_assistant_in_turn():
    assert Target.joined([b"a"]) == b"a"
    assert Target.joined([b"a", b"b", b"c"]) == (
        b'a"},{"role":"assistant","content":"b"},{"role":"user","content":"c'
    )
