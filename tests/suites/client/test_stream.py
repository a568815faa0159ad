"""A recorded answer is read the same whatever its texts hold and however it was cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.client.http_body import body_is_complete, read_head
from suites.client.stream import read_answer

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN_HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
DONE = b"data: [DONE]\n\n"
TEXTS = st.lists(
    st.text(st.sampled_from('a "\\\n{}é[') | st.characters(codec="utf-8"), max_size=6), max_size=12
)


def event(text, **more):
    message = {"choices": [{"index": 0, "text": text, "logprobs": None}], **more}
    return b"data: " + json.dumps(message, ensure_ascii=False).encode() + b"\n\n"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def read(*reads):
    """What was read in these pieces, the first at time 0, the next at 1, …"""
    return read_answer(b"".join(reads), list(map(len, reads)), range(len(reads)), expected_tokens=1)


@given(TEXTS, st.booleans())
@settings(max_examples=150)
def test_every_event_with_text_is_a_token_at_the_time_of_its_last_byte(texts, ascii_only):
    events = [
        b"data: "
        + json.dumps({"choices": [{"index": 0, "text": text}]}, ensure_ascii=ascii_only).encode()
        + b"\n\n"
        for text in texts
    ]
    expected = [place + 1 for place, text in enumerate(texts) if text]
    by_chunk = read(HEAD, *map(chunk, events), chunk(DONE), b"0\r\n\r\n")
    assert by_chunk.token_ns == expected
    at_once = read(PLAIN_HEAD, *events, DONE)
    assert at_once.token_ns == expected
    two_in_a_chunk = read(HEAD, chunk(b"".join(events) + DONE), b"0\r\n\r\n")
    assert two_in_a_chunk.token_ns == [1] * len(expected)


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        ({"usage": {"completion_tokens": 3}}, "completion_tokens", 3),
        ({"timings": {"cache_n": 2}}, "cached_tokens", 2),
        ({"error": {"message": "no"}}, "failure", "error_event"),
    ],
)
def test_what_an_event_says_beside_its_text_is_heard_in_any_of_them(said, field, value):
    for place in range(4):
        events = [event("w", **said) if place == turn else event("w") for turn in range(4)]
        answer = read(HEAD, *map(chunk, events), chunk(DONE), b"0\r\n\r\n")
        assert getattr(answer, field) == value
        assert len(answer.token_ns) == 4


def test_a_text_that_looks_like_what_follows_it_is_a_text():
    texts = ["w", '","logprobs":null}],"usage":{"completion_tokens":9}}', "\\", '"', "w"]
    answer = read(HEAD, *map(chunk, map(event, texts)), chunk(DONE), b"0\r\n\r\n")
    assert answer.completion_tokens is None
    assert len(answer.token_ns) == len(texts)


def test_a_wrong_size_of_a_chunk_is_garbage():
    good, bad = chunk(event("w")), chunk(event("w")).replace(b"\r\n", b"0\r\n", 1)
    assert read(HEAD, good, bad, chunk(DONE), b"0\r\n\r\n").failure == "garbage"


def test_two_events_in_one_chunk_share_the_time_of_their_read_and_no_other():
    both, last = chunk(event("a") + event("b")), chunk(event("c"))
    # The read that ends with the chunk's data brought both; its line end comes with the next.
    cut = read(HEAD, both[:-2], both[-2:] + last, chunk(DONE) + b"0\r\n\r\n")
    assert cut.token_ns == [1, 1, 2]


@pytest.mark.parametrize("wrap", [chunk, lambda data: data], ids=["chunked", "plain"])
def test_an_event_arrives_with_its_last_byte(wrap):
    head = HEAD if wrap is chunk else PLAIN_HEAD
    first, second = wrap(event("a")), wrap(event("b"))
    end = wrap(DONE) + (b"0\r\n\r\n" if wrap is chunk else b"")
    data = len(event("a")) + first.index(b"data:")
    whole = read(head + first[:data], first[data:] + second, end)
    assert whole.token_ns == [0, 1]
    # Its last byte, the second line end, comes in a later read.
    late = read(head + first[: data - 1], first[data - 1 :] + second, end)
    assert late.token_ns == [1, 1]


@pytest.mark.parametrize("text", ["a\\", "\\", 'a\\"', '\\\\"text":"'])
def test_an_escaped_backslash_ends_no_text_early(text):
    events = [event("plain"), event(text), event("plain")]
    found = read(HEAD, *map(chunk, events), chunk(DONE), b"0\r\n\r\n")
    assert (found.failure, found.token_ns) == ("long", [1, 2, 3])


@pytest.mark.parametrize(
    ("start", "closes"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
    ],
)
def test_an_old_server_hangs_up_though_it_does_not_say_so(start, closes):
    assert read_head(start).closes is closes


def test_the_end_of_a_body_without_a_length_is_the_end_of_the_connection():
    start = b"HTTP/1.0 200 OK\r\n\r\n"
    assert read_head(start).framing == "until close"
    assert not body_is_complete([start, event("a"), DONE], "until close")


def test_a_text_that_escapes_its_own_end_is_no_text():
    broken = event("plain").replace(b"plain", b"a\\")
    answer = read(HEAD, *map(chunk, [event("plain"), broken]), chunk(DONE), b"0\r\n\r\n")
    assert answer.failure == "garbage"
