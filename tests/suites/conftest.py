"""What several tests of the load share: emitters that stay up, a check that costs no time."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache

import pytest

from suites.serving import run
from suites.serving.instrument.emitter import Emitter
from suites.serving.instrument.instrument import Error, Instrument


@pytest.fixture(scope="session")
def emitter_at():
    """URL of an emitter with this schedule: one process for all tests that ask for the same."""
    with ExitStack() as stack:
        yield cache(lambda schedule: stack.enter_context(Emitter(schedule)).url)


@pytest.fixture
def exact_instrument(monkeypatch):
    """A self-check that finds no error, for tests of what comes after it."""
    exact = Error(p50=0.0, p99=0.0, max=0.0, n=1)
    checked = Instrument(
        ttft=exact,
        itl=exact,
        tpot=exact,
        stalls=0,
        cpu_share=0.0,
        events_per_s=1e9,
        cpu_ms_per_1000_events=0.0,
    )
    monkeypatch.setattr(run, "_check", lambda *_: checked)
