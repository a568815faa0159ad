"""Event loops whose time is the test's: what a busy machine does to it changes nothing."""

from __future__ import annotations

import asyncio
from selectors import DefaultSelector
from typing import Any

_SETTLED = 100  # turns of a loop in which what fell due is done, with all that follows from it


class StandingLoop(asyncio.SelectorEventLoop):
    """Its time stands still until a test lets some pass; for a server in another thread."""

    _now_s = 0.0

    def time(self) -> float:
        return self._now_s

    def pass_on(self, seconds: float) -> None:
        self._now_s += seconds

    def let_pass(self, seconds: float) -> None:
        """Return when everything that fell due meanwhile was done."""

        async def let_pass() -> None:
            self.pass_on(seconds)
            for _ in range(_SETTLED):
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(let_pass(), self).result(120)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Its time jumps to what falls due next as soon as there is nothing to do."""

    def __init__(self) -> None:
        super().__init__(_Jumping(self))
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s


class _Jumping(DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self._loop.now_s += timeout
        return ready
