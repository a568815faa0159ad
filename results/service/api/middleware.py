"""Around every request: the address's limit, headers of safety, a line in the log, a count."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.datastructures import MutableHeaders

from results.service.api import problems
from results.service.problem import Problem
from suites.base.printable import as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from results.service.api.service import Service

__all__ = ["Frame"]

_OPERATORS = {"/healthz", "/metrics"}  # asked by machines at their own pace


@dataclass(slots=True)
class Frame:
    """ASGI around the application: one coroutine a request, no task of its own.

    Attributes:
        write_log: takes one JSON line a request: route, status, digest and key id, no more of
            anybody's.
    """

    app: ASGIApp
    service: Service
    write_log: Callable[[str], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        reading = scope["method"] in {"GET", "HEAD"}

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(problems.SAFETY)
                if reading:
                    headers["Access-Control-Allow-Origin"] = "*"
            await send(message)

        try:
            if scope["path"] not in _OPERATORS:
                problems.limit(self.service.addresses, (scope["client"] or ("",))[0])
            await self.app(scope, receive, framed)
        except Problem as error:
            await problems.answer(error)(scope, receive, framed)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, taken_s: float) -> None:
        route = getattr(scope.get("route"), "path", "")
        self.service.answered[scope["method"], route, status] += 1
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(taken_s * 1e3, 1),
            **scope.get("state", {}).get("about", {}),
        }
        self.write_log(as_json(line))
