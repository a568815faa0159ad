"""A trace: an open loop whose turns keep their sessions' order."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from suites.serving.load.open import Open

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.client.prompts import Turn
    from suites.client.wire import Exchange

__all__ = ["replay"]


def replay(turns: Sequence[Turn], *, rate: float, cap: int = 0) -> Open:
    """Send every turn when it is due, but after its session's turn before; all are measured.

    Latency counts from the due time, waiting for the turn before included.
    """
    due_s = (turn.arrival_s for turn in turns)
    return Open(due_s, rate=rate, cap=cap, order=_Sessions(turns))


class _Sessions:
    """Keeps turns back until the one before has ended, and says which turn a request is."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self._kept: dict[int, deque[Exchange]] = {}
        self._due: Counter[int] = Counter()

    def may_go(self, exchange: Exchange) -> bool:
        session = self._turns[exchange.index].session
        self._due[session] += 1
        exchange.session, exchange.turn = session, self._due[session]
        if session in self._kept:
            self._kept[session].append(exchange)
            return False
        self._kept[session] = deque()
        return True

    def after(self, exchange: Exchange) -> Exchange | None:
        session = self._turns[exchange.index].session
        if self._kept[session]:
            return self._kept[session].popleft()
        del self._kept[session]
        return None
