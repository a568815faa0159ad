"""Endpoints that bring results in: a challenge before the run, a submission after it."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse
from starlette.routing import Route

from results.service import parcel
from results.service.api.problems import PROBLEM, limit
from results.service.api.samples import parted
from results.service.api.signed import admit_writes
from results.service.problem import Problem
from results.statement import strict_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI, Request

    from results.service.api.service import Service
    from results.service.insert import Candidate
    from results.service.store import Stored

__all__ = ["add_writing", "read_body"]

# Media type of a body -> the most bytes of it.
_BODY_TYPES = {
    "application/json": strict_json.MAX_BYTES,
    "application/vnd.dsse.envelope.v1+json": strict_json.MAX_BYTES,
    "": strict_json.MAX_BYTES,
    parcel.KIND: parcel.MOST_BYTES,
}
# Bodies above an envelope's size that are in memory at once; most raw samples stay below it, so
# that those who send large ones slowly keep only each other waiting.
_LARGE_AT_ONCE = 16
_ANSWERS = {
    "200": "Known already: the receipt it got",
    "201": "Stored and logged, durably: the receipt",
}
_REFUSALS = {
    "400": "No envelope, or not a statement of a known version",
    "403": "No registered key verifies it",
    "408": "The body came too slowly",
    "409": "Its challenge was used by another result",
    "413": "Larger than 1 MiB, or than 12 MiB with raw samples",
    "415": "Not JSON, or encoded",
    "422": "A check refused it, or its raw samples do not give its figures",
    "429": "Too many at once, or more than its owner may bring today",
    "503": "Read-only for now; the database is locked or out of reach; or it is stored, and its "
    "receipt follows",
    "507": "The disk is full; nothing was stored",
}
_OBJECT = {"application/json": {"schema": {"type": "object"}}}
_BODIES = {**_OBJECT, parcel.KIND: {"schema": {"type": "object"}}}
_OPERATION = {
    "summary": "Submit a signed result",
    "operationId": "submit",
    "requestBody": {"required": True, "content": _BODIES},
    "responses": {
        **{code: {"description": text, "content": _OBJECT} for code, text in _ANSWERS.items()},
        **{
            code: {"description": text, "content": {PROBLEM: {}}}
            for code, text in _REFUSALS.items()
        },
    },
}


def add_writing(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""

    @app.get("/v1/challenge", summary="A nonce for a run about to begin")
    def challenge() -> JSONResponse:
        not_before = service.ledger.unverified().root.hex()
        nonce, expires = service.intake.challenges.issue(datetime.now(UTC), not_before)
        return JSONResponse(
            {
                "nonce": nonce,
                "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "not_before": not_before,
            },
            headers={"Cache-Control": "no-store"},
        )

    large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def submit(request: Request) -> JSONResponse:
        request.scope["route"] = route  # for the request log, as the framework's own routes do
        admit_writes(service)
        kind = _kind(request)
        async with AsyncExitStack() as held:
            body = await read_body(
                request,
                service.limits.body_s,
                _BODY_TYPES[kind],
                lambda: held.enter_async_context(large),
            )
            envelope, samples = parted(body, kind)
            loop = asyncio.get_running_loop()
            candidate = await loop.run_in_executor(
                service.judging, service.intake.judge, envelope, samples
            )
        request.state.about = {"digest": candidate.digest, "keyid": candidate.keyid}
        limit(service.keys, candidate.keyid)
        service.keys.bytes.charge(candidate.keyid, len(body), time.monotonic())
        # Shielded: who hangs up after the body was read still gets what was promised by asking
        # again.
        stored = await asyncio.shield(service.taker.take(candidate, len(body)))
        return _answer(service, stored, candidate)

    # The framework's reading of bodies and parameters has no part in this one, and would take a
    # quarter of its time: a plain route, described by hand.
    route = Route("/v1/submissions", submit, methods=["POST"])
    app.router.routes.insert(0, route)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        told = described()
        told["paths"]["/v1/submissions"] = {"post": _OPERATION}
        return told

    # When it is asked for: to describe the routes takes half as long as to make them.
    app.openapi = openapi  # type: ignore[method-assign]


def _answer(service: Service, stored: Stored, candidate: Candidate) -> JSONResponse:
    if stored.receipt is None:
        raise Problem(
            409,
            "nonce-used",
            "the challenge was used by another result",
            errors=[{"field": "predicate.run.nonce", "rule": "nonce"}],
        )
    if stored.new:
        service.outcomes[stored.outcome] += 1
        service.flagged.update(stored.receipt.flags)
    # Its outcome of then, not of now.
    receipt = {
        **stored.receipt.to_json(),
        "outcome": stored.outcome,
        "findings": stored.findings,
        "unchecked": candidate.unchecked,
    }
    return JSONResponse(
        receipt,
        status_code=201 if stored.new else 200,
        headers={"Location": f"/v1/submissions/{stored.receipt.digest}"},
    )


def _kind(request: Request) -> str:
    """Return the media type of the body."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "content-encoding", "send the envelope as it is, not encoded")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _BODY_TYPES:
        raise Problem(415, "content-type", f"expected {' or '.join(filter(None, _BODY_TYPES))}")
    return kind


async def read_body(
    request: Request,
    within_s: float,
    most: int,
    grow: Callable[[], Awaitable[None]] | None = None,
) -> bytes:
    """Read the body raw: a framework's models accept duplicate keys and stumble over NaN.

    Args:
        most: bytes it may hold.
        grow: waits until there is room for a body above an envelope's size.

    Raises:
        Problem: it is larger, or comes too slowly.
    """
    data = bytearray()
    room = strict_json.MAX_BYTES
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                data += chunk
                if len(data) > most:
                    raise Problem(413, "too-large", f"at most {most} bytes")
                if grow and len(data) > room:
                    await grow()
                    room = most
    except TimeoutError as error:
        raise Problem(408, "too-slow", f"the body took more than {within_s:g} s") from error
    return bytes(data)
