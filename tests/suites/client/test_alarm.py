"""An alarm rings once at its time, at once if that has passed, and never again when stopped."""

from __future__ import annotations

import asyncio
import sys
from time import monotonic_ns

import pytest

from suites.client.alarm import Alarm

SOON_NS = 3_000_000


@pytest.fixture(params=["the system's", "the loop's"])
def rung(request, monkeypatch):
    """When an alarm rings that a test sets, in ns from its first setting on."""
    if request.param == "the loop's":
        monkeypatch.setattr(sys, "platform", "elsewhere")

    def times(use, count, limit_s=5.0):
        async def main():
            rings, all_rung = [], asyncio.Event()

            def ring():
                rings.append(monotonic_ns())
                if len(rings) == count:
                    all_rung.set()

            alarm = Alarm(ring)
            start = monotonic_ns()
            use(alarm, start)
            try:
                await asyncio.wait_for(all_rung.wait(), limit_s)
            except TimeoutError:
                assert len(rings) < count
            alarm.stop()
            return [at - start for at in rings]

        return asyncio.run(main())

    return times


def test_it_rings_no_sooner_than_asked(rung):
    (after_ns,) = rung(lambda alarm, start: alarm.set(start + SOON_NS), 1)
    assert after_ns + 50_000 >= SOON_NS  # the loop's own timer rounds
    assert after_ns < 5e9


@pytest.mark.parametrize("at_ns", [-1, 0, 1, 10**9])
def test_a_time_that_has_passed_rings_at_once(rung, at_ns):
    assert len(rung(lambda alarm, _: alarm.set(at_ns), 1)) == 1


def test_it_rings_as_often_as_it_is_set_and_no_more(rung):
    def use(alarm, start):
        alarm.set(start)
        asyncio.get_running_loop().call_later(0.005, alarm.set, start)

    assert len(rung(use, 2)) == 2
    assert len(rung(lambda alarm, start: alarm.set(start), 2, limit_s=0.02)) == 1


def test_a_stopped_alarm_does_not_ring(rung):
    def use(alarm, start):
        alarm.set(start + SOON_NS)
        alarm.stop()

    assert rung(use, 1, limit_s=3 * SOON_NS / 1e9) == []


def test_the_time_set_last_is_the_one(rung):
    def use(alarm, start):
        alarm.set(start + SOON_NS)
        alarm.set(start + 10 * SOON_NS)

    assert rung(use, 2, limit_s=20 * SOON_NS / 1e9)[0] > 9 * SOON_NS
