"""A listening server that cuts off who sends or reads slowly, without end or not at all."""

from __future__ import annotations

import json
import resource
import signal
import socket
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from results.service.addresses import group, is_trusted
from results.service.crowd import Crowd
from results.service.logs import LOGGING
from results.service.problem import Problem
from suites.base.errors import UserError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping, Sequence

    from starlette.types import ASGIApp
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from results.service.limits import SenderLimits

__all__ = ["STOP_WITHIN_S", "bound", "configured", "for_long", "listen"]

_MOST_HEAD_BYTES = 64 * 1024
_MOST_PIPELINED = 16  # requests sent before the first of them was answered
# The application answers a slow body itself; who goes on sending is cut off so much later.
_GRACE_S = 1.0
# Files that are not connections: the database's, the log's, key files, the program's own.
_OTHER_FILES = 256
# An interpreter hands over between its threads every 5 ms unless told otherwise. The thread that
# commits gives way at every touch of the disk, some twenty times a batch, and would wait 5 ms
# each time behind the event loop: 100 ms of a batch that takes 10.
_HAND_OVER_S = 0.0002
STOP_WITHIN_S = 30


def configured(
    app: ASGIApp, limits: SenderLimits, headers: Mapping[str, str], **more: Any
) -> uvicorn.Config:
    """Configure Uvicorn: its own settings where they hold, a protocol where they do not.

    Its `limit_concurrency` counts idle connections and answers everybody with 503 while they
    last; its reading of `X-Forwarded-For` trusts 127.0.0.1 unasked.

    Args:
        headers: of answers to what never reaches the application.
        more: settings for `uvicorn.Config`.
    """

    class Guarded(_Guarded):
        allowed = limits
        refusal_headers = headers
        crowd = Crowd(limits.connections, limits.connections_of_address)

    return uvicorn.Config(
        app,
        http=Guarded,
        ws="none",
        timeout_keep_alive=limits.idle_s,
        proxy_headers=False,
        access_log=False,
        server_header=False,
        **more,
    )


@contextmanager
def bound(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """Give a socket to listen on, and its URL.

    Args:
        port: 0 takes a free one.

    Raises:
        UserError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise UserError(f"cannot listen: {error.strerror}", where=f"{host}:{port}") from error
        shown = f"[{host}]" if ":" in host else host
        yield listener, f"http://{shown}:{listener.getsockname()[1]}"


def for_long(
    app: ASGIApp, limits: SenderLimits, headers: Mapping[str, str], **more: Any
) -> uvicorn.Config:
    """Configure a server of a process of its own: its log, its files, its end. See `configured`."""
    sys.setswitchinterval(_HAND_OVER_S)
    # Uvicorn raises again what stopped it: SIGTERM must not end us before the store is settled.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return configured(
        app,
        replace(limits, connections=min(limits.connections, _most_connections())),
        headers,
        log_config=LOGGING,
        log_level="error",
        timeout_graceful_shutdown=STOP_WITHIN_S,
        **more,
    )


def listen(
    app: ASGIApp,
    listener: socket.socket,
    url: str,
    limits: SenderLimits,
    headers: Mapping[str, str],
) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish; one line on stdout when it listens.

    Args:
        url: where that is.
    """

    class AnnouncedServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"listening on {url}", flush=True)

    AnnouncedServer(for_long(app, limits, headers)).run(sockets=[listener])


def _most_connections() -> int:
    """Raise the limit of open files as far as it goes; return how many may be connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS states no hard limit, and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(soft - _OTHER_FILES, soft // 2)


class _Guarded(HttpToolsProtocol):
    """One connection. Uvicorn itself waits without end: for a head, a body, a slow reader."""

    allowed: SenderLimits
    refusal_headers: Mapping[str, str]
    crowd: Crowd
    _head_bytes = 0
    _in_head = _in_body = False
    _arriving: asyncio.TimerHandle | None = None  # the head, then the body
    _leaving: asyncio.TimerHandle | None = None  # an answer
    _under_way: Sequence[RequestResponseCycle] = ()  # requests of before the latest

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that all that is not taken has its time
        peer = self.client[0] if self.client else ""
        address = None if is_trusted(peer, self.allowed.trusted) else group(peer)
        status = self.crowd.enter(self, address)
        if status:
            self._refuse(status, "too-many-connections", "close some, or wait")
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for cycle in self._under_way:  # Uvicorn tells the latest alone that nobody reads its answer
            cycle.disconnected = not cycle.response_complete
            cycle.message_event.set()
        self.crowd.leave(self)
        self._has_arrived()
        self._has_left()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._in_body:
            self._await_head()
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > _MOST_HEAD_BYTES:
            self._refuse(431, "head-too-large", f"at most {_MOST_HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._has_arrived()
        before = (*self._under_way, self.cycle)
        self._under_way = [cycle for cycle in before if cycle and not cycle.response_complete]
        super().on_headers_complete()
        self._in_body = True
        self._arriving = self.loop.call_later(self.allowed.body_s + _GRACE_S, self.cut)
        if len(self.pipeline) > _MOST_PIPELINED:
            self.cut()

    def on_message_complete(self) -> None:
        self._has_arrived()
        if self.cycle.response_complete:  # before its body had come
            self._await_head()
        else:
            self.crowd.serves(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.crowd.awaits(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.crowd.awaits(self)
        if not self._leaving:
            self._leaving = self.loop.call_later(self.allowed.answer_s, self.cut)

    def resume_writing(self) -> None:
        self._has_left()
        super().resume_writing()
        if self.cycle and not self.cycle.response_complete:
            self.crowd.serves(self)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "not-http", msg)

    def cut(self) -> None:
        """End the connection at once, whatever was not sent."""
        self.transport.abort()

    def _await_head(self) -> None:
        if not self._in_head:
            self._in_head = True
            self._arriving = self.loop.call_later(self.allowed.head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._has_arrived()
        if self.cycle and not self.cycle.response_complete:
            self._await_head()  # an earlier request of this connection gets its answer first
            return
        late = f"the head of the request took more than {self.allowed.head_s:g} s"
        self._refuse(408, "too-slow", late)

    def _has_arrived(self) -> None:
        if self._arriving:
            self._arriving.cancel()
        self._arriving = None
        self._in_head = self._in_body = False
        self._head_bytes = 0

    def _has_left(self) -> None:
        if self._leaving:
            self._leaving.cancel()
        self._leaving = None

    def _refuse(self, status: int, name: str, detail: str) -> None:
        self._has_arrived()
        if self.transport.is_closing():
            return
        body = json.dumps(Problem(status, name, detail).to_json()).encode()
        headers = {
            **self.refusal_headers,
            "Content-Type": "application/problem+json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **({"Retry-After": "1"} if status in {429, 503} else {}),
        }
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self.transport.write(f"HTTP/1.1 {status} \r\n{lines}\r\n".encode() + body)
        self.transport.close()
