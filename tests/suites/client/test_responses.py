"""An answer of the Responses API is read as one of chat completions would be."""

from __future__ import annotations

import json

import pytest

from suites.client.stream import read_answer

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
TEXT = {"type": "response.output_text.delta", "delta": "word"}
USAGE = {
    "input_tokens": 8,
    "output_tokens": 2,
    "input_tokens_details": {"cached_tokens": 3},
    "output_tokens_details": {"reasoning_tokens": 1},
}


def read(*events, expected=0):
    parts = [HEAD, *(b"data: %b\n\n" % json.dumps(event).encode() for event in events)]
    sizes = list(map(len, parts))
    return read_answer(b"".join(parts), sizes, range(len(parts)), expected_tokens=expected)


def ended(kind="response.completed", **response):
    return {"type": kind, "response": {"usage": USAGE, **response}}


def test_counts_and_the_end_come_with_the_last_event():
    answer = read(TEXT, TEXT, ended(), expected=2)
    assert (answer.failure, answer.finished, answer.token_ns) == ("", True, [1, 2])
    assert (answer.prompt_tokens, answer.completion_tokens) == (8, 2)
    assert (answer.cached_tokens, answer.reasoning_tokens) == (3, 1)


@pytest.mark.parametrize(
    ("kind", "thoughts"),
    [
        ("response.output_text.delta", 0),
        ("response.reasoning_text.delta", 1),
        ("response.reasoning.delta", 1),
        ("response.refusal.delta", 0),
        ("response.function_call_arguments.delta", 0),
        ("response.custom_tool_call_input.delta", 0),
        ("response.mcp_call_arguments.delta", 0),
        ("response.code_interpreter_call_code.delta", 0),
    ],
)
def test_every_kind_of_text_is_a_token_and_thoughts_are_told_apart(kind, thoughts):
    answer = read({"type": kind, "delta": "word"}, TEXT, ended())
    assert (answer.token_ns, answer.thoughts) == ([1, 2], thoughts)
    assert answer.answer_ns == 1 + thoughts


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.created", "response": {"usage": None}},
        {"type": "response.output_text.done", "text": "word"},
        {"type": "response.reasoning_summary_text.delta", "delta": "word"},
    ],
)
def test_what_repeats_or_only_says_where_it_stands_brings_nothing(event):
    answer = read(event, TEXT, TEXT, event, ended(), expected=2)
    assert (answer.failure, answer.token_ns) == ("", [2, 3])


@pytest.mark.parametrize(
    ("details", "failure"),
    [
        ({"reason": "max_output_tokens"}, ""),
        (None, ""),
        ("content_filter", ""),
        ({"reason": "content_filter"}, "content_filter"),
    ],
)
def test_an_answer_cut_off_by_a_filter_has_failed_and_one_at_its_length_has_not(details, failure):
    answer = read(TEXT, TEXT, ended("response.incomplete", incomplete_details=details), expected=2)
    assert (answer.failure, answer.finished) == (failure, True)


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        ({"type": "response.failed", "response": {"error": {"code": "busy"}}}, '{"code": "busy"}'),
        (
            {"type": "response.cancelled", "response": 3},
            '{"type": "response.cancelled", "response": 3}',
        ),
        ({"type": "error", "message": "no"}, '{"type": "error", "message": "no"}'),
    ],
)
def test_a_failure_is_told_in_the_servers_words(event, detail):
    answer = read(TEXT, event)
    assert answer.failure == "error_event"
    assert answer.detail == detail


@pytest.mark.parametrize("usage", [None, "many", {}])
def test_an_end_without_counts_is_an_end(usage):
    answer = read(TEXT, {"type": "response.completed", "response": {"usage": usage}}, expected=1)
    assert (answer.failure, answer.completion_tokens, answer.prompt_tokens) == ("", None, None)


def test_a_type_of_another_api_is_no_event_of_this_one():
    word = {"type": "chunk", "choices": [{"text": "word"}]}
    odd = {"type": 3, "choices": [{"text": "word"}]}
    assert read(word, odd, ended()).token_ns == [1, 2]
