"""Closed loop: a fixed number of streams."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING

from suites.serving.load.connections import Load

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.client.prompts import Prompts
    from suites.client.recording import Recording, Stop
    from suites.client.target import Target
    from suites.client.wire import Connection, Exchange

__all__ = ["Closed"]

# After a failure a stream waits, twice as long after each further one and no two streams the same,
# or an endpoint that answers 429 at once would be hammered.
_AFTER_FAILURE_S = 0.1
_LONGEST_WAIT_S = 10.0
_JITTER = 0.5


class Closed(Load):
    """Fixed concurrency: each stream sends its next request when its last one has ended.

    Ramp-up is the first request of every stream. The steady state begins when all of them have
    ended; while its last requests finish, further ones keep the load up, uncounted.
    """

    def __init__(
        self,
        target: Target,
        prompts: Prompts,
        stop: Stop,
        *,
        concurrency: int,
        watch: Callable[[Recording], None] | None = None,
    ) -> None:
        """Describe the load."""
        super().__init__(target, prompts, stop, watch=watch)
        self._concurrency = concurrency
        self._ramping = concurrency

    async def run(self) -> Recording:
        """Run to the end.

        Raises:
            UserError: the endpoint cannot be reached at all.
        """
        connections = await self._open_first(self._concurrency)
        for connection in connections:
            self._transmit(connection, self._exchange(monotonic_ns()))
        try:
            await self._until_finished()
        finally:
            await self._close()
        return self._recording

    def _next(self, connection: Connection | None, ended: Exchange) -> None:
        if ended.index < self._concurrency:
            self._ramping -= 1
            if not self._ramping:
                self._start_window(monotonic_ns())
        if ended.refused:
            self._spawn(self._later(connection, self._rest_s(ended)))
        else:
            self._go(connection)

    def _go(self, connection: Connection | None) -> None:
        self._dispatch(self._exchange(monotonic_ns()), connection)

    def _rest_s(self, failed: Exchange) -> float:
        doubled = _AFTER_FAILURE_S * 2.0 ** (self._failed_in_a_row - 1)
        asked = max(failed.retry_after_s, min(doubled, _LONGEST_WAIT_S))
        return asked * (1 + _JITTER * random.random())

    async def _later(self, connection: Connection | None, rest_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._finished.wait(), rest_s)
        if not self._finished.is_set():
            self._go(connection)
