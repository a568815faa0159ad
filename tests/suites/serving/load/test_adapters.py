"""A mix of adapters: requests name them in the shares that were asked for."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.base.errors import UserError
from suites.client.prompts import Prompts
from suites.client.target import Target
from suites.serving.load.adapters import cycle_of, mix_text, read_mix


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=60))
def test_shares_are_met_in_every_round(weights):
    mix = read_mix([f"a{place}:{weight}" for place, weight in enumerate(weights)])
    counts = Counter(cycle_of(mix))
    total = sum(weights)
    for place, weight in enumerate(weights):
        # Each comes at least once, and what that takes from the others is less than one in each.
        assert counts[f"a{place}"] >= 1
        assert counts[f"a{place}"] / sum(counts.values()) == pytest.approx(weight / total, abs=0.06)


def test_a_mix_is_read_and_said_by_shares():
    mix = read_mix(["chat:1", "org/sql@v2:3"])
    assert mix == (("org/sql@v2", 0.75), ("chat", 0.25))
    assert mix_text(mix) == "org/sql@v2:0.75, chat:0.25"
    assert Counter(cycle_of(mix)) == {"org/sql@v2": 768, "chat": 256}
    many = mix_text(read_mix([f"adapter-number-{place}" for place in range(100)]))
    assert len(many) <= 256
    assert many.endswith(" more")


@pytest.mark.parametrize("words", [["a:0"], ["a:x"], ["a", "a"], ["-a:1"], [":1"], ["a:inf"], []])
def test_what_is_no_mix_is_refused(words):
    with pytest.raises(UserError, match="lora_mix"):
        read_mix(words)


def test_each_request_names_its_adapter():
    names = cycle_of(read_mix(["a:1", "b:1"]))
    target = Target(url="http://h", model="base")
    prompts = Prompts(target, input_tokens=9, output_tokens=4, seed=0, models=names, part=(1, 3))
    for index in range(20):
        body = json.loads(prompts.request(index).split(b"\r\n\r\n")[1])
        assert body["model"] == prompts.model(index) == names[3 * index + 1]
