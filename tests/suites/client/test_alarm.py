"""An alarm rings once at its time, at once if that has passed, and never again when stopped."""

from __future__ import annotations

import asyncio
import sys
from time import monotonic_ns

import pytest

from suites.client.alarm import Alarm

SOON_NS = 3_000_000


LIMIT_S = 60  # ends a test that would hang


class Rings:
    """When an alarm rang, in ns from the beginning; each ring can be waited for."""

    def __init__(self):
        self.at_ns, self._rung, self.start_ns = [], asyncio.Queue(), monotonic_ns()
        self.alarm = Alarm(self._ring)

    def _ring(self):
        self.at_ns.append(monotonic_ns() - self.start_ns)
        self._rung.put_nowait(None)

    def set(self, after_ns):
        self.alarm.set(self.start_ns + after_ns)

    async def next(self):
        await asyncio.wait_for(self._rung.get(), LIMIT_S)

    async def passed(self, after_ns):
        """Wait until another alarm, set to this time, has rung: an earlier one has rung by then."""
        other = asyncio.Event()
        alarm = Alarm(other.set)
        alarm.set(self.start_ns + after_ns)
        await asyncio.wait_for(other.wait(), LIMIT_S)
        for _ in range(3):  # what became due in the same round
            await asyncio.sleep(0)
        alarm.stop()


@pytest.fixture(params=["the system's", "the loop's"])
def rung(request, monkeypatch):
    """Runs `script(rings)` in a loop; when its alarm rang."""
    if request.param == "the loop's":
        monkeypatch.setattr(sys, "platform", "elsewhere")

    def run(script):
        async def main():
            rings = Rings()
            await script(rings)
            rings.alarm.stop()
            return rings.at_ns

        return asyncio.run(main())

    return run


def test_it_rings_no_sooner_than_asked(rung):
    async def script(rings):
        rings.set(SOON_NS)
        await rings.next()

    (after_ns,) = rung(script)
    assert after_ns + 50_000 >= SOON_NS  # the loop's own timer rounds


@pytest.mark.parametrize("at_ns", [-1, 0, 1, 10**9])
def test_a_time_that_has_passed_rings_at_once(rung, at_ns):
    async def script(rings):
        rings.alarm.set(at_ns)
        await rings.next()

    assert len(rung(script)) == 1


def test_it_rings_as_often_as_it_is_set_and_no_more(rung):
    async def script(rings):
        for _ in range(2):
            rings.set(0)
            await rings.next()
        await rings.passed(monotonic_ns() - rings.start_ns + 2 * SOON_NS)

    assert len(rung(script)) == 2


def test_a_stopped_alarm_does_not_ring(rung):
    async def script(rings):
        rings.set(SOON_NS)
        rings.alarm.stop()
        await rings.passed(2 * SOON_NS)

    assert rung(script) == []


def test_the_time_set_last_is_the_one(rung):
    async def script(rings):
        rings.set(SOON_NS)
        rings.set(10 * SOON_NS)
        await rings.next()
        await rings.passed(12 * SOON_NS)

    (after_ns,) = rung(script)
    assert after_ns > 9 * SOON_NS
