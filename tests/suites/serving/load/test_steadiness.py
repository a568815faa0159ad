"""A queue with a known capacity: what outruns it is saturated, what it bears is not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from suites.serving.load.outcome import LoadOutcome
from suites.serving.load.steadiness import drift, saturation
from tests.builders import answered

SERVED_S = 1 / 23.5


def queued(rate, *, count=200, seed=0, served_s=None):
    """One server, first come first served, Poisson arrivals; the first tenth is ramp-up.

    `served_s` says how long number n takes, else exponential times at the capacity.
    """
    draw = random.Random(seed)
    now = free = 0.0
    requests = []
    for number in range(count + count // 10):
        now += draw.expovariate(rate)
        took = served_s(number) if served_s else draw.expovariate(1 / SERVED_S)
        free = max(free, now) + took
        first, last = round(free * 1e9) + 1, round(free * 1e9) + 10**7
        request = answered([first, last], sent_ns=round(now * 1e9))
        requests.append(replace(request, index=number, measured=number >= count // 10))
    return LoadOutcome(
        requests=requests,
        start_ns=0,
        end_ns=requests[-1].ended_ns,
        cpu_share=0.1,
        events=2 * len(requests),
        parse_s=0.0,
        lag_ms=(),
        reconnects=0,
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [60, 400])
def test_a_load_above_the_capacity_is_saturated_however_long_it_is_watched(count, seed):
    warning = saturation(queued(40.0, count=count, seed=seed))
    assert warning.startswith("saturated: ")
    assert "--rate" in warning


def test_twenty_requests_are_enough_where_each_takes_the_same():
    steady = {"count": 20, "served_s": lambda _: SERVED_S}
    assert all(saturation(queued(40.0, seed=seed, **steady)) for seed in range(5))
    assert not any(saturation(queued(12.0, seed=seed, **steady)) for seed in range(5))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate", [5.0, 12.0, 17.0])
def test_a_load_the_server_bears_is_not(rate, seed):
    assert saturation(queued(rate, count=1000, seed=seed)) == ""
    assert drift(queued(rate, count=1000, seed=seed)) == ""


def test_a_server_that_grows_slower_has_no_steady_state():
    slower = queued(2.0, served_s=lambda number: 0.02 + number / 2000)
    assert "first half" in drift(slower)
    assert drift(queued(2.0)) == ""
