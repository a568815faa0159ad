"""The fastest event loop there is, which a runner can stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

__all__ = ["no_collection", "run_loop"]

T = TypeVar("T")
# What a runner sends to a cell it no longer wants.
_STOP = signal.SIGTERM
# More connections than one process can serve.
_MOST_FILES = 2**17


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run on the fastest loop there is, with garbage collection held off.

    A collection over a few hundred thousand records stops everything for tens of milliseconds;
    reference counting frees what the hot path drops.
    """
    try:
        import uvloop
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    _take_all_files()
    results: list[T] = []

    async def keep_result() -> None:
        results.append(await main)

    # A runner that ends looks for its handler of Ctrl-C among the signal module's names. It is none
    # of them, and the error that says so, which nobody sees, writes out the task with its result:
    # all that a load recorded, for as long as reading it took. So the task has none.
    with no_collection(), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_stoppable(keep_result()))
    return results[0]


def _take_all_files() -> None:
    """Raise the limit on open files, a connection being one, as far as this process may."""
    try:
        import resource
    except ImportError:  # no limit to raise here
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _stoppable(main: Coroutine[Any, Any, T]) -> T:
    """Let SIGTERM cancel the load, as the runner lets Ctrl-C.

    Raised by a signal inside a protocol's callback, an interrupt is caught by the loop, which
    closes that one connection and goes on.
    """
    if threading.current_thread() is not threading.main_thread():
        return await main
    loop, task, before = asyncio.get_running_loop(), asyncio.current_task(), signal.getsignal(_STOP)
    asked = False

    def stop() -> None:
        nonlocal asked
        asked = True
        if task:
            task.cancel()

    loop.add_signal_handler(_STOP, stop)
    try:
        return await main
    except asyncio.CancelledError:
        if asked:
            raise KeyboardInterrupt from None
        raise
    finally:
        loop.remove_signal_handler(_STOP)
        signal.signal(_STOP, before)


@contextmanager
def no_collection() -> Iterator[None]:
    """Hold garbage collection off."""
    gc.freeze()  # what is there already is not looked at again when it is over
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # nor what came since, which the next collection would go through as young
        gc.unfreeze()
        gc.enable()
