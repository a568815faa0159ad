"""Endpoints that bring results in: a challenge before the run, a submission after it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse
from starlette.routing import Route

from results.service.api.problems import PROBLEM, limit
from results.service.problem import Problem
from results.statement import strict_json

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

    from results.service.api.service import Service
    from results.service.store import Stored

__all__ = ["add_writing"]

_BODY_TYPES = {"application/json", "application/vnd.dsse.envelope.v1+json", ""}
_ANSWERS = {
    "200": "Known already: the receipt it got",
    "201": "Stored and logged, durably: the receipt",
}
_REFUSALS = {
    "400": "No envelope, or not a statement of a known version",
    "403": "No registered key verifies it",
    "408": "The body came too slowly",
    "409": "Its challenge was used by another result",
    "413": "Larger than 1 MiB",
    "415": "Not JSON, or encoded",
    "422": "A check refused it",
    "429": "Too many at once",
    "503": "The database is locked or out of reach; or it is stored, and its receipt follows",
    "507": "The disk is full; nothing was stored",
}
_OBJECT = {"application/json": {"schema": {"type": "object"}}}
_OPERATION = {
    "summary": "Submit a signed result",
    "operationId": "submit",
    "requestBody": {"required": True, "content": _OBJECT},
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

    async def submit(request: Request) -> JSONResponse:
        request.scope["route"] = route  # for the request log, as the framework's own routes do
        body = await _body(request, service.limits.body_s)
        loop = asyncio.get_running_loop()
        candidate = await loop.run_in_executor(service.judging, service.intake.judge, body)
        request.state.about = {"digest": candidate.digest, "keyid": candidate.keyid}
        limit(service.keys, candidate.keyid)
        service.keys.bytes.charge(candidate.keyid, len(body), time.monotonic())
        # Shielded: who hangs up after the body was read still gets what was promised by asking
        # again.
        stored = await asyncio.shield(service.committer.commit(candidate))
        return _answer(service, stored)

    # The framework's reading of bodies and parameters has no part in this one, and would take a
    # quarter of its time: a plain route, described by hand.
    route = Route("/v1/submissions", submit, methods=["POST"])
    app.router.routes.insert(0, route)
    app.openapi()["paths"]["/v1/submissions"] = {"post": _OPERATION}


def _answer(service: Service, stored: Stored) -> JSONResponse:
    if stored.receipt is None:
        raise Problem(
            409,
            "nonce-used",
            "the challenge was used by another result",
            errors=[{"field": "predicate.run.nonce", "rule": "nonce"}],
        )
    if stored.new:
        service.outcomes[stored.outcome] += 1
    # Its outcome of then, not of now.
    receipt = {
        **stored.receipt.to_json(),
        "outcome": stored.outcome,
        "findings": stored.findings,
    }
    return JSONResponse(
        receipt,
        status_code=201 if stored.new else 200,
        headers={"Location": f"/v1/submissions/{stored.receipt.digest}"},
    )


async def _body(request: Request, within_s: float) -> bytes:
    """Read the body raw: a framework's models accept duplicate keys and stumble over NaN."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "content-encoding", "send the envelope as it is, not encoded")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _BODY_TYPES:
        raise Problem(415, "content-type", f"expected {' or '.join(filter(None, _BODY_TYPES))}")
    data = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                data += chunk
                if len(data) > strict_json.MAX_BYTES:
                    raise Problem(413, "too-large", f"at most {strict_json.MAX_BYTES} bytes")
    except TimeoutError as error:
        raise Problem(408, "too-slow", f"the body took more than {within_s:g} s") from error
    return bytes(data)
