"""Around every request: the address's limit, headers of safety, a line in the log, a count."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders

from results.service import addresses
from results.service.api import problems
from results.service.problem import Problem
from suites.base.printable import as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from results.service.api.service import Service

__all__ = ["Frame"]


@dataclass(slots=True)
class Frame:
    """ASGI around the application: one coroutine a request, no task of its own.

    Attributes:
        write_log: takes one JSON line a request: its id, the address it counts for, route,
            status, digest and key id, no more of anybody's.
    """

    app: ASGIApp
    service: Service
    write_log: Callable[[str], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, method = time.perf_counter(), 0, scope["method"]
        address, number = self._address(scope), uuid.uuid4().hex
        scope.setdefault("state", {})["address"] = address
        if method == "HEAD":  # as GET, less the body
            scope = {**scope, "method": "GET"}

        async def counted() -> Message:
            message = await receive()
            self._charge(address, message)
            return message

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = number
                for name, value in problems.SAFETY.items():  # a page has a policy of its own
                    headers.setdefault(name, value)
                if scope["method"] == "GET" and not scope["path"].startswith("/admin"):
                    headers["Access-Control-Allow-Origin"] = "*"
            elif method == "HEAD":
                message = {**message, "body": b""}
            self._charge(address, message)
            await send(message)

        try:
            problems.limit(self.service.addresses, address)
            await self.app(scope, counted, framed)
        except Problem as error:
            scope.setdefault("state", {})["problem"] = error.name
            await problems.answer(error)(scope, receive, framed)
        finally:
            about = {"id": number, "client": address, "method": method}
            self._note(scope, about, status, time.perf_counter() - started)

    def _address(self, scope: Scope) -> str:
        """Whose limits count for a request."""
        peer = (scope["client"] or ("",))[0]
        trusted = self.service.limits.trusted
        if trusted:
            forwarded = Headers(scope=scope).getlist("x-forwarded-for")
            peer = addresses.client(peer, forwarded, trusted)
        return addresses.group(peer)

    def _charge(self, address: str, message: Message) -> None:
        size = len(message.get("body", b""))
        if size:
            self.service.addresses.bytes.charge(address, size, time.monotonic())

    def _note(self, scope: Scope, about: dict[str, str], status: int, taken_s: float) -> None:
        route, state = getattr(scope.get("route"), "path", ""), scope.get("state", {})
        self.service.answered[about["method"], route, status] += 1
        if problem := state.get("problem"):
            self.service.refused[problem] += 1
        self.service.broken.update(state.get("rules", ()))
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **about,
            "route": route,
            "status": status,
            "ms": round(taken_s * 1e3, 1),
            **({"problem": problem} if problem else {}),
            **state.get("about", {}),
        }
        self.write_log(as_json(line))
