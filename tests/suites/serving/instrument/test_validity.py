"""Overload of the client is recognized and named, from recorded stamps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from suites.serving.instrument.validity import pace_problems, problems, prompt_problems
from suites.serving.load.outcome import LoadOutcome
from tests.builders import answered

# One core at saturation: so many events a second.
RATE = 150_000
STREAMS, TOKENS = 500, 60


def saturated(*, together):
    """Streams at the full rate, the client taking `together` events of each at one time."""
    gap_ns = STREAMS * 10**9 // RATE
    return [
        answered([(token - token % together) * gap_ns + stream for token in range(TOKENS)])
        for stream in range(1, STREAMS + 1)
    ]


def outcome(requests, *, cpu_share=0.1, lag_ms=()):
    return LoadOutcome(
        requests=requests,
        start_ns=0,
        end_ns=max(request.ended_ns for request in requests),
        cpu_share=cpu_share,
        events=sum(len(request.token_ns) for request in requests),
        parse_s=0.0,
        lag_ms=lag_ms,
        reconnects=0,
    )


def test_the_recorded_load_is_a_hundred_and_fifty_thousand_events_a_second():
    loaded = outcome(saturated(together=1))
    assert loaded.events / loaded.duration_s == pytest.approx(RATE, rel=0.05)


def test_a_saturated_client_never_goes_unflagged():
    (reason,) = problems(outcome(saturated(together=1), cpu_share=0.97))
    assert "client overload" in reason
    assert "0.97 of a core" in reason
    assert "--processes" in reason


def test_events_that_piled_up_are_named_with_it():
    requests = saturated(together=4)
    # The mean pace is plausible: only the gaps tell.
    assert requests[0].tpot_ms > 3
    (reason,) = problems(outcome(requests, cpu_share=0.97))
    assert "piled up" in reason


def test_a_loop_that_ran_late_is_overload_even_at_low_load():
    (reason,) = problems(outcome(saturated(together=4), lag_ms=[40.0] * 20))
    assert "ran late" in reason
    assert "piled up" in reason


def test_one_late_round_in_many_is_not():
    assert problems(outcome(saturated(together=1), lag_ms=[0.1] * 99 + [40.0])) == []


def test_a_server_that_sends_several_tokens_at_once_is_not_the_clients_fault():
    assert problems(outcome(saturated(together=4))) == []


def in_turn(*sizes):
    """An answer whose arrivals bring so many tokens each, 10 ms apart."""
    return answered([10**7 * place for place, size in enumerate(sizes, 1) for _ in range(size)])


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ([1] * 15 + [46], True),  # a server that counts empty events behind the end
        ([1, 30], True),
        ([1] * 60, False),
        ([8] * 7 + [4], False),  # a gateway that hands on eight at a time, and the rest
        ([3] * 20, False),
        ([1] * 50 + [10], False),  # a few that a busy client took late
        ([1, 1, 1, 5], False),
    ],
)
def test_tokens_that_are_counted_at_once_at_the_end_have_no_pace(sizes, named):
    reasons = pace_problems(outcome([in_turn(*sizes)] * 3))
    assert any("at once" in reason for reason in reasons) == named
    # What happens to a few answers is not a property of the server.
    assert not pace_problems(outcome([in_turn(*sizes), *[in_turn(*[1] * 9)] * 9]))


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ([(64, 104)] * 99 + [(500, 560)], ""),  # a template of 40 tokens, words of a few more
        ([(64, 64)] * 99 + [(64, 150)], ""),  # one in a hundred
        ([(64, 64), (64, 150)] * 9, "the server counts +0 to +86 tokens beside those of a prompt"),
    ],
)
def test_prompts_are_counted_in_the_same_tokens_or_have_no_rate(counts, wanted):
    requests = [
        replace(answered([1, 2]), sent_tokens=sent, input_tokens=counted)
        for sent, counted in counts
    ]
    reasons = prompt_problems(outcome(requests))
    assert [reason.split(",")[0] for reason in reasons] == ([wanted] if wanted else [])
    # A question hidden among them is of other words.
    hidden = [replace(request, question=1) for request in requests]
    assert prompt_problems(outcome(hidden)) == []
