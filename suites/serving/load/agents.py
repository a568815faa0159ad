"""A closed loop of conversations: so many people or agents, each in a session of several turns."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from time import monotonic_ns
from typing import TYPE_CHECKING

from suites.serving.load.closed import rest_s

if TYPE_CHECKING:
    from suites.client.wire import Connection, Exchange
    from suites.serving.load.drive import Drive
    from suites.serving.load.sessions import SessionRequests, SessionShape

__all__ = ["Agents"]


@dataclass(slots=True, kw_only=True)
class _Session:
    """One that is going on.

    Attributes:
        number: of the load; no other process has the same.
        draw: of its pauses.
        measured: it began in the steady state, so all of it counts.
        waits_for: sub-agents that have not ended.
        failed: a request of it was refused; what is on its way ends, nothing follows.
    """

    number: int
    draw: random.Random
    measured: bool
    waits_for: int = 0
    failed: bool = False


class Agents:
    """So many sessions at a time; when one has ended, the next begins.

    The first ones begin at different turns, so that sessions do not end together. The steady state
    begins when the first request of each has ended. What counts are the sessions that begin in it,
    to their end; until then the others go on, uncounted.
    """

    spares = 0

    def __init__(
        self,
        sessions: SessionShape,
        requests: SessionRequests,
        count: int,
        *,
        seed: int | str,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        """Describe it; `part` is which of how many processes this is."""
        self.connections = self._count = self._ramping = count
        self._sessions, self._requests, self._seed = sessions, requests, seed
        self._number, self._places = part
        self._at: dict[int, tuple[_Session, int, int]] = {}

    def begin(self, drive: Drive) -> None:
        self._drive = drive
        for place in range(self._count):
            self._start(turn=1 + place * self._sessions.turns // self._count)

    def stop(self) -> None:
        pass

    def ended(self, connection: Connection | None, exchange: Exchange) -> None:
        drive = self._drive
        drive.put_back(connection)
        if exchange.index < self._count:
            self._ramping -= 1
            if not self._ramping:
                drive.begin_steady_state(monotonic_ns())
        session, thread, turn = self._at.pop(exchange.index)
        session.failed |= exchange.refused
        last = len(self._sessions.sub) if thread else self._sessions.turns
        if turn < last and not session.failed:
            self._follow(session, thread, turn)
        elif thread:
            session.waits_for -= 1
            if not session.waits_for:
                self._join(session, exchange)
        else:
            self._end(session, exchange)

    def _follow(self, session: _Session, thread: int, turn: int) -> None:
        if not thread and turn == self._sessions.fork:
            session.waits_for = self._sessions.sub_agents
            for sub in range(1, session.waits_for + 1):
                self._go(session, sub, 1)
        else:
            self._pause(session, thread, turn + 1)

    def _join(self, session: _Session, exchange: Exchange) -> None:
        if session.failed:
            self._end(session, exchange)
        else:
            self._pause(session, 0, self._sessions.fork + 1)

    def _pause(self, session: _Session, thread: int, turn: int) -> None:
        go = partial(self._go, session, thread, turn)
        think = self._sessions.think
        if think:
            self._drive.after(think.draw_s(session.draw), go)
        else:
            go()

    def _start(self, *, turn: int = 1) -> None:
        session = _Session(
            number=self._number,
            draw=random.Random(f"{self._seed}/{self._number}"),
            measured=self._drive.is_steady,
        )
        self._number += self._places
        if session.measured:
            self._drive.hold()
        self._go(session, 0, turn)

    def _end(self, session: _Session, last: Exchange) -> None:
        if session.measured:
            self._drive.release()
        if self._drive.is_over:
            return
        if session.failed:
            self._drive.after(rest_s(last, self._drive.failed_in_a_row), self._start)
        else:
            self._start()

    def _go(self, session: _Session, thread: int, turn: int) -> None:
        self._requests.plan(session.number, thread, turn)
        exchange = self._drive.exchange(monotonic_ns(), measured=session.measured)
        exchange.session, exchange.turn = session.number, 0 if thread else turn
        self._at[exchange.index] = session, thread, turn
        self._drive.send(exchange)
