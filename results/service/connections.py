"""A listening server that cuts off who sends a request's head slowly or without end."""

from __future__ import annotations

import json
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from results.service.logs import LOGGING
from suites.base.errors import UserError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from starlette.types import ASGIApp

__all__ = ["guarded", "listen"]

_MOST_HEAD_BYTES = 64 * 1024
# An interpreter hands over between its threads every 5 ms unless told otherwise. The thread that
# commits gives way at every touch of the disk, some twenty times a batch, and would wait 5 ms
# each time behind the event loop: 100 ms of a batch that takes 10.
_HAND_OVER_S = 0.0002
_STOP_WITHIN_S = 30


def guarded(head_s: float, headers: Mapping[str, str]) -> type[HttpToolsProtocol]:
    """Return a protocol for Uvicorn.

    Args:
        head_s: time for the head of a request.
        headers: of answers to what is not even HTTP, which the application never sees.
    """

    class Guarded(_Guarded):
        within_s = head_s
        refusal_headers = headers

    return Guarded


def listen(app: ASGIApp, host: str, port: int, protocol: type[HttpToolsProtocol]) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish; one line on stdout when it listens.

    Args:
        port: 0 takes a free one.

    Raises:
        UserError: the address cannot be had.
    """
    sys.setswitchinterval(_HAND_OVER_S)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise UserError(f"cannot listen: {error.strerror}", where=f"{host}:{port}") from error
        shown = f"[{host}]" if ":" in host else host

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                print(f"listening on http://{shown}:{listener.getsockname()[1]}", flush=True)

        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            access_log=False,
            log_config=LOGGING,
            log_level="error",
            server_header=False,
            timeout_graceful_shutdown=_STOP_WITHIN_S,
        )
        # Uvicorn raises again what stopped it: SIGTERM must not end us before the store is settled.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Server(config).run(sockets=[listener])


class _Guarded(HttpToolsProtocol):
    """One connection. Uvicorn itself waits for a head for ever, however long it grows."""

    within_s: float
    refusal_headers: Mapping[str, str]
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._timer:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._timer and self._head_bytes > _MOST_HEAD_BYTES:
            self._refuse(431, "head-too-large", f"at most {_MOST_HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_done()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "not-http", msg)

    def _await_head(self) -> None:
        if not self._timer:
            self._timer = self.loop.call_later(self.within_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_is_done()
        if self.cycle and not self.cycle.response_complete:
            self._await_head()  # an earlier request of this connection gets its answer first
            return
        late = f"the head of the request took more than {self.within_s:g} s"
        self._refuse(408, "too-slow", late)

    def _head_is_done(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer, self._head_bytes = None, 0

    def _refuse(self, status: int, name: str, detail: str) -> None:
        self._head_is_done()
        if self.transport.is_closing():
            return
        problem: dict[str, Any] = {
            "type": f"urn:fenmark:problem:{name}",
            "title": name.replace("-", " "),
            "status": status,
            "detail": detail,
        }
        body = json.dumps(problem).encode()
        headers = {
            **self.refusal_headers,
            "Content-Type": "application/problem+json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self.transport.write(f"HTTP/1.1 {status} \r\n{lines}\r\n".encode() + body)
        self.transport.close()
