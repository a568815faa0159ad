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
    reads = list(map(chunk, [*events, DONE]))
    reads[0], reads[-1] = HEAD + reads[0], reads[-1] + b"0\r\n\r\n"
    with_head = read(*reads)
    assert with_head.token_ns == [place - 1 for place in expected]
    last_together = read(*reads[:-3], b"".join(reads[-3:]))
    last = max(0, len(reads) - 3)
    assert last_together.token_ns == [min(place - 1, last) for place in expected]
    at_once = read(PLAIN_HEAD, *events, DONE)
    assert at_once.token_ns == expected
    two_in_a_chunk = read(HEAD, chunk(b"".join(events) + DONE), b"0\r\n\r\n")
    assert two_in_a_chunk.token_ns == [1] * len(expected)


@pytest.mark.parametrize("odd", ['"', "\\", "", "é\n", "[DONE]"])
@pytest.mark.parametrize("places", [[1], [62, 63, 64], [65], [128], [5, 7, 9, 140], [149]])
def test_long_runs_of_alike_events_are_read_up_to_each_that_is_not(odd, places):
    texts = [odd if place in places else f"{place} \\n" for place in range(150)]
    answer = read(HEAD, *map(chunk, map(event, texts)), chunk(DONE), b"0\r\n\r\n")
    assert answer.token_ns == [place + 1 for place, text in enumerate(texts) if text]
    assert json.loads(b'"' + answer.text + b'"') == "".join(texts)


@pytest.mark.parametrize("cut", [0, 1, 5, 70])
@pytest.mark.parametrize("tail", [b"", chunk(event("late"))[:-2], b"5\r\nda"])
def test_what_came_before_an_answer_was_broken_off_is_read(cut, tail):
    events = [event(f"{place}") for place in range(cut)]
    answer = plain(*map(chunk, events), tail, head=HEAD, failure="cancelled")
    whole = cut + (tail.endswith(b"\n\n"))
    assert (answer.failure, answer.token_ns) == ("cancelled", [*range(1, whole + 1)])


@pytest.mark.parametrize("text", ["x", "", "1.5", "१ x"])
def test_texts_that_say_they_are_times_and_are_none_are_garbage(text):
    first = {"text_is": "sent_ns", "choices": [{"index": 0, "text": "100"}]}
    answer = plain(data(first), event_at(101), event_at(text), DONE)
    assert answer.failure == "garbage"


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
    none = good.replace(good.partition(b"\r\n")[0], b"zz", 1)
    assert read(HEAD, good, none, chunk(DONE), b"0\r\n\r\n").failure == "garbage"


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
    answer = read(HEAD, *map(chunk, events), chunk(DONE), b"0\r\n\r\n")
    assert (answer.failure, answer.token_ns) == ("long", [1, 2, 3])


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


def plain(*events, expected=0, failure="", head=PLAIN_HEAD):
    """What these bytes are read as, each piece in a read of its own, behind a head at time 0."""
    reads = [head, *events]
    sizes = list(map(len, reads))
    return read_answer(
        b"".join(reads), sizes, range(len(reads)), expected_tokens=expected, failure=failure
    )


def data(message):
    return b"data: " + json.dumps(message).encode() + b"\n\n"


def delta(fields, **more):
    return data({"choices": [{"delta": fields, **more}]})


WORD = delta({"content": "word"})
END = delta({}, finish_reason="stop")
VECTOR = b'{"data": [{"embedding": [0.5]}]}'


@pytest.mark.parametrize(
    ("reads", "failure"),
    [
        ([WORD, WORD, DONE], ""),
        ([WORD, WORD, END], ""),
        ([WORD, WORD], "no_done"),
        ([WORD, WORD, DONE, b"data: {"], "closed_early"),
        ([WORD, WORD, b"\n", DONE], ""),
        ([WORD, DONE], "short"),
        ([WORD, WORD, WORD, DONE], "long"),
        ([DONE], "empty"),
        ([WORD, WORD, delta({}, finish_reason="content_filter")], "content_filter"),
        ([WORD, WORD, delta({}, finish_reason="abort"), DONE], "abort"),
        ([WORD, data({"error": "no"}), data({"error": "yes"})], "error_event"),
        ([WORD, data({"object": "error", "message": "no"})], "error_event"),
        ([WORD, b'event: error\ndata: {"message": "no"}\n\n'], "error_event"),
        ([WORD, b"data: [1]\n\n"], "garbage"),
        ([WORD, b"data: {oops\n\n"], "garbage"),
        ([WORD, b"<html>: x\n\n"], "garbage"),
        ([WORD, data({"choices": [3]})], "garbage"),
        ([WORD, data({"usage": {"completion_tokens": "x"}})], "garbage"),
        ([WORD, data({"usage": [1]})], "garbage"),
        ([WORD, data({"timings": {"a": "x"}})], "garbage"),
    ],
)
def test_what_went_wrong_has_a_name(reads, failure):
    answer = plain(*reads, expected=2)
    assert answer.failure == failure
    # What the wire knows already wins.
    assert plain(*reads, expected=2, failure="reset").failure == "reset"


@pytest.mark.parametrize(
    ("reads", "detail"),
    [
        ([b"data: [1]\n\n"], "no JSON object: b'[1]'"),
        ([b"data: {oops\n\n"], "no JSON: b'{oops'"),
        ([b"<p>\n\n"], ""),
        ([WORD, b"<p>: x\n\n"], "no server-sent event: b'<p>: x'"),
        ([data({"choices": [3]})], 'unexpected fields: {"choices": [3]}'),
        ([data({"error": {"message": "no"}})], '{"message": "no"}'),
    ],
)
def test_what_was_wrong_is_shown(reads, detail):
    answer = plain(*reads)
    assert answer.detail == (detail or "<p>")


@pytest.mark.parametrize(
    ("head", "body", "failure", "detail"),
    [
        (b"500 X", b" sorry\x1b \n", "http_500", "sorry\\x1b"),
        (b"404 X", b"x" * 999, "http_404", "x" * 300),
        (b"200 OK\r\nContent-Encoding: GZip", b"\x02\x8b", "compressed", "\\x02\ufffd"),
        (b"200 OK\r\nContent-Encoding: gzip", b"{}", "compressed", "{}"),
        (b"200 OK\r\nContent-Encoding: br", VECTOR, "compressed", VECTOR.decode()),
        (b"200 OK\r\nContent-Encoding: Identity", b"{}", "not_streamed", "{}"),
        (b"200 OK", b"\n<html>", "garbage", "<html>"),
        (b"200 OK", b" [1]", "not_streamed", "[1]"),
    ],
)
def test_what_is_no_stream_is_named_and_its_words_are_kept(head, body, failure, detail):
    answer = plain(body, head=b"HTTP/1.1 " + head + b"\r\n\r\n")
    assert (answer.failure, answer.detail) == (failure, detail)


def test_nothing_at_all_was_closed_early_and_no_http_is_garbage():
    nothing = read_answer(b"", [], [], expected_tokens=1)
    assert (nothing.failure, nothing.detail) == ("closed_early", "")
    assert read_answer(b"", [], [], expected_tokens=1, failure="timeout").failure == "timeout"
    half = read_answer(b"HTTP/1.1 200", [12], [1], expected_tokens=1)
    assert (half.failure, half.detail) == ("garbage", "no HTTP response: b'HTTP/1.1 200'")


def test_chunks_without_an_end_are_garbage_unless_the_wire_knows_better():
    cut = chunk(WORD) + b"5\r\nda"
    assert plain(cut, head=HEAD).detail == "chunks without an end"
    late = plain(cut, head=HEAD, failure="closed_early")
    assert (late.failure, late.token_ns) == ("closed_early", [1])


@pytest.mark.parametrize(
    ("fields", "thoughts"),
    [
        ({"content": "word"}, 0),
        ({"reasoning_content": "word"}, 1),
        ({"reasoning": "word"}, 1),
        ({"thinking": "word", "content": None}, 1),
        ({"reasoning": "word", "reasoning_content": "word"}, 1),
        ({"content": [{"type": "text", "text": "word"}]}, 0),
        ({"content": [{"type": "thinking", "thinking": "word"}]}, 1),
        ({"content": [{"type": "thinking", "text": "word"}]}, 1),
        ({"content": [{"type": "thinking", "thinking": "w"}, {"type": "text", "text": "d"}]}, 0),
        ({"refusal": "word"}, 0),
        ({"tool_calls": [{"function": {"name": "word", "arguments": ""}}]}, 0),
    ],
)
def test_text_is_found_whatever_it_is_called_and_thoughts_are_told_apart(fields, thoughts):
    answer = plain(delta(fields), delta(fields), WORD, DONE)
    assert (answer.token_ns, answer.thoughts) == ([1, 2, 3], 2 * thoughts)
    assert answer.answer_ns == (3 if thoughts else 1)
    # The second is read by comparing it with the first, and is the same.
    assert answer.text == 2 * plain(delta(fields), DONE).text + b"word"


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "assistant"},
        {"role": "assistant", "provider": "acme", "logprobs": {"content": [{"token": "x"}]}},
        {"tool_calls": [{"id": "x", "type": "y", "object": "z", "model": "m"}]},
        {},
    ],
)
def test_names_are_no_text(fields):
    assert plain(delta(fields), WORD, WORD, DONE).token_ns == [2, 3]


@pytest.mark.parametrize("odd", [5, True, ["role"], "role"])
def test_a_delta_of_another_kind_brings_nothing(odd):
    assert plain(delta(odd), WORD, DONE).token_ns == [2]


def test_text_is_joined_in_order_and_what_came_first_is_known():
    both = delta({"content": 'a "'}) + delta({"content": "é\n"})
    answer = plain(both, delta({"content": "c"}), DONE)
    assert answer.text == b'a \\"\\u00e9\\nc'
    assert (answer.first_text, answer.first_tokens, answer.tokens) == (len(answer.text) - 1, 2, 3)


def test_deep_fragments_are_text_down_to_a_tools_arguments():
    deep = "word"
    for _ in range(7):
        deep = [deep]
    assert plain(delta({"tool_calls": deep[0]}), DONE).token_ns == [1]
    assert plain(delta({"tool_calls": [deep]}), DONE).token_ns == []


@pytest.mark.parametrize(
    "life",
    [
        b": comment\n\n",
        b"event: ping\ndata: {}\n\n",
        b"event: Keep-Alive\ndata: x\n\n",
        b"id: 3\nretry: 10\n\n",
    ],
)
def test_signs_of_life_are_no_tokens(life):
    answer = plain(life, WORD, life, WORD, DONE, expected=2)
    assert (answer.failure, answer.token_ns) == ("", [2, 4])


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_in_any_way_and_data_may_have_several(line_end):
    event = b'\xef\xbb\xbfdata:{"choices":\ndata: [{"text": "w"}]}\n\n'.replace(b"\n", line_end)
    done = DONE.replace(b"\n", line_end)
    answer = plain(event, event.removeprefix(b"\xef\xbb\xbf"), done, expected=2)
    assert (answer.failure, answer.token_ns) == ("", [1, 2])


def test_counts_and_the_engines_own_figures_are_taken_from_any_event():
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    timings = {"cache_n": 7, "prompt_ms": 1.5}
    answer = plain(WORD, WORD, data({"choices": [], "usage": usage, "timings": timings}), DONE)
    assert (answer.prompt_tokens, answer.completion_tokens) == (9, 2)
    assert (answer.cached_tokens, answer.reasoning_tokens) == (4, 0)
    assert answer.timings == {"cache_n": 7.0, "prompt_ms": 1.5}
    untold = plain(WORD, data({"choices": [], "usage": None, "timings": timings}), DONE)
    assert (untold.cached_tokens, untold.completion_tokens, untold.counts_each) == (7, None, False)


def test_thoughts_that_the_server_counts_and_does_not_show_are_hidden():
    counts = {"completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 5}}
    answer = plain(WORD, WORD, data({"choices": [], "usage": counts}), DONE)
    assert (answer.hidden_tokens, answer.tokens, answer.doubt) == (5, 2, "")


def test_an_emitter_tells_when_it_sent_each_fragment():
    first = {"text_is": "sent_ns", "choices": [{"index": 0, "text": "100"}]}
    events = [data(first), *(event_at(at) for at in (101, 102)), DONE]
    answer = plain(*events, expected=3)
    assert (answer.failure, answer.sent_ns) == ("", [100, 101, 102])


def event_at(sent_ns):
    return data({"text_is": "sent_ns", "choices": [{"index": 0, "text": str(sent_ns)}]})


def test_counts_in_every_event_are_known_as_such():
    def counted(number):
        return data({"choices": [{"text": "w"}], "usage": {"completion_tokens": number}})

    answer = plain(counted(1), counted(3), DONE)
    assert (answer.counts_each, answer.counted_by, answer.tokens) == (True, "server", 3)
    assert not plain(counted(1), DONE).counts_each
