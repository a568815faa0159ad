"""Serve a behaviour to any client, over a socket: the truth beside what peers say of it.

Every request is answered alike, at the behaviour's times from its arrival on, and noted.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suites.serving.bench.behaviours import Behaviour

__all__ = ["Misbehaving", "Served", "misbehaving"]

_LINGER_RESET = struct.pack("ii", 1, 0)
_LONGEST_HEAD = 2**16


@dataclass(slots=True, kw_only=True)
class Served:
    """One request as it was answered; times on the monotonic clock in ns.

    Attributes:
        arrived_ns: its last byte was here.
        sent_ns: each of the behaviour's pieces was handed to the kernel.
    """

    arrived_ns: int
    sent_ns: list[int] = field(default_factory=list)


class Misbehaving(socketserver.ThreadingTCPServer):
    """A server on the loopback.

    Attributes:
        behaviour: what it does.
        pace: its times are multiplied by this.
        log: what it did, in order of arrival.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, behaviour: Behaviour, *, pace: float = 1.0) -> None:
        """Listen; `serve_forever` answers."""
        super().__init__(("127.0.0.1", 0), _Answer)
        self.behaviour, self.pace = behaviour, pace
        self.log: list[Served] = []

    @property
    def url(self) -> str:
        """Base address for clients."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def misbehaving(behaviour: Behaviour, *, pace: float = 1.0) -> Iterator[Misbehaving]:
    """Serve from a thread until the context ends."""
    with Misbehaving(behaviour, pace=pace) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Answer(socketserver.BaseRequestHandler):
    request: socket.socket
    server: Misbehaving

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            while self._asked() and self._answered():
                pass

    def _asked(self) -> bool:
        """Read one request; False where the client has left."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.request.recv(_LONGEST_HEAD)
            if not piece or len(data) > _LONGEST_HEAD:
                return False
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
        left = next((int(value) for name, _, value in lines if name == b"content-length"), 0)
        left -= len(body)
        while left > 0:
            piece = self.request.recv(min(left, _LONGEST_HEAD))
            if not piece:
                return False
            left -= len(piece)
        return True

    def _answered(self) -> bool:
        """Answer as the behaviour does; whether another request may come."""
        behaviour, served = self.server.behaviour, Served(arrived_ns=time.monotonic_ns())
        self.server.log.append(served)
        for ms, data in behaviour.sent:
            due_ns = served.arrived_ns + ms * 1e6 * self.server.pace
            time.sleep(max(0.0, due_ns - time.monotonic_ns()) / 1e9)
            self.request.sendall(data)
            served.sent_ns.append(time.monotonic_ns())
        if behaviour.then == "reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        return behaviour.then == "keep"
