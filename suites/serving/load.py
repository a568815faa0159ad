"""Drive an endpoint: keep connections open, send when it is time, hand back what was recorded."""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, TypeVar

from suites.errors import UserError
from suites.serving.alarm import Alarm
from suites.serving.wire import Connection, Exchange, Tape, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from suites.serving.prompts import Conversations, Prompts
    from suites.serving.target import Target
    from suites.serving.trace import Turn

__all__ = ["Closed", "Open", "Recording", "Replay", "Stop", "no_collection", "run_loop"]

T = TypeVar("T")

# What a runner sends to a cell it no longer wants.
_STOP = signal.SIGTERM
# How often requests are looked at for having taken too long, and the loop for being late.
_WATCH_S = 0.1
# After a failure a stream waits, or an endpoint that answers 429 at once would be hammered.
_AFTER_FAILURE_S = 0.1
# Connections being opened when all is over may take this long.
_CLOSE_LIMIT_S = 2.0
# Open loop: this share of the measured requests or time comes before them as ramp-up.
_RAMP_SHARE = 0.1
# Connections kept ready beyond those the rate asks for.
_LEAST_SPARES = 4
# From the first connections being open to the first due time.
_HEAD_START_NS = 20_000_000
# No further request is due.
_NEVER_NS = 1 << 62
# Connections opened at once: below the usual listen backlog of 128.
_OPEN_TOGETHER = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When a load ends.

    Attributes:
        requests: measured requests, 0 for no such limit.
        duration_s: length of the steady state, 0 for no such limit.
        request_limit_s: after this long a request has failed by "timeout".
    """

    requests: int = 0
    duration_s: float = 0.0
    request_limit_s: float = 600.0


@dataclass(slots=True, kw_only=True)
class Recording:
    """What one load gave.

    Attributes:
        tape: the bytes of all finished exchanges.
        exchanges: all that were sent, ramp-up and drain included, in order of their end.
        start_ns, end_ns: requests sent (open loop: meant to be sent) in here are measured.
        finish_ns: when the last measured one had ended; the load was kept up until then.
        cpu_s: processor time of this process from start to finish.
        lag_ms: how late the loop served its own timer.
        reconnects: requests that had to wait for a connection to be opened.
    """

    tape: Tape = field(default_factory=Tape)
    exchanges: list[Exchange] = field(default_factory=list)
    start_ns: int = 0
    end_ns: int = 0
    finish_ns: int = 0
    cpu_s: float = 0.0
    lag_ms: list[float] = field(default_factory=list)
    reconnects: int = 0

    def measured(self) -> list[Exchange]:
        """Requests of the steady state."""
        return [exchange for exchange in self.exchanges if exchange.measured]


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
    with no_collection(), asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_stoppable(main))


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
        gc.enable()
        gc.unfreeze()


class _Load:
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
        self._spare: list[Connection] = []
        self._spares_coming = 0
        self._one_shot = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished = asyncio.Event()
        self._ended: deque[Exchange] = deque()  # not on the tape yet
        self._sent = 0
        self._measured_sent = 0
        self._measured_open = 0
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
        if recording.end_ns and not self._measured_open and not self._finished.is_set():
            recording.finish_ns = exchange.ended_ns
            recording.cpu_s = time.process_time() - self._cpu_start
            self._finished.set()
        if not self._finished.is_set():
            self._next(connection, exchange)

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


class Closed(_Load):
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
        if ended.failure:
            self._spawn(self._later(connection))
        else:
            self._go(connection)

    def _go(self, connection: Connection | None) -> None:
        self._dispatch(self._exchange(monotonic_ns()), connection)

    async def _later(self, connection: Connection | None) -> None:
        await asyncio.sleep(_AFTER_FAILURE_S)
        if not self._finished.is_set():
            self._go(connection)


class Open(_Load):
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
        self._spare = await self._open_first(self._spares_wanted())
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
