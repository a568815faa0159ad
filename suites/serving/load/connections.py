"""Drive an endpoint: keep connections open, send when it is time, hand back what was recorded."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.client.recording import Recording
from suites.client.wire import Connection, Exchange, Spares, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from suites.client.prompts import Conversations, Prompts
    from suites.client.recording import Stop
    from suites.client.target import Target

# How often requests are looked at for having taken too long, and the loop for being late.
_WATCH_S = 0.1
# Connections being opened when all is over may take this long.
_CLOSE_LIMIT_S = 2.0
# So many failures in a row, and the endpoint is left alone.
_MOST_IN_A_ROW = 10
# Nor is one waited for that wants to be left alone for longer.
_LONGEST_REST_S = 60.0
# Connections opened at once: below the usual listen backlog of 128.
_OPEN_TOGETHER = 64


class Load:
    """What closed and open loop share: connections, the record, the watch over both."""

    def __init__(
        self,
        target: Target,
        prompts: Prompts | Conversations,
        stop: Stop,
        *,
        watch: Callable[[Recording], None] | None = None,
    ) -> None:
        """Describe the load; `watch` is called ten times a second for a live view."""
        self._target, self._prompts, self._stop = target, prompts, stop
        self._watch_call = watch
        self._recording = Recording()
        self._running: dict[Connection, Exchange] = {}
        self._open: set[Connection] = set()
        self._spare = Spares()
        self._spares_coming = 0
        self._one_shot = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished = asyncio.Event()
        self._ended: deque[Exchange] = deque()  # not on the tape yet
        self._sent = 0
        self._measured_sent = 0
        self._measured_open = 0
        self._failed_in_a_row = 0
        self._cpu_start = 0.0

    # Connections

    async def _open_first(self, count: int) -> list[Connection]:
        opened: list[Connection] = []
        while len(opened) < count:
            together = min(_OPEN_TOGETHER, count - len(opened))
            try:
                opened += await asyncio.gather(*(self._connect() for _ in range(together)))
            except OSError as error:
                raise UserError(
                    f"cannot connect ({error.strerror or error})",
                    where=self._target.url,
                    expected="a running OpenAI-compatible server",
                    remedy=f"raise `ulimit -n` above {count + 100}" if opened else "",
                ) from error
        return opened

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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

    async def _open_spare(self) -> None:
        try:
            self._spare.append(await self._connect())
        except OSError:
            pass  # the request that needs it will try again and say so
        finally:
            self._spares_coming -= 1

    def _dispatch(self, exchange: Exchange, last: Connection | None) -> None:
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
        self._spawn(self._connect_and_send(exchange))

    async def _connect_and_send(self, exchange: Exchange) -> None:
        self._recording.reconnects += 1
        try:
            connection = await self._connect()
        except OSError:
            exchange.sent_ns = exchange.sent_ns or monotonic_ns()
            exchange.ended_ns = monotonic_ns()
            exchange.failure = "refused"
            self._record(None, exchange)
            return
        if self._finished.is_set():
            connection.abort("cancelled")
        else:
            self._transmit(connection, exchange)

    # Requests

    def _exchange(self, intended_ns: int) -> Exchange:
        input_tokens, output_tokens = self._prompts.size(self._sent)
        exchange = Exchange(
            index=self._sent,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            shared_tokens=self._prompts.shared(self._sent),
            intended_ns=intended_ns,
        )
        self._sent += 1
        recording = self._recording
        if recording.start_ns and not recording.end_ns:
            self._measured_sent += 1
            self._measured_open += 1
            exchange.measured = True
            if self._measured_sent == self._stop.requests:
                recording.end_ns = intended_ns + 1
        return exchange

    def _transmit(self, connection: Connection, exchange: Exchange) -> None:
        self._running[connection] = exchange
        connection.send(exchange, self._prompts.request(exchange.index))
        if len(self._spare) + self._spares_coming < self._spares_wanted():
            self._spares_coming += 1
            self._spawn(self._open_spare())

    def _spares_wanted(self) -> int:
        return len(self._running) if self._one_shot else 0

    def _done(self, connection: Connection, exchange: Exchange) -> None:
        """Take an ended exchange from the wire; called in the hot path."""
        del self._running[connection]
        dropped = exchange.failure in {"reset", "closed_early"} and not exchange.stamps
        if dropped and connection.served > 1 and not self._finished.is_set():
            # The server closed an idle connection just as we used it (keep-alive ran out):
            # any HTTP client sends again, and the time lost is counted from the first attempt.
            exchange.failure = ""
            self._notice_hang_up()
            self._spawn(self._connect_and_send(exchange))
            return
        self._record(connection, exchange)

    def _record(self, connection: Connection | None, exchange: Exchange) -> None:
        recording = self._recording
        recording.exchanges.append(exchange)
        self._ended.append(exchange)
        if len(self._ended) == 1:
            asyncio.get_running_loop().call_soon(self._tape_one)
        if exchange.measured:
            self._measured_open -= 1
        self._failed_in_a_row = self._failed_in_a_row + 1 if exchange.refused else 0
        if self._is_hopeless(exchange) and not self._finished.is_set():
            self._give_up()
        if recording.end_ns and not self._measured_open and not self._finished.is_set():
            recording.finish_ns = exchange.ended_ns
            recording.cpu_s = time.process_time() - self._cpu_start
            self._finished.set()
        if not self._finished.is_set():
            self._next(connection, exchange)

    def _is_hopeless(self, exchange: Exchange) -> bool:
        long = exchange.refused and exchange.retry_after_s > _LONGEST_REST_S
        return long or self._failed_in_a_row >= _MOST_IN_A_ROW

    def _give_up(self) -> None:
        """End the load; what has failed so far counts, ramp-up or not."""
        recording = self._recording
        recording.gave_up = True
        for exchange in recording.exchanges:
            exchange.measured = True
        if not recording.start_ns:
            self._start_window(min(exchange.intended_ns for exchange in recording.exchanges))
        recording.finish_ns = monotonic_ns()
        recording.end_ns = recording.end_ns or recording.finish_ns
        recording.cpu_s = time.process_time() - self._cpu_start
        self._finished.set()

    def _tape_one(self) -> None:
        """Put one ended exchange on the tape in each round of the loop, after what came in.

        The copy takes longer than all else: where hundreds of streams end together, doing it at
        once made the first tokens of their next requests wait 10 to 30 ms to be seen.
        """
        if self._ended:
            self._recording.tape.record(self._ended.popleft())
        if self._ended:
            asyncio.get_running_loop().call_soon(self._tape_one)

    def _next(self, connection: Connection | None, ended: Exchange) -> None:
        raise NotImplementedError

    # Phases

    def _start_window(self, at_ns: int) -> None:
        self._recording.start_ns = at_ns
        self._cpu_start = time.process_time()

    async def _until_finished(self) -> None:
        """Wait for the end of the load, looking after time limits and our own lateness."""
        loop = asyncio.get_running_loop()
        limit_ns = int(self._stop.request_limit_s * 1e9)
        while not self._finished.is_set():
            due = loop.time() + _WATCH_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), _WATCH_S)
                return
            recording = self._recording
            if recording.start_ns:
                recording.lag_ms.append(max(0.0, loop.time() - due) * 1e3)
            now = monotonic_ns()
            late = [c for c, e in self._running.items() if now - e.sent_ns > limit_ns]
            for connection in late:
                connection.abort("timeout")
            self._look_at_the_clock(now)
            if self._watch_call:
                self._watch_call(recording)

    def _look_at_the_clock(self, now_ns: int) -> None:
        """End the steady state when its time is over."""
        recording = self._recording
        if not recording.start_ns or recording.end_ns or not self._stop.duration_s:
            return
        if now_ns >= recording.start_ns + self._stop.duration_s * 1e9:
            recording.end_ns = now_ns
            if not self._measured_open:
                recording.finish_ns = now_ns
                recording.cpu_s = time.process_time() - self._cpu_start
                self._finished.set()

    async def _close(self) -> None:
        """Give up what still runs: sent after the steady state, to keep the load up."""
        if self._tasks:
            # A cancelled attempt to connect may leave its socket with the loop: let them end.
            _, slow = await asyncio.wait(self._tasks, timeout=_CLOSE_LIMIT_S)
            for task in slow:
                task.cancel()
        for connection in list(self._running):
            connection.abort("cancelled")
        for connection in list(self._open):
            self._drop(connection)
        await asyncio.sleep(0)  # the loop hangs up in its next round
        while self._ended:
            self._recording.tape.record(self._ended.popleft())
