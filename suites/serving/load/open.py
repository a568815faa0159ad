"""Open loop: requests are sent when they are due."""

from __future__ import annotations

import math
from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING

from suites.client.alarm import Alarm
from suites.serving.load.connections import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from suites.client.prompts import Conversations, Prompts, Turn
    from suites.client.recording import Recording, Stop
    from suites.client.target import Target
    from suites.client.wire import Connection, Exchange

__all__ = ["Open", "Replay"]

# Open loop: this share of the measured requests or time comes before them as ramp-up.
_RAMP_SHARE = 0.1
# Connections kept ready beyond those the rate asks for.
_LEAST_SPARES = 4
# From the first connections being open to the first due time.
_HEAD_START_NS = 20_000_000
# No further request is due.
_NEVER_NS = 1 << 62


class Open(Load):
    """Requests are sent when they are due, whatever comes back.

    Latency counts from the due time: a server that stands still is charged for every request it
    kept waiting, also for those held back by a `cap` on requests in flight. The first tenth is
    ramp-up; sending goes on, uncounted, until the last measured request has ended.
    """

    def __init__(
        self,
        target: Target,
        prompts: Prompts | Conversations,
        stop: Stop,
        *,
        due_s: Iterator[float],
        rate: float,
        cap: int = 0,
        watch: Callable[[Recording], None] | None = None,
    ) -> None:
        """Describe the load: `due_s` gives due times in seconds from the start, ascending.

        `rate` is what connections are kept ready for.
        """
        super().__init__(target, prompts, stop, watch=watch)
        self._due_s, self._rate, self._cap = due_s, rate, cap
        self._held: deque[Exchange] = deque()
        self._in_flight = 0
        self._began_ns = 0
        self._next_due_ns = _NEVER_NS
        self._ramp_requests = math.ceil(_RAMP_SHARE * stop.requests)
        self._ramp_s = _RAMP_SHARE * stop.duration_s

    async def run(self) -> Recording:
        """Run to the end.

        Raises:
            UserError: the endpoint cannot be reached at all.
        """
        self._spare += await self._open_first(self._spares_wanted())
        self._began_ns = monotonic_ns() + _HEAD_START_NS
        self._next_due_ns = self._due()
        self._alarm = Alarm(self._send_due)
        self._alarm.set(self._next_due_ns)
        try:
            await self._until_finished()
        finally:
            self._alarm.stop()
            await self._close()
        return self._recording

    def _due(self) -> int:
        due_s = next(self._due_s, None)
        return _NEVER_NS if due_s is None else self._began_ns + int(due_s * 1e9)

    def _spares_wanted(self) -> int:
        """As many as may fall due while a connection is opened, say within a twentieth second."""
        wanted = math.ceil(self._rate / 20) + _LEAST_SPARES
        return min(wanted, self._cap) if self._cap else wanted

    def _send_due(self) -> None:
        while not self._finished.is_set() and self._next_due_ns <= monotonic_ns():
            due_ns = self._next_due_ns
            self._next_due_ns = self._due()
            if not self._recording.start_ns and self._ramp_is_over(due_ns):
                self._start_window(due_ns)
            self._offer(self._exchange(due_ns))
        if not self._finished.is_set():
            self._alarm.set(self._next_due_ns)

    def _ramp_is_over(self, due_ns: int) -> bool:
        if self._stop.requests:
            return self._sent >= self._ramp_requests
        return due_ns >= self._began_ns + self._ramp_s * 1e9

    def _offer(self, exchange: Exchange) -> None:
        self._admit(exchange)

    def _admit(self, exchange: Exchange) -> None:
        if self._cap and self._in_flight >= self._cap:
            self._held.append(exchange)
        else:
            self._in_flight += 1
            self._dispatch(exchange, None)

    def _next(self, connection: Connection | None, ended: Exchange) -> None:  # noqa: ARG002 - closed loops look at it
        self._in_flight -= 1
        if connection is not None and not connection.closed:
            if self._one_shot:
                self._drop(connection)
            else:
                self._spare.append(connection)
        if self._held:
            self._admit(self._held.popleft())


class Replay(Open):
    """A trace: every turn is sent when it is due, but after its session's turn before.

    Latency counts from the due time, waiting for the turn before included. All turns are measured.
    """

    def __init__(
        self,
        target: Target,
        prompts: Conversations,
        stop: Stop,
        *,
        turns: Sequence[Turn],
        rate: float,
        cap: int = 0,
        watch: Callable[[Recording], None] | None = None,
    ) -> None:
        """Describe the load: `turns` by arrival; `stop` asks for all of them."""
        due_s = (turn.arrival_s for turn in turns)
        super().__init__(target, prompts, stop, due_s=due_s, rate=rate, cap=cap, watch=watch)
        self._turns = turns
        self._waiting: dict[int, deque[Exchange]] = {}

    def _ramp_is_over(self, due_ns: int) -> bool:  # noqa: ARG002 - other open loops look at it
        return True

    def _offer(self, exchange: Exchange) -> None:
        session = self._turns[exchange.index].session
        if session in self._waiting:
            self._waiting[session].append(exchange)
            return
        self._waiting[session] = deque()
        self._admit(exchange)

    def _next(self, connection: Connection | None, ended: Exchange) -> None:
        super()._next(connection, ended)
        session = self._turns[ended.index].session
        if self._waiting[session]:
            self._admit(self._waiting[session].popleft())
        else:
            del self._waiting[session]
