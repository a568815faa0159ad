"""The loop has as many files as the system lets it, can be stopped, and collects no garbage."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading

import pytest

from suites.client.loop import no_collection, run_loop

resource = pytest.importorskip("resource")


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [(256, 4096, 4096), (256, 2**20, 2**17), (2**18, 2**20, None), (4096, 4096, None)],
)
def test_a_low_limit_on_open_files_is_raised_by_itself(monkeypatch, soft, hard, raised):
    limits = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda *given: limits.append(given))
    run_loop(asyncio.sleep(0))
    assert limits == ([(resource.RLIMIT_NOFILE, (raised, hard))] if raised else [])


def test_limits_without_end_are_taken_as_they_are(monkeypatch):
    limits, endless = [], resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "setrlimit", lambda *given: limits.append(given))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (endless, endless))
    run_loop(asyncio.sleep(0))
    assert limits == []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, endless))
    run_loop(asyncio.sleep(0))
    assert limits == [(resource.RLIMIT_NOFILE, (2**17, endless))]


def test_a_system_that_raises_no_limit_is_asked_and_the_loop_runs(monkeypatch):
    def refuse(*_):
        raise ValueError("not permitted")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert run_loop(asyncio.sleep(0, "done")) == "done"


def test_what_it_returns_is_never_written_out():
    class Record:
        written = 0

        def __repr__(self):
            self.written += 1
            return "long"

    record = run_loop(asyncio.sleep(0, Record()))
    assert record.written == 0


def test_a_runner_that_asks_it_to_stop_interrupts_the_load_and_nothing_else():
    before = signal.getsignal(signal.SIGTERM)

    async def load():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run_loop(load())
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_load_that_gives_up_by_itself_was_not_interrupted():
    before = signal.getsignal(signal.SIGTERM)

    async def load():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_loop(load())
    assert signal.getsignal(signal.SIGTERM) == before


def test_beside_the_main_thread_it_runs_without_signals():
    given = []
    thread = threading.Thread(target=lambda: given.append(run_loop(asyncio.sleep(0, "done"))))
    thread.start()
    thread.join(60)
    assert given == ["done"]


def test_garbage_is_not_collected_meanwhile_and_is_again_behind_it():
    async def collects():
        return gc.isenabled(), gc.get_freeze_count() > 0

    assert run_loop(collects()) == (False, True)
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, 0)
    with pytest.raises(OSError, match="broken"), no_collection():
        raise OSError("broken")
    assert gc.isenabled()


def test_what_came_while_garbage_was_not_collected_is_old_at_once():
    with no_collection():
        kept = [[]]
    # The young are gone through by the next collection, of which there is one soon.
    assert any(old is kept for old in gc.get_objects(generation=2))
