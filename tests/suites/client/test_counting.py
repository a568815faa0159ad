"""Tokens counted from any fragments, thoughts and prompts: each token takes 10 ms, as it is read.

What servers are known to do is in `suites.serving.bench.behaviours`; here is what varies.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.client.request import read_exchange
from suites.client.wire import Exchange, Tape

TOKENS = 128
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = b"data: [DONE]\n\n"
WORDS = ["the", " sea", " was", " calm", ",", " and", " we", " sailed", " on", "."]


def word(number):
    return WORDS[number % len(WORDS)]


def event(delta, *, finish=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n"


def usage(tokens=TOKENS, **details):
    message = {"choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": tokens, **details}}
    return b"data: " + json.dumps(message).encode() + b"\n\n"


def at(number):
    """When the server has made token `number`, in ms."""
    return 50 + 10 * number


def each(kind="content", tokens=range(TOKENS)):
    return [(at(n), [event({kind: word(n)})]) for n in tokens]


def merged(*sizes):
    """Fragments of so many tokens, each sent when its last token is there."""
    made, timeline = 0, []
    for size in sizes:
        text = "".join(word(n) for n in range(made, made + size))
        made += size
        timeline.append((at(made - 1), [event({"content": text})]))
    return timeline


def counting(*sizes):
    """As `merged`, with the count so far in each event."""
    made, timeline = 0, []
    for size in sizes:
        text = "".join(word(n) for n in range(made, made + size))
        made += size
        said = {"completion_tokens": made}
        timeline.append((at(made - 1), [event({"content": text}, usage=said)]))
    return timeline


def ended(timeline, *behind):
    return [*timeline, (timeline[-1][0], [*behind, DONE])]


def asked(timeline):
    """The request as the client reads it, sent at 0."""
    exchange = Exchange(index=0, input_tokens=8, output_tokens=TOKENS)
    arrivals = [(0.0, HEAD)]
    for ms, events in timeline:
        arrivals.append((ms, b"".join(b"%x\r\n%b\r\n" % (len(e), e) for e in events)))
    arrivals.append((timeline[-1][0], b"0\r\n\r\n"))
    exchange.stamps = [round(ms * 1e6) for ms, _ in arrivals]
    exchange.reads = [read for _, read in arrivals]
    exchange.ended_ns = exchange.stamps[-1]
    tape = Tape()
    tape.record(exchange)
    return read_exchange(tape, exchange)


ROLE = (40, [event({"role": "assistant", "content": ""})])


def test_a_count_at_the_end_alone_is_no_count_as_it_goes():
    request = asked(ended([*merged(*[4] * 32)], usage()))
    assert request.first_tokens == pytest.approx(4, rel=0.5)


def test_the_answer_begins_behind_the_thoughts():
    timeline = [*each("reasoning_content", range(100)), *each(tokens=range(100, TOKENS))]
    request = asked(ended([ROLE, *timeline], usage()))
    assert (request.ttft_ms, request.ttfo_ms) == (at(0), at(100))
    assert (request.thoughts, request.hidden_tokens, request.output_tokens) == (100, 0, TOKENS)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=60))
def test_counts_as_they_go_give_the_pace_of_any_fragments(sizes):
    timeline = ended(counting(*sizes), usage(sum(sizes)))
    request = asked(timeline)
    assert request.output_tokens == sum(sizes)
    assert request.tpot_ms == pytest.approx(10)


@pytest.mark.parametrize(
    ("counted", "failure"), [(8, ""), (7, "prompt_cut"), (100, "")], ids=["all", "cut", "template"]
)
def test_a_server_that_cuts_the_prompt_fails_the_request(counted, failure):
    timeline = ended(
        each(), usage().replace(b'"prompt_tokens": 8', b'"prompt_tokens": %d' % counted)
    )
    assert asked(timeline).failure == failure
