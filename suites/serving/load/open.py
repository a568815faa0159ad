"""Open loop: requests are sent when they are due."""

from __future__ import annotations

import math
from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING, Protocol

from suites.client.alarm import Alarm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suites.client.recording import Stop
    from suites.client.wire import Connection, Exchange
    from suites.serving.load.drive import Drive

__all__ = ["Open", "Order", "ramp_of"]

# This share of the measured requests or time comes before them as ramp-up.
_RAMP_SHARE = 0.1
# Connections kept ready beyond those the rate asks for.
_LEAST_SPARES = 4
# From the first connections being open to the first due time.
_HEAD_START_NS = 20_000_000
# No further request is due.
_NEVER_NS = 1 << 62


class Order(Protocol):
    """Which request may not be sent before which."""

    def may_go(self, exchange: Exchange) -> bool:
        """Whether a request that is due goes out; else it is kept."""

    def after(self, exchange: Exchange) -> Exchange | None:
        """Give the kept request that follows an ended one."""


class Open:
    """Requests are sent when they are due, whatever comes back.

    Latency counts from the due time: a server that stands still is charged for every request it
    kept waiting, also for those held back by a `cap` on requests in flight or by their order. What
    is due in the ramp-up is not measured; sending goes on, uncounted, until the last measured
    request has ended.
    """

    def __init__(
        self,
        due_s: Iterator[float],
        *,
        rate: float,
        cap: int = 0,
        ramp: tuple[int, float] = (0, 0.0),
        order: Order | None = None,
    ) -> None:
        """Describe it.

        Args:
            due_s: due times in seconds from the start, ascending.
            rate: what connections are kept ready for, requests per second.
            cap: most requests in flight, 0 for no limit.
            ramp: requests, and seconds, before the steady state.
            order: what a request has to wait for besides.
        """
        self._due_s, self._cap, self._order = due_s, cap, order
        self._ramp_requests, self._ramp_s = ramp
        self._held: deque[Exchange] = deque()
        self._in_flight = 0
        # As many as may fall due while a connection is opened, say within a twentieth second.
        ready = math.ceil(rate / 20) + _LEAST_SPARES
        self.connections = self.spares = min(ready, cap) if cap else ready

    def begin(self, drive: Drive) -> None:
        self._drive = drive
        self._began_ns = monotonic_ns() + _HEAD_START_NS
        self._next_due_ns = self._due()
        self._alarm = Alarm(self._send_due)
        self._alarm.set(self._next_due_ns)

    def stop(self) -> None:
        self._alarm.stop()

    def _due(self) -> int:
        due_s = next(self._due_s, None)
        return _NEVER_NS if due_s is None else self._began_ns + int(due_s * 1e9)

    def _send_due(self) -> None:
        drive = self._drive
        while not drive.is_over and self._next_due_ns <= monotonic_ns():
            due_ns = self._next_due_ns
            self._next_due_ns = self._due()
            if not drive.recording.start_ns and self._ramp_is_over(due_ns):
                drive.begin_steady_state(due_ns)
            exchange = drive.exchange(due_ns)
            if self._order is None or self._order.may_go(exchange):
                self._admit(exchange)
        if not drive.is_over:
            self._alarm.set(self._next_due_ns)

    def _ramp_is_over(self, due_ns: int) -> bool:
        since_s = (due_ns - self._began_ns) / 1e9
        return self._drive.sent >= self._ramp_requests and since_s >= self._ramp_s

    def _admit(self, exchange: Exchange) -> None:
        if self._cap and self._in_flight >= self._cap:
            self._held.append(exchange)
        else:
            self._in_flight += 1
            self._drive.send(exchange)

    def ended(self, connection: Connection | None, exchange: Exchange) -> None:
        self._in_flight -= 1
        self._drive.put_back(connection)
        if self._held:
            self._admit(self._held.popleft())
        if self._order and (following := self._order.after(exchange)):
            self._admit(following)


def ramp_of(stop: Stop) -> tuple[int, float]:
    """Requests, and seconds, that come before the steady state: a tenth of it."""
    return math.ceil(_RAMP_SHARE * stop.requests), _RAMP_SHARE * stop.duration_s
