"""Conversations: how prompts grow, what a cache may know of them, and in which order they go."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.base.errors import UserError
from suites.client.target import Target
from suites.serving.instrument.emitter import Schedule
from suites.serving.load.point import Point
from suites.serving.load.sessions import SessionRequests, SessionShape
from suites.serving.load.think import read_think
from suites.serving.processes.shard import run_shards, split

TARGET = Target(url="http://h", model="m")


def talk(**fields):
    sizes = {"turns": 4, "first_tokens": 100, "turn_tokens": 30, "output_tokens": 20}
    return SessionShape(**{"kind": "agents", **sizes, **fields})


def prompts_of(sessions, *planned, target=TARGET, **options):
    requests = SessionRequests(target, sessions, seed="s", **options)
    for step in planned:
        requests.plan(*step)
    bodies = [requests.request(index).split(b"\r\n\r\n")[1] for index in range(len(planned))]
    return [json.loads(body) for body in bodies]


def common(a, b):
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))


def test_a_prompt_holds_the_turns_before_their_answers_and_what_is_new():
    sessions = talk()
    assert [step.input_tokens for step in sessions.main] == [100, 150, 200, 250]
    assert sessions.main[2].messages == (100, 120, 150, 170, 200)
    # 0 + 100 + 150 + 200 of 100 + 150 + 200 + 250.
    assert sessions.shared_share == pytest.approx(450 / 700)
    first, second, third, fourth = (
        body["prompt"] for body in prompts_of(sessions, *((7, 0, turn) for turn in (1, 2, 3, 4)))
    )
    assert (len(first), len(fourth)) == (100, 250)
    assert fourth[:200] == third
    assert third[:150] == second
    assert second[:100] == first


def test_sub_agents_have_contexts_of_their_own_and_the_session_takes_their_answers():
    sessions = talk(turns=6, sub_agents=2, shared_prefix=0.3)
    # After the third turn it is longer by two answers of 20.
    assert [step.input_tokens for step in sessions.main] == [100, 150, 200, 290, 340, 390]
    assert [step.input_tokens for step in sessions.sub] == [100, 150, 200]
    assert (sessions.requests, sessions.fork, sessions.in_flight) == (12, 3, 2)
    main, first, other = (
        body["prompt"] for body in prompts_of(sessions, (0, 0, 1), (0, 1, 1), (0, 2, 1))
    )
    assert {common(main, first), common(main, other), common(first, other)} == {30}


def test_sessions_grow_to_no_prompt_that_cannot_be_written():
    # Ten million tokens: the first, 999 turns more, and the answers of two sub-agents.
    sizes = {"turns": 1000, "turn_tokens": 10_000, "output_tokens": 5, "sub_agents": 2}
    first = 10_000_000 - 999 * 10_005 - 10
    assert talk(**sizes, first_tokens=first).longest == 10_000_000
    with pytest.raises(UserError, match="turns: 10000001 tokens in the last prompt"):
        talk(**sizes, first_tokens=first + 1)


@given(
    target=st.floats(0.05, 0.95),
    turns=st.integers(2, 30),
    first=st.integers(20, 5000),
    new=st.integers(5, 2000),
    sub=st.integers(0, 4),
    shared=st.floats(0, 0.9),
)
def test_a_share_known_from_before_is_met_exactly_or_refused(
    target, turns, first, new, sub, shared
):
    sizes = {"turns": turns, "first_tokens": first, "turn_tokens": new, "sub_agents": sub}
    grown = talk(**sizes, shared_prefix=shared)
    if target > grown.shared_share:
        with pytest.raises(UserError, match="cache_target"):
            talk(**sizes, shared_prefix=shared, cache_target=target)
        return
    # The tokens that tell sessions apart are always known again: below them no share lies.
    with suppress(UserError):
        sessions = talk(**sizes, shared_prefix=shared, cache_target=target)
        _holds(sessions, target)


def _holds(sessions, target):
    tokens = sum(step.input_tokens for step in sessions.main)
    tokens += sessions.sub_agents * sum(step.input_tokens for step in sessions.sub)
    # Whole tokens only: one a request.
    assert sessions.shared_share == pytest.approx(target, abs=sessions.requests / tokens)
    assert all(step.shared_tokens < step.input_tokens for step in sessions.main)


@pytest.mark.parametrize("asked", [0.35, 0.6])
def test_prompts_share_with_the_one_before_what_their_steps_say(asked):
    sessions = talk(cache_target=asked)
    turns = [body["prompt"] for body in prompts_of(sessions, *((3, 0, t) for t in (1, 2, 3, 4)))]
    for (before, now), step in zip(pairwise(turns), sessions.main[1:], strict=True):
        assert common(before, now) == step.shared_tokens
    # Two sessions, and one session in two processes, share nothing: what is new is new everywhere.
    other = [body["prompt"] for body in prompts_of(sessions, (4, 0, 4), part=(1, 2))]
    assert common(turns[3], other[0]) == 0
    tails = {tuple(prompt[-20:]) for prompt in [*turns, *other]}
    assert len(tails) == 5


def test_a_chat_is_asked_in_messages_by_turns():
    chat = Target(url="http://h", model="m", api="chat")
    (body,) = prompts_of(talk(), (0, 0, 3), target=chat)
    assert [message["role"] for message in body["messages"]] == [
        "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip
    words = [len(message["content"].split()) for message in body["messages"]]
    assert words == [100, 20, 30, 20, 30]


def test_a_session_may_grow_to_a_million_tokens():
    sessions = talk(turns=220, first_tokens=20_000, turn_tokens=4_000, output_tokens=500)
    assert sessions.longest == 20_000 + 219 * 4_500 == 1_005_500
    (body,) = prompts_of(sessions, (0, 0, 220))
    assert len(body["prompt"]) == 1_005_500


def point(**fields):
    sessions = talk(first_tokens=16, turn_tokens=8, output_tokens=4, **fields)
    return Point(
        shape="sessions",
        concurrency=3,
        input_tokens=round(sessions.mean_tokens),
        output_tokens=4,
        requests=2 * sessions.requests,
        sessions=sessions,
    )


@pytest.fixture(scope="module")
def outcome(emitter_at):
    load = point(think=read_think("0.01"), sub_agents=2)
    target = Target(url=emitter_at(Schedule(ttft_ms=5, itl_ms=1)), model="m")
    return load, run_shards(target, load, seed=1, shards=1)


def sessions_in(requests):
    by_session = {}
    for request in requests:
        by_session.setdefault(request.session, []).append(request)
    return by_session


def test_what_began_in_the_steady_state_is_measured_whole(outcome):
    load, result = outcome
    measured = sessions_in(result.measured)
    assert len(measured) >= 2
    for session in measured.values():
        assert len(session) == load.sessions.requests == 8
        assert min(request.sent_ns for request in session) >= result.start_ns
        assert max(request.ended_ns for request in session) <= result.end_ns


def test_turns_follow_each_other_with_a_pause_and_sub_agents_run_side_by_side(outcome):
    _, result = outcome
    for session in sessions_in(result.measured).values():
        main = sorted((r for r in session if r.turn), key=lambda request: request.turn)
        subs = sorted((r for r in session if not r.turn), key=lambda request: request.sent_ns)
        assert [request.turn for request in main] == [1, 2, 3, 4]
        assert [request.input_tokens for request in main] == [16, 28, 48, 60]
        gaps_ms = [(b.sent_ns - a.ended_ns) / 1e6 for a, b in pairwise(main)]
        assert gaps_ms[0] >= 9
        assert gaps_ms[2] >= 9
        first, second, *later = subs
        assert main[1].ended_ns <= first.sent_ns <= second.sent_ns < first.ended_ns
        assert main[2].sent_ns >= max(request.ended_ns for request in later)


def test_no_more_sessions_run_at_a_time_than_asked(outcome):
    _, result = outcome
    spans = [
        (min(r.sent_ns for r in session), max(r.ended_ns for r in session))
        for session in sessions_in(result.requests).values()
    ]
    for start, _ in spans:
        assert sum(a <= start < b for a, b in spans) <= 3


def test_a_point_of_sessions_survives_json_and_is_divided_among_processes():
    load = point(think=read_think("uniform:1-2"), sub_agents=1, cache_target=0.4)
    assert Point.from_json(json.loads(json.dumps(asdict(load)))) == load
    assert [part.concurrency for part in split(load, 2)] == [2, 1]


def test_what_makes_a_session_another_is_in_the_name():
    names = {
        point(**fields).name
        for fields in (
            {},
            {"think": read_think("5")},
            {"sub_agents": 1},
            {"cache_target": 0.5},
            {"kind": "users"},
            {"turns": 5},
        )
    }
    assert len(names) == 6
    assert "agents/n3/turns4/isl16+8/osl4" in names
