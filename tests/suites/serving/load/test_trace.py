"""A trace from a file is replayed as it was: when, how long, and in whose conversation."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from suites.base.errors import UserError
from suites.base.records import CellResult
from suites.client.prompts import Conversations, Turn
from suites.client.target import Target
from suites.serving import plan, summarize
from suites.serving.instrument.emitter import Emitter, Schedule
from suites.serving.load.outcome import run_point
from suites.serving.load.point import Point
from suites.serving.load.trace import busiest_rate, read_trace
from suites.serving.processes.shard import run_shards, split
from suites.serving.run import run_cell
from tests.builders import assert_signable

LINES = [
    {"arrival": 10.0, "isl": 20, "osl": 8, "session": "a"},
    {"arrival": 10.01, "isl": 16, "osl": 4},
    {"arrival": 10.02, "isl": 40, "osl": 6, "session": "a"},
    {"arrival": 10.3, "isl": 60, "osl": 5, "session": "a"},
    {"arrival": 10.1, "isl": 16, "osl": 4, "session": 7},
]


def written(path, lines=LINES):
    path.write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    )
    return path


def replay(path, **options):
    options = {"endpoint": "http://127.0.0.1:9", "model": "m", "trace": str(path), **options}
    (cell,) = plan("quick", options)
    return cell.spec


def point_of(path, **options):
    (fields,) = json.loads(json.dumps(replay(path, **options)))["points"]
    return Point.from_json(fields)


def prompts_of(target, turns, **options):
    written = Conversations(target, turns, seed=3, **options)
    return [json.loads(written.request(index).split(b"\r\n\r\n")[1]) for index in range(len(turns))]


def test_turns_come_by_arrival_from_the_first_one_on(tmp_path):
    turns = read_trace(written(tmp_path / "t.jsonl")).turns
    assert [turn.arrival_s for turn in turns] == pytest.approx([0, 0.01, 0.02, 0.1, 0.3])
    assert [turn.session for turn in turns] == [0, 1, 0, 2, 0]
    assert busiest_rate(turns) == 5
    assert busiest_rate([turn._replace(arrival_s=turn.arrival_s * 11) for turn in turns]) == 3


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{oops", "is not JSON"),
        ("[1]", "no JSON object"),
        ({"arrival": 1, "isl": 8}, "osl is None"),
        ({"arrival": -1, "isl": 8, "osl": 2}, "arrival is -1"),
        ({"arrival": "1", "isl": 8, "osl": 2}, "arrival is '1'"),
        ('{"arrival": Infinity, "isl": 8, "osl": 2}', "arrival is inf"),
        ({"arrival": 1, "isl": 8.5, "osl": 2}, "isl is 8.5"),
        ({"arrival": 1, "isl": 4, "osl": 2}, "isl is 4"),
        ({"arrival": 1, "isl": 8, "osl": 1}, "osl is 1"),
        (
            {"arrival": 1, "isl": 10**12, "osl": 2},
            "isl is 1000000000000; expected from 5 to 1e\\+07",
        ),
        ({"arrival": 1e10, "isl": 8, "osl": 2}, "arrival is 10000000000.0"),
        ({"arrival": 1, "isl": 8, "osl": 2, "sesion": "a"}, "unknown field 'sesion'"),
        ({"arrival": 11, "isl": 28, "osl": 2, "session": "a"}, "does not hold"),
    ],
)
def test_a_bad_line_is_one_error_that_names_file_and_line(tmp_path, line, says):
    path = written(tmp_path / "bad.jsonl", [LINES[0], "", line])
    with pytest.raises(UserError, match=says) as caught:
        read_trace(path)
    assert caught.value.where == f"{path}:3"
    assert "\n" not in str(caught.value)


def test_a_trace_that_is_missing_or_empty_is_one_error(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_trace(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="no request"):
        read_trace(written(tmp_path / "empty.jsonl", ["", " "]))


@pytest.mark.parametrize(
    "wrong", [{"isl": 9}, {"rate": [1.0]}, {"duration": 3.0}, {"sweep": "s.toml"}]
)
def test_what_the_trace_says_is_not_said_twice(tmp_path, wrong):
    with pytest.raises(UserError, match="with a trace"):
        replay(written(tmp_path / "t.jsonl"), **wrong)
    with pytest.raises(UserError, match="trace_speed"):
        plan("quick", {"endpoint": "http://h", "model": "m", "trace_speed": 2.0})


def test_each_turns_prompt_begins_with_the_turn_before(tmp_path):
    turns = read_trace(written(tmp_path / "t.jsonl")).turns
    prompts = [body["prompt"] for body in prompts_of(Target(url="http://h", model="m"), turns)]
    assert [len(prompt) for prompt in prompts] == [turn.input_tokens for turn in turns]
    assert prompts[2][:20] == prompts[0]
    assert prompts[4][:40] == prompts[2]
    # Other sessions share nothing an engine's cache could match.
    assert len({tuple(prompts[index][:4]) for index in (0, 1, 3)}) == 3


def test_a_shared_prefix_is_the_same_in_every_session(tmp_path):
    turns = read_trace(written(tmp_path / "t.jsonl")).turns
    bodies = prompts_of(Target(url="http://h", model="m"), turns, shared=0.5)
    assert len({tuple(body["prompt"][:8]) for body in bodies}) == 1
    assert len({tuple(bodies[index]["prompt"][:14]) for index in (0, 1, 3)}) == 3


def test_a_chat_has_a_message_per_turn_and_answer():
    turns = [Turn(0, 8, 3, 0), Turn(1, 15, 2, 0), Turn(2, 30, 2, 0)]
    bodies = prompts_of(Target(url="http://h", model="m", api="chat"), turns)
    chats = [body["messages"] for body in bodies]
    assert [len(chat) for chat in chats] == [1, 3, 5]
    assert [m["role"] for m in chats[2]] == ["user", "assistant", "user", "assistant", "user"]
    assert [len(m["content"].split()) for m in chats[2]] == [8, 3, 4, 2, 13]
    assert chats[1] == chats[2][:3]


def test_a_turn_waits_for_the_one_before_and_is_charged_for_it(tmp_path):
    with Emitter(Schedule(ttft_ms=100, itl_ms=10)) as emitter:
        target = Target(url=emitter.url, model="m")
        outcome = run_point(target, point_of(written(tmp_path / "t.jsonl")), seed=0)
    assert [r.output_tokens for r in outcome.requests] == [8, 4, 6, 4, 5]
    assert len(outcome.answered) == 5
    turns = [(r.session, r.turn) for r in outcome.requests]
    assert turns == [(0, 1), (1, 1), (0, 2), (2, 1), (0, 3)]
    first, _, second, _, third = outcome.requests
    for earlier, later in pairwise([first, second, third]):
        assert later.sent_ns >= earlier.ended_ns
    intended = [r.intended_ns - first.intended_ns for r in outcome.requests]
    assert intended == pytest.approx([0, 1e7, 2e7, 1e8, 3e8], abs=2)
    # Due 20 ms after a turn that takes 100 ms to begin.
    assert second.send_delay_ms > 80
    assert second.ttft_ms > second.send_delay_ms + 100


def test_a_faster_replay_keeps_the_order_and_divides_the_times(tmp_path):
    point = point_of(written(tmp_path / "t.jsonl"), trace_speed=2.0)
    assert [turn.arrival_s for turn in point.turns] == pytest.approx([0, 0.005, 0.01, 0.05, 0.15])
    assert point.name == "replay/t/x2"


def test_sessions_stay_whole_when_a_trace_is_divided_among_processes(tmp_path, emitter_at):
    point = point_of(written(tmp_path / "t.jsonl"))
    parts = split(point, 2)
    assert [{turn.session for turn in part.turns} for part in parts] == [{0, 2}, {1}]
    assert [part.requests for part in parts] == [4, 1]
    target = Target(url=emitter_at(Schedule(ttft_ms=5, itl_ms=1)), model="m")
    outcome = run_shards(target, point, seed=0, shards=2)
    assert len(outcome.answered) == 5
    assert outcome.start_ns <= min(r.intended_ns for r in outcome.requests)
    assert outcome.end_ns >= max(r.token_ns[-1] for r in outcome.requests)


def test_rows_of_a_replay_say_which_trace_it_was(tmp_path, exact_instrument):
    path = written(tmp_path / "t.jsonl")
    with Emitter(Schedule(ttft_ms=20, itl_ms=5)) as emitter:
        spec = replay(path, endpoint=emitter.url)
        result = run_cell(json.loads(json.dumps(spec)))
    rows = summarize([CellResult.from_json(json.loads(json.dumps(result.to_json())))])
    assert_signable(rows)
    assert {row.case for row in rows} == {"replay/t/x1"}
    assert {row.labels["trace_sha256"] for row in rows} == {read_trace(path).sha256}
    assert rows[0].labels["sessions"] == 3
    assert {"ttft", "send_delay", "output_throughput"} <= {row.metric for row in rows}
