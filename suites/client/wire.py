"""The hot path: write a request, stamp what comes back, notice the end. Nothing is parsed here.

A stream is kept as it came off the wire, with the time of each read; `suites.client.stream`
reads it after the measured window.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from array import array
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import cycle
from time import monotonic_ns
from typing import TYPE_CHECKING, Self, SupportsIndex, cast

from suites.client.http_body import MalformedError, body_is_complete, read_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from suites.client.target import Target

__all__ = ["Connection", "Exchange", "Spares", "Tape", "connect", "perhaps_endless"]

# How a chunked body ends, with trailers or without. Content can end like this by chance, so a match
# is then confirmed.
_ENDS = (b"\r\n\r\n", b"\n\n")
_SHORT = 5
# No answer takes more bytes, whatever it says beside each token. It is asked of those alone whose
# reads are large, or very many: whoever sends without end is read in pieces of 64 KiB and more.
_MOST_BYTES, _MOST_BYTES_A_TOKEN = 2**25, 2**14
_LARGE_READ, _MANY_READS = 4096, 2**17
# A kernel tries for more than two minutes.
_CONNECT_LIMIT_S = 30.0
# What is kept of an answer without end.
_KEPT_READS = 16
# Finished exchanges stay in memory up to so many bytes; beyond, a run takes disk. A read takes so
# many besides what it holds: its own head, its time, and a place for both.
_IN_MEMORY, _EACH_READ = 2**26, 80


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """One request and all that came back for it, times on the monotonic clock in ns.

    Attributes:
        index: position in the plan.
        input_tokens, output_tokens: as asked for.
        by_ids: the prompt is a list of token ids, and nothing is added to it.
        shared_tokens: of the prompt, those that an earlier request has as well.
        intended_ns: when it should have been sent; equal to `sent_ns` in a closed loop.
        sent_ns: when it was handed to the socket, 0 before that.
        stamps: time of each read.
        reads: what each read gave; empty once it is in the tape's file.
        sizes: length of each read, known once it is on the tape.
        tape_at: where in the tape's file it begins.
        ended_ns: when the response was complete or had failed, 0 before that.
        status: of the answer, 0 where none came.
        retry_after_s: how long a server that refused asks to be left alone.
        failure: name of what went wrong on the wire, "" if nothing did.
        no_answer: what came with status 200 is an error, a page for people, or nothing.
        measured: sent in the steady state.
        place: at which of the target's addresses, -1 where it was sent nowhere.
        sent_bytes: of the request.
        session, turn: which conversation of the load, -1 for none, and its turn from 1; 0 for one
            of a sub-agent's.
    """

    index: int
    input_tokens: int
    output_tokens: int
    by_ids: bool = False
    shared_tokens: int = 0
    intended_ns: int = 0
    sent_ns: int = 0
    stamps: list[int] | array[int] = field(default_factory=list)
    reads: list[bytes] = field(default_factory=list)
    sizes: Sequence[int] | None = None
    tape_at: int = 0
    ended_ns: int = 0
    status: int = 0
    retry_after_s: float = 0.0
    failure: str = ""
    no_answer: bool = False
    measured: bool = False
    place: int = -1
    sent_bytes: int = 0
    session: int = -1
    turn: int = 0

    @property
    def refused(self) -> bool:
        """Whether it failed on the wire, or was answered with an error or elsewhere."""
        return bool(self.failure) or self.status > 200 or self.no_answer


class Tape:
    """Finished exchanges, in memory at first, then in a nameless temporary file.

    A short load writes nothing while it is measured, and a long one needs little memory.
    """

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        """Make the file; so many bytes of memory are taken before it is used."""
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as we do
        self._end = 0
        self._room = in_memory

    def __del__(self) -> None:
        self._file.close()  # nameless: the data goes with it

    def keep(self, exchange: Exchange) -> bool:
        """Keep what was read in memory, if there is room: about 3 µs per request."""
        exchange.sizes = list(map(len, exchange.reads))
        taken = sum(exchange.sizes) + _EACH_READ * len(exchange.sizes)
        if taken > self._room:
            return False
        self._room -= taken
        return True

    def record(self, exchange: Exchange) -> None:
        """Keep what was read, or move it to the file: a copy and one write, about 15 µs."""
        if self.keep(exchange):
            return
        raw = b"".join(exchange.reads)
        exchange.sizes = array("I", exchange.sizes or ())
        exchange.stamps = array("q", exchange.stamps)
        exchange.reads = []
        exchange.tape_at = self._end
        self._file.write(raw)
        self._end += len(raw)

    def raw(self, exchange: Exchange) -> bytes:
        """Bytes of a recorded exchange."""
        if exchange.reads:
            return b"".join(exchange.reads)
        return os.pread(self._file.fileno(), sum(exchange.sizes or ()), exchange.tape_at)


@dataclass(frozen=True, slots=True)
class Balance:
    """Exchanges that were sent to each of a target's addresses, and those that have ended."""

    sent: list[int]
    ended: list[int]

    @classmethod
    def of(cls, addresses: int) -> Self:
        """Nothing was sent yet."""
        return cls([0] * addresses, [0] * addresses)

    def of_place(self, place: int) -> tuple[int, int]:
        """On their way to an address, and sent there in all."""
        return self.sent[place] - self.ended[place], self.sent[place]


class Connection(asyncio.Protocol):
    """One keep-alive connection carrying one exchange at a time."""

    __slots__ = (
        "_clock",
        "_done",
        "_exchange",
        "_fd",
        "_framing",
        "_hung_up",
        "_missing",
        "_reads",
        "_rename",
        "_stamps",
        "_weighed",
        "_weight",
        "balance",
        "closed",
        "place",
        "served",
        "transport",
    )

    def __init__(
        self,
        done: Callable[[Connection, Exchange], None],
        hung_up: Callable[[], None] = lambda: None,
        *,
        clock: Callable[[], int] = monotonic_ns,
    ) -> None:
        """Remember whom to tell: of an ended exchange, of a server that left between two."""
        self._done, self._hung_up, self._clock = done, hung_up, clock
        self._exchange: Exchange | None = None
        self._fd = -1
        self._framing = ""
        self._reads: list[bytes] = []
        self._stamps: list[int] | array[int] = []
        self._rename: tuple[bytes, bytes] | None = None
        self._weighed = self._weight = self._missing = 0
        self.closed = True
        self.served = 0
        self.place, self.balance = 0, Balance.of(1)
        self.transport: asyncio.Transport | None = None

    def goes_to(self, place: int, balance: Balance, rename: tuple[bytes, bytes]) -> None:
        """Say to which of several addresses it leads, by what name, and who keeps count."""
        self.place, self.balance, self._rename = place, balance, rename

    def send(self, exchange: Exchange, payload: bytes) -> None:
        """Start an exchange on an idle, open connection."""
        if self._rename:
            payload = payload.replace(*self._rename, 1)
        exchange.place, exchange.sent_bytes = self.place, len(payload)
        self.balance.sent[self.place] += 1
        self._exchange = exchange
        self._stamps, self._reads = exchange.stamps, exchange.reads
        self._framing = ""
        self._weighed = self._weight = self._missing = 0
        exchange.sent_ns = self._clock()
        if self.transport:
            self._write(self.transport, payload)

    def _write(self, transport: asyncio.Transport, payload: bytes) -> None:
        """Hand it to the kernel now, and to the loop only what does not fit.

        uvloop keeps what is written until it has served all that had come in: at hundreds of
        streams that end together a request would leave milliseconds after the time we noted.
        """
        taken = 0
        if self._fd >= 0 and not transport.is_closing():
            with suppress(OSError):  # full, or broken: the loop waits or says so
                taken = os.write(self._fd, payload)
        if taken < len(payload):
            transport.write(payload[taken:])

    def abort(self, failure: str) -> None:
        """Give the running exchange up under this name and drop the connection."""
        exchange = self._exchange
        self.closed = True
        if self.transport:
            self.transport.abort()
        if exchange:
            self._end(failure)

    def abort_if_endless(self) -> None:
        """Give the running exchange up where more came than any answer takes.

        To be called often; each read is weighed once.
        """
        exchange, reads = self._exchange, self._reads
        if not exchange:
            return
        self._weight += sum(map(len, reads[self._weighed :]))
        self._weighed = len(reads)
        if self._weight > _MOST_BYTES + _MOST_BYTES_A_TOKEN * exchange.output_tokens:
            del exchange.reads[_KEPT_READS:], exchange.stamps[_KEPT_READS:]
            self.abort("endless")

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.closed = False
        if transport.get_extra_info("ssl_object") is None:
            self._fd = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        self._stamps.append(self._clock())
        self._reads.append(data)
        # A complete tail in one read, one split over tiny reads, or a body that is not chunked.
        tail = data.endswith(_ENDS) or (len(data) < _SHORT and data.endswith(b"\n"))
        if tail or self._framing != "chunked":
            self._look_closer(tail=tail)

    def connection_lost(self, error: Exception | None) -> None:
        was_open, self.closed = not self.closed, True
        if self._exchange is None:
            if was_open and self.served:
                self._hung_up()
            return
        if error is not None:
            self._end("reset")
        elif self._framing == "until close":
            self._end("")
        else:
            self._end("closed_early")

    def _look_closer(self, *, tail: bool) -> None:
        if self._exchange is None:  # bytes nobody asked for; empty lines do no harm
            stray, self._stamps, self._reads = b"".join(self._reads), [], []
            if stray.strip(b"\r\n") and self.transport:
                self.transport.abort()
            return
        if not self._framing:
            self._read_head(self._exchange)
        elif self._framing == "length":
            self._missing -= len(self._reads[-1])
        if (self._framing == "chunked" and not tail) or self._missing > 0:
            return
        if self._framing and body_is_complete(self._reads, self._framing):
            if self.closed and self.transport:
                self.transport.close()
            self._end("")

    def _read_head(self, exchange: Exchange) -> None:
        raw = b"".join(self._reads)
        try:
            head = read_head(raw)
        except MalformedError:  # nothing more to wait for; reading it will say "garbage"
            self._framing, self.closed = "bodiless", True
            return
        if head is None:
            return
        self._framing = head.framing
        if self._framing == "length":
            self._missing = head.end + head.length - len(raw)
        # The server will hang up after this answer; the next request needs a new connection.
        self.closed = head.closes
        exchange.status, exchange.retry_after_s = head.status, head.retry_after_s

    def _end(self, failure: str) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        self.balance.ended[self.place] += 1
        exchange.ended_ns = self._clock()
        exchange.failure = failure
        self._reads, self._stamps, self._framing = [], [], ""
        self.served += 1
        self._done(self, exchange)


def perhaps_endless(running: Mapping[Connection, Exchange]) -> list[Connection]:
    """Those with answers of large reads, or very many: others cannot have brought too much."""
    return [
        connection
        for connection, exchange in running.items()
        if (reads := exchange.reads)
        if len(reads[-1]) >= _LARGE_READ or len(reads) >= _MANY_READS
    ]


async def connect(target: Target, connection: Connection) -> Connection:
    """Open a connection made for this, and return it.

    Raises:
        OSError: refused, unreachable, not resolvable, or not open in time.
    """
    if target.more:
        target = _next_address(target, connection)
    try:
        async with asyncio.timeout(_CONNECT_LIMIT_S):
            await asyncio.get_running_loop().create_connection(
                lambda: connection, target.host, target.port, ssl=target.tls
            )
    except TimeoutError:
        raise OSError(f"no connection within {_CONNECT_LIMIT_S:.0f} s") from None
    return connection


@lru_cache
def _balance(urls: tuple[str, ...]) -> tuple[Balance, Iterator[int]]:
    """What this process sent to each address, and whose turn it is to be connected to."""
    return Balance.of(len(urls)), cycle(range(len(urls)))


def _next_address(target: Target, connection: Connection) -> Target:
    """Lead a connection to the address whose turn it is."""
    balance, turns = _balance(target.urls)
    at = target.alone(place := next(turns))
    host, next_host = (f"\r\nHost: {side.authority}\r\n".encode() for side in (target, at))
    connection.goes_to(place, balance, (host, next_host))
    return at


class Spares(list[Connection]):
    """Idle connections; `pop` takes one to the address with the fewest exchanges on their way."""

    def pop(self, index: SupportsIndex = -1) -> Connection:
        """Take one; without an index to the address that has least to do, of equals had least."""
        if index == -1 and self and len(self[-1].balance.sent) > 1:
            # The last of those left, used last, is least likely to have been closed meanwhile.
            index = min(
                range(len(self)), key=lambda at: (*self[at].balance.of_place(self[at].place), -at)
            )
        return super().pop(index)
