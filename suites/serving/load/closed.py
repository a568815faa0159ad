"""Closed loop: a fixed number of streams."""

from __future__ import annotations

import random
from functools import partial
from itertools import pairwise
from time import monotonic_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.client.wire import Connection, Exchange
    from suites.serving.load.drive import Drive

__all__ = ["Closed"]

# After a failure a stream waits, twice as long after each further one and no two streams the same,
# or an endpoint that answers 429 at once would be hammered.
_AFTER_FAILURE_S = 0.1
_LONGEST_WAIT_S = 10.0
_JITTER = 0.5


class Closed:
    """Fixed concurrency: each stream sends its next request when its last one has ended.

    Ramp-up is the first request of every stream. The steady state begins when all of them have
    ended; while its last requests finish, further ones keep the load up, uncounted. Of a ramp,
    streams are added as one step of the steady state follows another.
    """

    spares = 0

    def __init__(self, concurrency: int, *, later: Sequence[int] = (), step_s: float = 0.0) -> None:
        """Describe it: streams at first, and those of each later step of so many seconds."""
        self.connections = self._streams = self._ramping = concurrency
        self._later, self._step_s = later, step_s

    def begin(self, drive: Drive) -> None:
        self._drive = drive
        for _ in range(self._streams):
            self._go(None)

    def ended(self, connection: Connection | None, exchange: Exchange) -> None:
        if exchange.index < self._streams:
            self._ramping -= 1
            if not self._ramping:
                self._drive.begin_steady_state(monotonic_ns())
                self._plan_steps()
        if exchange.refused:
            self._drive.after(
                rest_s(exchange, self._drive.failed_in_a_row), lambda: self._go(connection)
            )
        else:
            self._drive.soon(partial(self._go, connection))

    def stop(self) -> None:
        pass

    def _plan_steps(self) -> None:
        for place, (before, now) in enumerate(pairwise([self._streams, *self._later]), start=1):
            self._drive.after(place * self._step_s, partial(self._add, now - before))

    def _add(self, streams: int) -> None:
        for _ in range(streams):
            self._go(None)

    def _go(self, connection: Connection | None) -> None:
        self._drive.send(self._drive.exchange(monotonic_ns()), connection)


def rest_s(failed: Exchange, in_a_row: int) -> float:
    """How long to leave an endpoint alone after a failure."""
    doubled = _AFTER_FAILURE_S * 2.0 ** (in_a_row - 1)
    asked = max(failed.retry_after_s, min(doubled, _LONGEST_WAIT_S))
    return asked * (1 + _JITTER * random.random())
