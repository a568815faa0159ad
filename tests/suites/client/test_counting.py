"""Tokens counted from any fragments, thoughts and prompts: each token takes 10 ms, as it is read.

What servers are known to do is in `suites.serving.bench.behaviours`; here is what varies.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.client.counting import Events, count, plain
from suites.client.recording import Recording
from suites.client.request import Request, read_exchange, read_recording
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
        counts = {"completion_tokens": made}
        timeline.append((at(made - 1), [event({"content": text}, usage=counts)]))
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


def events_of(*texts, blank=(), final=-1, rising=(), thoughts=0):
    """Events whose fragments stand at places 0, 1, …."""
    events = Events(blank=list(blank), final=final, rising=list(rising))
    for place, text in enumerate(texts):
        events.show(place, text.encode(), thought=place < thoughts)
    return events


def counted(events, completion, reasoning=None, stamps=range(99)):
    return count(events, stamps, completion=completion, reasoning=reasoning)


@pytest.mark.parametrize(
    ("texts", "doubt"),
    [
        (["the", " sea"], ""),
        (["a b", " c d", " e", " f"], "the server never counts, and 4 fragments hold 6 words"),
        (["a b", " c", " d", " e", " f"], ""),  # six words in five fragments may be
        (["分分分分分"], "the server never counts, and 1 fragments hold 2 words"),
        (["分分", "12"], ""),
        (["分分分", "分分"], "the server never counts, and 2 fragments hold 2 words"),
        ([], ""),
    ],
)
def test_fragments_are_no_tokens_where_nobody_counts_and_they_hold_several_words(texts, doubt):
    result = counted(events_of(*texts), None)
    assert (result.doubt, result.tokens, result.by) == (doubt, len(texts), "events")


def test_tokens_of_the_first_arrival_share_its_time():
    result = counted(events_of("a", "b", "c"), 3, stamps=[5, 5, 6])
    assert (result.first, result.places, result.silent, result.hidden) == (2, [0, 1, 2], 0, 0)
    assert counted(events_of(), 0).first == 0


@pytest.mark.parametrize(
    ("rising", "completion", "by"),
    [
        ([(0, 1), (1, 5)], 5, "server"),
        ([(0, 0), (1, 5)], 5, "server"),
        ([(0, 5), (1, 5)], 5, "text"),
        ([(0, 1), (1, 4)], 5, "text"),
        ([(0, 5), (1, 1)], 1, "text"),
        ([], 5, "text"),
    ],
)
def test_a_server_counts_as_it_goes_if_its_counts_rise_to_the_last(rising, completion, by):
    assert counted(events_of("a b c", "d e"), completion).by == "text"
    assert counted(events_of("a b c", "d e", rising=rising), completion).by == by


def test_the_events_at_which_a_count_rose_brought_the_tokens():
    rising = [(0, 2), (1, 2), (2, 5), (3, 6)]
    events = events_of("a b", "c", "d e f", "g", rising=rising)
    result = counted(events, 6, stamps=[7, 7, 7, 8])
    assert (result.places, result.first, result.tokens, result.doubt) == ([0, 2, 3], 5, 6, "")
    none = events_of("a", rising=[(0, 9), (1, 100)], blank=[1])
    assert counted(none, 100).doubt == ("99 tokens counted, text of 1 fragments does not hold them")
    assert counted(none, 100).silent == 1


@pytest.mark.parametrize(
    ("reasoning", "thoughts", "hidden", "tokens", "by"),
    [(2, 0, 2, 3, "events"), (None, 0, 0, 5, "text"), (2, 1, 0, 5, "text"), (9, 0, 5, 0, "text")],
)
def test_thoughts_that_are_counted_and_not_shown_are_no_output(
    reasoning, thoughts, hidden, tokens, by
):
    result = counted(events_of("a", "b", "c", thoughts=thoughts), 5, reasoning)
    assert (result.hidden, result.tokens, result.by) == (hidden, tokens, by)
    doubt = "3 fragments with text for 0 tokens counted" if not tokens else ""
    assert result.doubt == doubt


@pytest.mark.parametrize(
    ("completion", "silent", "places"),
    [(3, 1, [0, 1, 2]), (4, 2, [0, 1, 2, 3])],
)
def test_an_event_without_text_is_a_token_where_the_count_says_so(completion, silent, places):
    result = counted(events_of("a", "b", blank=[2], final=3), completion)
    assert (result.silent, result.places, result.tokens) == (silent, places, completion)
    hidden = counted(events_of("a", "b", blank=[2], final=3), completion + 7, 7)
    assert (hidden.silent, hidden.hidden) == (silent, 7)


def test_several_tokens_a_fragment_are_spread_over_its_letters():
    result = counted(events_of("a, b", ". c"), 6)
    assert (result.first, result.by, result.doubt) == (6 * 4 / 7, "text", "")
    together = counted(events_of("a, b", ". c"), 6, stamps=[0, 0])
    assert together.first == 6
    assert counted(events_of("a"), 5).first == 5


@pytest.mark.parametrize(
    ("stamps", "first"),
    [
        ([0, 10, 20, 30, 40, 50, 60, 70, 80], 2.0),  # missing before the first or behind the last
        ([0, 10, 20, 30, 40, 60, 70, 80, 90], 10 / 9),  # missing in between
    ],
)
def test_the_few_tokens_without_text_are_looked_for_where_the_steps_say(stamps, first):
    assert counted(events_of(*"abcdefghi"), 10, stamps=stamps).first == pytest.approx(first)
    # Clocks begin anywhere.
    later = [10**15 + stamp for stamp in stamps]
    assert counted(events_of(*"abcdefghi"), 10, stamps=later).first == pytest.approx(first)


@pytest.mark.parametrize(("tokens", "held"), [(10, True), (11, False)])
def test_a_count_is_believed_if_three_fifths_of_it_are_words_or_signs(tokens, held):
    result = counted(events_of("a, b", " 12!"), tokens)
    doubt = f"{tokens} tokens counted, text of 2 fragments does not hold them"
    assert result.doubt == ("" if held else doubt)
    # Two signs of Han are one token at least.
    wide = counted(events_of("分分分分分分", "分分分分, b"), tokens + 1)
    assert bool(wide.doubt) is not held


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\\n", "a\n"),
        (b"\\u00e9", "é"),
        (b"\\ud83d", "\ud83d"),
        (b"a\\", "a\\"),
        (b"\xff", "\ufffd"),
    ],
)
def test_text_in_json_is_read_as_far_as_it_is_any(raw, text):
    assert plain(raw) == text


def test_times_of_a_request_count_from_when_it_was_due():
    request = Request(
        index=0, intended_ns=1_000_000, sent_ns=3_000_000, ended_ns=9_000_000,
        token_ns=[5_000_000, 5_000_000, 9_000_000], input_tokens=8, output_tokens=5, failure="",
        detail="", measured=True,
        cached_tokens=None, timings={}, truth_ns=(), first_tokens=3, answer_ns=9_000_000,
    )  # fmt: skip
    assert (request.ttft_ms, request.ttfo_ms, request.e2e_ms) == (4.0, 8.0, 8.0)
    assert (request.send_delay_ms, request.tpot_ms, request.gaps_ms) == (2.0, 2.0, [0.0, 4.0])
    assert request.has_pace


def test_an_exchange_is_read_with_all_that_was_known_of_it():
    exchange = Exchange(
        index=3, input_tokens=8, output_tokens=2, shared_tokens=4, intended_ns=1, sent_ns=2,
        ended_ns=9, measured=True, place=1, sent_bytes=5000, session=6, turn=7,
    )  # fmt: skip
    told = json.dumps({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}})
    words = event({"content": "a"}) + event({"content": "b"})
    exchange.reads = [b"HTTP/1.1 200 OK\r\n\r\n", words, b"data: %b\n\n" % told.encode(), DONE]
    exchange.stamps = [3, 4, 5, 6]
    recording = Recording()
    recording.tape.record(exchange)
    failed = Exchange(index=1, input_tokens=8, output_tokens=2, failure="reset")
    recording.tape.record(failed)
    recording.exchanges += [exchange, failed]
    first, request = read_recording(recording)
    assert (first.index, first.failure, first.told) == (1, "reset", False)
    assert request == Request(
        index=3, intended_ns=1, sent_ns=2, token_ns=[4, 4], ended_ns=9, input_tokens=10,
        output_tokens=2, failure="", detail="", measured=True, cached_tokens=None, timings={},
        truth_ns=[], first_tokens=2, answer_ns=4, shared_tokens=6, asked_tokens=2, told=True,
        place=1, text=b"ab", first_text=2, session=6, turn=7, sent_tokens=8,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("by_ids", "counted", "doubted"),
    [(False, 7048, False), (False, 7049, True), (True, 72, False), (True, 73, True)],
)
def test_more_prompt_tokens_than_bytes_or_ids_are_not_believed(by_ids, counted, doubted):
    exchange = Exchange(index=0, input_tokens=8, output_tokens=1, sent_bytes=5000, by_ids=by_ids)
    told = json.dumps({"choices": [], "usage": {"prompt_tokens": counted, "completion_tokens": 1}})
    exchange.reads = [
        b"HTTP/1.1 200 OK\r\n\r\n"
        + event({"content": "a"})
        + b"data: %b\n\n" % told.encode()
        + DONE
    ]
    exchange.stamps = [1]
    tape = Tape()
    tape.record(exchange)
    assert read_exchange(tape, exchange).doubt == (
        f"{counted} prompt tokens counted of 8 sent" if doubted else ""
    )
