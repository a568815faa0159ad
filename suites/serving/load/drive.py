"""Drive an endpoint: a pace says when to send, what came back is recorded, and it ends in time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING, Protocol

from suites.client.recording import Recording
from suites.client.request import READ, answer_of
from suites.client.wire import Exchange, perhaps_endless
from suites.serving.load.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.client.recording import Stop
    from suites.client.target import Target
    from suites.client.wire import Connection

__all__ = ["Drive", "Pace", "Requests"]

# How often requests are looked at for having taken too long, and the loop for being late.
_WATCH_S = 0.1
# So many failures in a row, and the endpoint is left alone.
_MOST_IN_A_ROW = 10
# An answer of so few reads and bytes may be none, and is looked at at once: whoever says "200" and
# an error would be asked again as fast as it says so. Vectors and scores of more bytes are some.
_FEW_READS, _FEW_BYTES, _FEW_BYTES_POOLED = 8, 2**16, 2**11
# Nor is one waited for that wants to be left alone for longer.
_LONGEST_REST_S = 60.0


class Requests(Protocol):
    """What is sent, by its place in the order of sending."""

    def size(self, index: int) -> tuple[int, int]:
        """Input and output tokens."""

    def shared(self, index: int) -> int:
        """Tokens of the prompt that earlier requests had at its start."""

    def request(self, index: int) -> bytes:
        """Every byte of it."""


class Pace(Protocol):
    """When requests are sent.

    Attributes:
        connections: to open before the first request.
        spares: idle ones to keep open.
    """

    connections: int
    spares: int

    def begin(self, drive: Drive) -> None:
        """Send, or plan to send, the first requests."""

    def ended(self, connection: Connection | None, exchange: Exchange) -> None:
        """Decide what follows an exchange; not called once the load is over."""

    def stop(self) -> None:
        """Send nothing more."""


class Drive:
    """One load on a target: its connections, its record, and the watch over both.

    Attributes:
        stop: when it ends.
        recording: what it gave so far.
        sent: requests so far.
        failed_in_a_row: of the last ones to end.
    """

    def __init__(
        self,
        target: Target,
        requests: Requests,
        stop: Stop,
        pace: Pace,
        *,
        watch: Callable[[Recording], None] | None = None,
        apart: Callable[[int], bool] = lambda _: False,
    ) -> None:
        """Describe the load.

        Args:
            watch: called ten times a second for a live view.
            apart: whether a request, by its place, is load and never measured.
        """
        self.stop = stop
        self.recording = Recording()
        self.sent = 0
        self.failed_in_a_row = 0
        self._requests, self._pace, self._watch = requests, pace, watch
        self._by_ids = not target.vocabulary.is_text
        self._few_bytes = _FEW_BYTES_POOLED if target.pooled else _FEW_BYTES
        self._apart = apart
        self._connections = Connections(
            target,
            payload=lambda exchange: requests.request(exchange.index),
            done=self._record,
            spares=pace.spares,
        )
        self._over = asyncio.Event()
        self._ended: deque[Exchange] = deque()  # not in the tape's file yet
        self._due: deque[Callable[[], None]] = deque()
        self._did_one = False
        self._measured_sent = 0
        self._measured_open = 0
        self._cpu_start = 0.0

    async def run(self) -> Recording:
        """Run to the end.

        Raises:
            UserError: the endpoint cannot be reached at all.
        """
        await self._connections.open(self._pace.connections)
        self._pace.begin(self)
        try:
            await self._until_over()
        finally:
            self._pace.stop()
            await self._connections.close()
            while self._ended:
                self.recording.tape.record(self._ended.popleft())
            self.recording.reconnects = self._connections.reconnects
        return self.recording

    # What a pace does

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    @property
    def is_steady(self) -> bool:
        """Whether what is sent now is measured."""
        return bool(self.recording.start_ns and not self.recording.end_ns)

    def exchange(self, intended_ns: int, *, measured: bool | None = None) -> Exchange:
        """Make the next request; it is measured if it falls into the steady state, or as said."""
        input_tokens, output_tokens = self._requests.size(self.sent)
        exchange = Exchange(
            index=self.sent,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            by_ids=self._by_ids,
            shared_tokens=self._requests.shared(self.sent),
            intended_ns=intended_ns,
        )
        apart = self._apart(self.sent)
        self.sent += 1
        if (self.is_steady if measured is None else measured) and not apart:
            self._measured_sent += 1
            self._measured_open += 1
            exchange.measured = True
            if self._measured_sent >= self.stop.requests > 0 and self.is_steady:
                self.recording.end_ns = intended_ns + 1
        return exchange

    def hold(self) -> None:
        """Something measured goes on, besides requests: the load is not over before `release`."""
        self._measured_open += 1

    def release(self) -> None:
        """What was held has ended."""
        self._measured_open -= 1
        if self.recording.end_ns and not self._measured_open and not self.is_over:
            self._finish(monotonic_ns())

    def send(self, exchange: Exchange, last: Connection | None = None) -> None:
        """Send it, on the connection just used if there is one."""
        self._connections.send(exchange, last)

    def put_back(self, connection: Connection | None) -> None:
        """Keep a connection for a later request."""
        self._connections.put_back(connection)

    def begin_steady_state(self, at_ns: int) -> None:
        """Measure what is sent from now on."""
        self.recording.start_ns = at_ns
        self._cpu_start = time.process_time()

    def after(self, rest_s: float, then: Callable[[], None]) -> None:
        """Do something so much later, unless the load is over by then."""
        self._connections.spawn(self._rest(rest_s, then))

    def soon(self, then: Callable[[], None]) -> None:
        """Do something now, or if that was done in this round of the loop, in one of the next.

        Sending takes longer than reading: where hundreds of streams end together, sending their
        next requests at once made first tokens that had come wait 5 to 20 ms to be seen.
        """
        if self._did_one:
            self._due.append(then)
            return
        self._did_one = True
        asyncio.get_running_loop().call_soon(self._do_one)
        then()

    def _do_one(self) -> None:
        if not self._due or self.is_over:
            self._did_one = False
            return
        asyncio.get_running_loop().call_soon(self._do_one)
        self._due.popleft()()

    async def _rest(self, rest_s: float, then: Callable[[], None]) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), rest_s)
        if not self.is_over:
            then()

    # What comes back

    def _record(self, connection: Connection | None, exchange: Exchange) -> None:
        recording = self.recording
        recording.exchanges.append(exchange)
        if not recording.tape.keep(exchange):
            self._ended.append(exchange)
            if len(self._ended) == 1:
                asyncio.get_running_loop().call_soon(self._tape_one)
        if exchange.measured:
            self._measured_open -= 1
        if len(exchange.stamps) <= _FEW_READS and not exchange.refused:
            exchange.no_answer = self._is_no_answer(exchange)
        self.failed_in_a_row = self.failed_in_a_row + 1 if exchange.refused else 0
        if self.is_over:
            return
        if self._is_hopeless(exchange):
            self._give_up()
        elif recording.end_ns and not self._measured_open:
            self._finish(exchange.ended_ns)
        else:
            self._pace.ended(connection, exchange)

    def _is_no_answer(self, exchange: Exchange) -> bool:
        if sum(exchange.sizes or ()) > self._few_bytes:
            return False
        return answer_of(self.recording.tape, exchange).failure not in READ

    def _is_hopeless(self, exchange: Exchange) -> bool:
        long = exchange.refused and exchange.retry_after_s > _LONGEST_REST_S
        return long or self.failed_in_a_row >= _MOST_IN_A_ROW

    def _give_up(self) -> None:
        """End the load; what has failed so far counts, ramp-up or not."""
        recording = self.recording
        recording.gave_up = True
        for exchange in recording.exchanges:
            exchange.measured = True
        if not recording.start_ns:
            first_ns = min(exchange.intended_ns for exchange in recording.exchanges)
            self.begin_steady_state(first_ns)
        now_ns = monotonic_ns()
        recording.end_ns = recording.end_ns or now_ns
        self._finish(now_ns)

    def _finish(self, at_ns: int) -> None:
        self.recording.finish_ns = at_ns
        self.recording.cpu_s = time.process_time() - self._cpu_start
        self._connections.closing = True
        self._over.set()

    def _tape_one(self) -> None:
        """Write one ended exchange to the file in each round of the loop, after what came in.

        The copy takes longer than all else: where hundreds of streams end together, doing it at
        once made the first tokens of their next requests wait 10 to 30 ms to be seen.
        """
        if self._ended:
            self.recording.tape.record(self._ended.popleft())
        if self._ended:
            asyncio.get_running_loop().call_soon(self._tape_one)

    # The watch

    async def _until_over(self) -> None:
        """Wait for the end of the load, looking after time limits and our own lateness."""
        loop = asyncio.get_running_loop()
        limit_ns = int(self.stop.request_limit_s * 1e9)
        while not self.is_over:
            due = loop.time() + _WATCH_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _WATCH_S)
                return
            recording = self.recording
            if recording.start_ns:
                recording.lag_ms.append(max(0.0, loop.time() - due) * 1e3)
            now = monotonic_ns()
            running = self._connections.running.items()
            late = [c for c, exchange in running if now - exchange.sent_ns > limit_ns]
            for connection in late:
                connection.abort("timeout")
            for connection in perhaps_endless(self._connections.running):
                connection.abort_if_endless()
            self._look_at_the_clock(now)
            if self._watch:
                self._watch(recording)

    def _look_at_the_clock(self, now_ns: int) -> None:
        """End the steady state when its time is over and anything was measured."""
        recording = self.recording
        if not self.is_steady or not self.stop.duration_s or not self._measured_sent:
            return
        if now_ns >= recording.start_ns + self.stop.duration_s * 1e9:
            recording.end_ns = now_ns
            if not self._measured_open:
                self._finish(now_ns)
