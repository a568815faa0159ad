"""What a server tells of tokens is bounded and checked, whatever it tells."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.quality.asking import _read

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "top_logprobs", "token", "logprob", "id", "tokens"]), inner
        )
    ),
    max_leaves=12,
)


def read(logprobs: object):
    choice = {"message": {"content": "x"}, "logprobs": logprobs}
    return _read(json.dumps({"choices": [choice]}).encode(), 16)


@given(ANY)
def test_nothing_that_is_told_breaks_the_reading(logprobs):
    reply = read(logprobs)
    assert all(-200 <= value <= 0 for value in (reply.logprobs or {}).values())
    assert all(0 <= number < 2**32 for number in reply.ids.values())


def test_tokens_of_one_text_add_up_and_what_is_no_number_is_no_answer():
    def told(*values: float):
        tokens = [{"token": "�", "logprob": value, "id": 7} for value in values]
        return read({"content": [{"token": "�", "top_logprobs": tokens}]})

    assert told(math.log(0.25), math.log(0.5)).logprobs == {"�": pytest.approx(math.log(0.75))}
    assert told(math.log(0.25)).ids == {"�": 7}
    assert told(-9999.0).logprobs == {}
    assert "no answer" in told(float("nan")).failure


def test_more_than_was_asked_for_is_left_out():
    step = {"token": "y" * 900, "top_logprobs": [{"token": "y", "logprob": -1.0}] * 900}
    reply = read({"content": [step] * 900})
    assert reply.greedy == ("y" * 200,) * 16
    texts = {f"t{number}": -5.0 for number in range(900)}
    assert len(read({"top_logprobs": [texts], "tokens": ["a"] * 900}).logprobs or {}) == 100
