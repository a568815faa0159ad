"""Problems as RFC 9457 has them, for whatever an endpoint or the framework refuses."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from results.service.faults import database_fault, disk_fault
from results.service.problem import Problem

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

    from results.service.limits import Quota

__all__ = ["PROBLEM", "SAFETY", "add_handlers", "answer", "limit"]

_LOG = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
# On every response, whatever its status.
SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def answer(error: Problem) -> JSONResponse:
    """Return a problem as a response."""
    headers = {"Cache-Control": "no-store"}
    for wait_s in (fault["retry_after_s"] for fault in error.errors if "retry_after_s" in fault):
        headers["Retry-After"] = str(int(wait_s) + 1)
    if error.status in {408, 413}:  # the rest of the body is not wanted
        headers["Connection"] = "close"
    return JSONResponse(
        error.to_json(), status_code=error.status, media_type=PROBLEM, headers=headers
    )


def limit(quota: Quota, name: str) -> None:
    """Count a request.

    Raises:
        Problem: the name has used up what it may ask or send.
    """
    wait_s = quota.admit(name, time.monotonic())
    if wait_s:
        raise Problem(
            429, "too-many-requests", "wait before the next one", errors=[{"retry_after_s": wait_s}]
        )


def _noted(request: Request, error: Problem) -> JSONResponse:
    """Answer, and let the server's log say with what."""
    request.state.problem = error.name
    if error.name == "refused":
        request.state.rules = {fault["rule"] for fault in error.errors}
    return answer(error)


def add_handlers(app: FastAPI) -> None:
    """Make the framework's own refusals problems too."""

    @app.exception_handler(Problem)
    def problem(request: Request, error: Problem) -> JSONResponse:
        return _noted(request, error)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        name = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
        response = _noted(request, Problem(error.status_code, name, str(error.detail)))
        response.headers.update(error.headers or {})
        if response.headers.get("Allow") == "GET":
            response.headers["Allow"] = "GET, HEAD"
        return response

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {
                "field": str(fault["loc"][-1]),
                "rule": str(fault["type"]),
                "detail": str(fault["msg"]),
            }
            for fault in error.errors()
        ]
        return _noted(
            request, Problem(400, "invalid", "a parameter is not as expected", errors=errors)
        )

    @app.exception_handler(ClientDisconnect)
    def gone(request: Request, _error: ClientDisconnect) -> JSONResponse:
        return _noted(request, Problem(400, "incomplete", "the body ended early"))

    @app.exception_handler(OperationalError)
    def database(request: Request, error: OperationalError) -> JSONResponse:
        _LOG.error("database: %s", error.orig)
        return _noted(request, database_fault(error))

    @app.exception_handler(OSError)
    def disk(request: Request, error: OSError) -> JSONResponse:
        fault = disk_fault(error)
        if fault is None:
            raise error
        _LOG.error("%s", error)
        return _noted(request, fault)

    @app.exception_handler(Exception)
    def bug(request: Request, _error: Exception) -> JSONResponse:
        return _noted(
            request, Problem(500, "internal", "the server failed; nothing was acknowledged")
        )
