"""Connections to a target: opened ahead, kept alive, replaced when the server hangs up."""

from __future__ import annotations

import asyncio
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.client.wire import Connection, Exchange, Spares, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from suites.client.target import Target

__all__ = ["Connections"]

# Connections being opened when all is over may take this long.
_CLOSE_LIMIT_S = 2.0
# Connections opened at once: below the usual listen backlog of 128.
_OPEN_TOGETHER = 64


class Connections:
    """Puts exchanges on connections of a target, and hands back those that have ended.

    Attributes:
        running: exchanges on their way, by connection.
        reconnects: exchanges that had to wait for a connection to be opened.
        closing: nothing further is sent.
    """

    def __init__(
        self,
        target: Target,
        *,
        payload: Callable[[Exchange], bytes],
        done: Callable[[Connection | None, Exchange], None],
        spares: int = 0,
    ) -> None:
        """Prepare for a target.

        Args:
            payload: bytes of an exchange's request.
            done: told of every exchange that has ended; without a connection if none could be
                opened.
            spares: idle connections to keep open.
        """
        self._target, self._payload, self._tell = target, payload, done
        self._spares = spares
        self.running: dict[Connection, Exchange] = {}
        self.reconnects = 0
        self.closing = False
        self._open: set[Connection] = set()
        self._spare = Spares()
        self._spares_coming = 0
        self._one_shot = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, count: int) -> None:
        """Open the first connections.

        Raises:
            UserError: one cannot be opened.
        """
        while len(self._spare) < count:
            together = min(_OPEN_TOGETHER, count - len(self._spare))
            try:
                self._spare += await asyncio.gather(*(self._connect() for _ in range(together)))
            except OSError as error:
                raise UserError(
                    f"cannot connect ({error.strerror or error})",
                    where=self._target.url,
                    expected="a running OpenAI-compatible server",
                    remedy=f"raise `ulimit -n` above {count + 100}" if self._spare else "",
                ) from error

    def send(self, exchange: Exchange, last: Connection | None = None) -> None:
        """Send on the connection just used if it is still good, else on a spare or a new one."""
        if last is not None and not last.closed and not self._one_shot:
            self._transmit(last, exchange)
            return
        if last is not None:
            self._drop(last)
        while self._spare:
            spare = self._spare.pop()
            if not spare.closed:
                self._transmit(spare, exchange)
                return
        self.spawn(self._connect_and_send(exchange))

    def put_back(self, connection: Connection | None) -> None:
        """Keep a connection for a later exchange, if it is still good."""
        if connection is None or connection.closed:
            return
        if self._one_shot:
            self._drop(connection)
        else:
            self._spare.append(connection)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the load, which `close` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what still runs, and every connection."""
        self.closing = True
        if self._tasks:
            # A cancelled attempt to connect may leave its socket with the loop: let them end.
            _, slow = await asyncio.wait(self._tasks, timeout=_CLOSE_LIMIT_S)
            for task in slow:
                task.cancel()
        for connection in list(self.running):
            connection.abort("cancelled")
        for connection in list(self._open):
            self._drop(connection)
        await asyncio.sleep(0)  # the loop hangs up in its next round

    async def _connect(self) -> Connection:
        connection = await connect(self._target, Connection(self._done, self._notice_hang_up))
        self._open.add(connection)
        return connection

    def _drop(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection.transport:
            connection.transport.abort()

    def _notice_hang_up(self) -> None:
        """Expect the server to close after every answer, as llama.cpp does without saying so.

        From then on each request is followed by opening the connection of the next one.
        """
        self._one_shot = True

    def _transmit(self, connection: Connection, exchange: Exchange) -> None:
        self.running[connection] = exchange
        connection.send(exchange, self._payload(exchange))
        if len(self._spare) + self._spares_coming < self._spares_wanted():
            self._spares_coming += 1
            self.spawn(self._open_spare())

    def _spares_wanted(self) -> int:
        return self._spares or (len(self.running) if self._one_shot else 0)

    async def _open_spare(self) -> None:
        try:
            self._spare.append(await self._connect())
        except OSError:
            pass  # the request that needs it will try again and say so
        finally:
            self._spares_coming -= 1

    async def _connect_and_send(self, exchange: Exchange) -> None:
        self.reconnects += 1
        try:
            connection = await self._connect()
        except OSError:
            exchange.sent_ns = exchange.sent_ns or monotonic_ns()
            exchange.ended_ns = monotonic_ns()
            exchange.failure = "refused"
            self._tell(None, exchange)
            return
        if self.closing:
            connection.abort("cancelled")
        else:
            self._transmit(connection, exchange)

    def _done(self, connection: Connection, exchange: Exchange) -> None:
        """Take an ended exchange from the wire; called in the hot path."""
        del self.running[connection]
        dropped = exchange.failure in {"reset", "closed_early"} and not exchange.stamps
        if dropped and connection.served > 1 and not self.closing:
            # The server closed an idle connection just as we used it (keep-alive ran out):
            # any HTTP client sends again, and the time lost is counted from the first attempt.
            exchange.failure = ""
            self._notice_hang_up()
            self.spawn(self._connect_and_send(exchange))
            return
        self._tell(connection, exchange)
