"""A load laid out in time: worked out by hand for three requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from suites.serving.load.outcome import LoadOutcome
from suites.serving.load.timeline import timeline
from tests.builders import answered

S = 1_000_000_000


def outcome(*requests, start_s=0.0, end_s=12.0):
    return LoadOutcome(
        requests=requests,
        start_ns=int(start_s * S),
        end_ns=int(end_s * S),
        cpu_share=0.0,
        events=0,
        parse_s=0.0,
        lag_ms=(),
        reconnects=0,
    )


def asked(at_s, first_s, last_s, **fields):
    request = answered([int(first_s * S), int(last_s * S)], sent_ns=int(at_s * S))
    return replace(request, **fields)


def test_rates_requests_in_flight_and_ttft_of_each_step():
    line = timeline(
        outcome(
            asked(0.0, 0.05, 0.15),
            asked(0.02, 0.09, 0.25),
            asked(6.0, 6.5, 12.0),
            asked(3.0, 3.1, 3.2, failure="cancelled"),
            start_s=1.0,
        )
    )
    assert line["step_s"] == pytest.approx(0.1)
    assert len(line["sent"]) == 120
    assert line["steady_s"] == [1.0, 12.0]
    assert line["sent"][:3] == [20.0, 0.0, 0.0]
    assert line["done"][:4] == [0.0, 10.0, 10.0, 0.0]
    # The first step: all of the first request, and eight of ten parts of the second.
    assert line["in_flight"][:4] == pytest.approx([1.8, 1.5, 0.5, 0.0])
    assert line["ttft_ms"][0] == pytest.approx(60.0)  # the middle of 50 and 70
    assert line["ttft_ms"][1] is None
    assert sum(value is not None for value in line["ttft_ms"]) == 2
    assert sum(line["sent"]) * line["step_s"] == pytest.approx(3)


def test_what_failed_is_in_flight_and_has_no_ttft():
    line = timeline(outcome(asked(0.0, 0.5, 1.0, failure="timeout"), end_s=1.0))
    assert line["in_flight"] == pytest.approx([1.0] * 10)
    assert set(line["ttft_ms"]) == {None}


def test_a_load_that_sent_nothing_has_none():
    assert timeline(outcome()) == {}


def test_the_longest_session_of_the_steady_state_is_laid_out_turn_by_turn():
    def of(session, turn, at_s, **fields):
        more = {"input_tokens": 10 * turn + 5, "output_tokens": 2, **fields}
        return asked(at_s, at_s + 0.5, at_s + 1, session=session, turn=turn, **more)

    line = timeline(
        outcome(
            *(of(1, turn, 2.0 * turn) for turn in (1, 2)),
            of(2, 2, 5.0, cached_tokens=15),
            of(2, 0, 4.5),
            of(2, 1, 3.0),
            *(of(3, turn, float(turn), measured=False) for turn in (1, 2, 3, 4)),
            *(of(4, turn, float(turn), failure="reset") for turn in (1, 2, 3, 4)),
            *(asked(float(n), n + 0.1, n + 0.2) for n in range(5)),
        )
    )
    first, sub, last = line["session"]
    assert [turn["turn"] for turn in (first, sub, last)] == [1, 0, 2]
    assert [turn["sent_s"] for turn in (first, sub, last)] == [0.0, 1.5, 2.0]
    assert last == {
        "turn": 2,
        "sent_s": 2.0,
        "first_s": 2.5,
        "ended_s": 3.0,
        "input": 25,
        "output": 2,
        "cached": 15,
    }


def test_a_load_without_conversations_has_no_session():
    assert "session" not in timeline(outcome(asked(0.0, 0.5, 1.0), asked(1.0, 1.5, 2.0)))
    alone = asked(0.0, 0.5, 1.0, session=1, turn=1)
    assert "session" not in timeline(outcome(alone))
