"""Requests of different lengths: spread evenly, or as a file has them."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from suites.base.errors import UserError
from suites.client.prompts import Prompts
from suites.client.target import Target
from suites.serving import plan
from suites.serving.load.lengths import mean_of, read_lengths, spread_lengths
from suites.serving.load.point import Point
from suites.serving.processes.shard import run_shards
from tests.suites.serving.load.test_load import FAST

LINES = '{"isl": 30, "osl": 4}\n\n{"isl": 90, "osl": 2}\n'
EASY = {"endpoint": "http://127.0.0.1:9", "model": "m", "concurrency": [2]}


def point_of(**options):
    (cell,) = plan("quick", {**EASY, **options})
    return Point.from_json(json.loads(json.dumps(cell.spec["points"][0])))


def test_a_spread_is_even_around_its_mean():
    lengths = spread_lengths(1000, 100, isl_spread=0.2, osl_spread=0.5)
    inputs, outputs = (sorted(side) for side in zip(*lengths, strict=True))
    assert mean_of(lengths) == (1000, 100)
    assert (inputs[0], inputs[-1]) == (800, 1200)
    assert inputs[len(inputs) // 4] == pytest.approx(900, abs=1)
    assert (outputs[0], outputs[-1]) == (50, 150)
    assert lengths == spread_lengths(1000, 100, isl_spread=0.2, osl_spread=0.5)
    # Long prompts do not have long answers.
    half = [osl for isl, osl in lengths if isl > 1000]
    assert sum(half) / len(half) == pytest.approx(100, abs=3)


def test_a_point_of_several_lengths_says_so_and_stands_apart(tmp_path):
    spread = point_of(isl=100, osl=10, isl_spread=0.2)
    assert spread.name == "closed/c2/isl100/osl10/spread0.2-0"
    assert spread.labels.items() >= {("isl", 100), ("osl", 10), ("isl_spread", 0.2)}
    path = tmp_path / "chat.jsonl"
    path.write_text(LINES)
    digest = sha256(LINES.encode()).hexdigest()
    filed = point_of(lengths=str(path))
    assert filed.name == f"closed/c2/isl60/osl3/lengths-{digest[:12]}"
    assert filed.labels["lengths_sha256"] == digest
    assert filed.lengths == ((30, 4), (90, 2))


@pytest.mark.parametrize(
    "line",
    ["[]", "{", '{"isl": 30}', '{"isl": 30, "osl": 1}', '{"isl": 4, "osl": 2}',
     '{"isl": 30.5, "osl": 2}', '{"isl": true, "osl": 2}', '{"isl": 30, "osl": 2, "n": 1}'],
)  # fmt: skip
def test_a_bad_line_is_one_error_that_names_file_and_line(tmp_path, line):
    path = tmp_path / "l.jsonl"
    path.write_text(f"{LINES}{line}\n")
    with pytest.raises(UserError) as caught:
        read_lengths(path)
    assert caught.value.where == f"{path}:4"


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"isl_spread": 1.0}, "isl_spread"),
        ({"osl": "natural", "osl_spread": 0.2}, "osl_spread"),
        ({"lengths": "l.jsonl", "isl": 30}, "isl"),
        ({"lengths": "l.jsonl", "osl_spread": 0.2}, "osl_spread"),
    ],
)
def test_lengths_that_cannot_be_are_refused_by_name(wrong, where):
    with pytest.raises(UserError) as caught:
        plan("quick", {**EASY, **wrong})
    assert caught.value.where == where


def test_an_empty_file_is_one_error(tmp_path):
    path = tmp_path / "l.jsonl"
    path.write_text("\n")
    with pytest.raises(UserError, match="holds 0 requests"):
        read_lengths(path)


def test_prompts_take_the_lengths_in_turn_over_all_processes():
    lengths = ((10, 2), (20, 3), (30, 4))
    target = Target(url="http://h", model="m")
    parts = [
        Prompts(target, input_tokens=20, output_tokens=3, seed=0, lengths=lengths, part=(place, 2))
        for place in range(2)
    ]
    asked = [parts[number % 2].size(number // 2) for number in range(6)]
    assert asked == [*lengths, *lengths]
    for number, (isl, osl) in enumerate(asked):
        body = json.loads(parts[number % 2].request(number // 2).split(b"\r\n\r\n")[1])
        assert (len(body["prompt"]), body["max_tokens"]) == (isl, osl)


def test_requests_are_counted_by_their_own_length(emitter_at):
    lengths = ((10, 3), (40, 6))
    point = Point(
        shape="closed",
        input_tokens=25,
        output_tokens=5,
        lengths=lengths,
        concurrency=1,
        requests=4,
    )
    outcome = run_shards(Target(url=emitter_at(FAST), model="m"), point, seed=1, shards=1)
    assert not outcome.failures
    assert {(r.input_tokens, r.output_tokens) for r in outcome.answered} == set(lengths)
