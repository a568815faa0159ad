"""Servers whose text and count disagree: each token takes 10 ms, and that is what must be read.

Each behaviour is a list of (ms, events that arrive then); the reader gives the right pace, or a
reason why there is none.
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
    """As `merged`, but of letters no reader can count, with the count so far in each event."""
    made, timeline = 0, []
    for size in sizes:
        made += size
        said = {"completion_tokens": made}
        timeline.append((at(made - 1), [event({"content": "x"}, usage=said)]))
    return timeline


def waiting(size):
    """A gateway that keeps so many events back."""
    events = each()
    return [
        (
            events[min(start + size, TOKENS) - 1][0],
            [e for _, es in events[start : start + size] for e in es],
        )
        for start in range(0, TOKENS, size)
    ]


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
THOUGHT = {"type": "thinking", "thinking": "hm"}
TOOL = {"tool_calls": [{"index": 0, "id": "call_1", "function": {"arguments": '{"a'}}]}
PACED = {
    "one token a fragment": ended([ROLE, *each()], usage()),
    "no count": ended(each()),
    "empty events behind the end of the sequence": ended(
        [*each(tokens=range(30)), *[(at(n), [event({"content": ""})]) for n in range(30, TOKENS)]],
        usage(),
    ),
    "empty events for special tokens first": ended(
        [ROLE, *[(at(n), [event({})]) for n in range(3)], *each(tokens=range(3, TOKENS))], usage()
    ),
    "special tokens first, without events": ended(each(tokens=range(3, TOKENS)), usage()),
    "an end of the sequence with its reason": ended(
        [*each(tokens=range(TOKENS - 1)), (at(TOKENS - 1), [event({}, finish="stop")])], usage()
    ),
    "deltas of a tool's arguments": ended([(at(n), [event(TOOL)]) for n in range(TOKENS)], usage()),
    "thoughts as `thinking`": ended(each("thinking"), usage()),
    "thoughts as parts": ended(
        [(at(n), [event({"content": [THOUGHT]})]) for n in range(TOKENS)], usage()
    ),
    "thoughts counted and not shown": ended(
        each(tokens=range(100, TOKENS)),
        usage(completion_tokens_details={"reasoning_tokens": 100}),
    ),
    "four tokens a fragment": ended(merged(*[4] * 32), usage()),
    "half of all tokens in the first fragment": ended(merged(64, *[1] * 64), usage()),
    "fragments of any size, counted as they go": ended(counting(7, 1, 30, 2, 60, 28), usage()),
    "a gateway that lets 32 wait": ended(waiting(32), usage()),
    "null fields and unknown ones": ended(
        [(ms, [e.replace(b'{"choices"', b'{"error": null, "x": {}, "usage": null, "choices"')
               for e in es]) for ms, es in each()],
        usage(),
    ),
}  # fmt: skip
DOUBTED = {
    "thoughts neither shown nor told": ended(each(tokens=range(100, TOKENS)), usage()),
    "half of the tokens shown": ended(each(tokens=range(64, TOKENS)), usage()),
    "two tokens made and 128 claimed": ended(each(tokens=range(2)), usage()),
    "more fragments than tokens": ended(
        [(at(n // 2), [event({"content": "w"})]) for n in range(2 * TOKENS)], usage()
    ),
}


@pytest.mark.parametrize("behaviour", PACED)
def test_the_pace_is_right_whatever_text_and_count_look_like(behaviour):
    request = asked(PACED[behaviour])
    assert (request.failure, request.doubt) == ("", "")
    # Words of several lengths: a share of the text is nearly that of the tokens.
    assert request.tpot_ms == pytest.approx(10, rel=0.03)


@pytest.mark.parametrize("behaviour", DOUBTED)
def test_a_count_that_the_text_does_not_hold_is_doubted(behaviour):
    assert str(TOKENS) in asked(DOUBTED[behaviour]).doubt


def test_an_answer_in_one_piece_has_no_pace():
    request = asked(ended(waiting(TOKENS), usage()))
    assert (request.failure, request.doubt, request.has_pace) == ("", "", False)


def test_a_count_at_the_end_alone_is_no_count_as_it_goes():
    request = asked(ended([*merged(*[4] * 32)], usage()))
    assert request.first_tokens == pytest.approx(4, rel=0.5)


def test_the_answer_begins_behind_the_thoughts():
    timeline = [*each("reasoning_content", range(100)), *each(tokens=range(100, TOKENS))]
    request = asked(ended([ROLE, *timeline], usage()))
    assert (request.ttft_ms, request.ttfo_ms) == (at(0), at(100))
    assert (request.thoughts, request.hidden_tokens, request.output_tokens) == (100, 0, TOKENS)


def test_hidden_thoughts_are_no_output():
    request = asked(PACED["thoughts counted and not shown"])
    assert (request.hidden_tokens, request.output_tokens) == (100, 28)
    assert request.ttfo_ms == at(100)


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
