"""The submission API: challenges, submissions with receipts, the log, what is in it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from results import strict_json
from results.committer import Committer
from results.cosigning import Cosigning
from results.identity import runner_toml
from results.intake import Intake, Problem
from results.limits import Buckets
from results.store import Filters
from suites.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from securesystemslib.signer import Key

    from results.store import Store, Stored
    from results.tables import Submission

__all__ = ["Limits", "create_app"]

_BODY_TYPES = {"application/json", "application/vnd.dsse.envelope.v1+json", ""}
_PROBLEM = "application/problem+json"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"  # keep it, but ask whether it still holds
# C2SP tlog-tiles: level or "entries", then a number in groups of three, then perhaps a width.
_TILE = re.compile(r"(?:[0-5]?[0-9]|entries)(?:/x\d{3}){0,6}/\d{3}(?:\.p/[1-9]\d{0,2})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_DIGITS = r"^(0|[1-9]\d{0,8})$"  # a log of a billion entries is another program's job


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sender may do.

    Attributes:
        body_s: time for the whole body of a submission.
        per_minute, burst: requests of one address, and submissions of one key; 0 limits nothing.
    """

    body_s: float = 30.0
    per_minute: float = 6000.0
    burst: int = 6000


@dataclass(slots=True, kw_only=True)
class _Service:
    """What the endpoints share."""

    store: Store
    intake: Intake
    log_key: Key
    limits: Limits
    committer: Committer
    addresses: Buckets
    keys: Buckets
    # One thread: judging holds the interpreter's lock, so that more would only take turns and
    # keep the event loop from it.
    judging: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    answered: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)


def create_app(
    intake: Intake,
    log_key: Key,
    *,
    limits: Limits | None = None,
    write_log: Callable[[str], None] = print,
    witnesses: Sequence[str] = (),
) -> FastAPI:
    """Build the application over an open store.

    Args:
        intake: judges what comes in; its store takes what passes.
        log_key: public key of the log, given to who asks.
        write_log: takes one JSON line a request: route, status, digest and key id, no more of
            anybody's.
        witnesses: URLs to ask for cosignatures.
    """
    given = limits or Limits()
    service = _Service(
        store=intake.store,
        intake=intake,
        log_key=log_key,
        limits=given,
        committer=Committer(intake.store),
        addresses=Buckets(given.per_minute, given.burst),
        keys=Buckets(given.per_minute, given.burst),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        committing = asyncio.create_task(service.committer.run())
        cosigning = Cosigning(ledger=intake.store.ledger, witnesses=witnesses)
        asking = asyncio.create_task(cosigning.run()) if witnesses else None
        yield
        if asking:
            asking.cancel()
        await service.committer.stop()
        await committing

    app = FastAPI(
        title="Fenmark submission API",
        version="1",
        summary="Signed results in, receipts out, the log for everybody.",
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from another host
        redoc_url=None,
    )
    _add_errors(app)
    _add_writing(app, service)
    _add_reading(app, service)
    _add_notes(app, service)
    _add_proofs(app, service)
    _add_operation(app, service)
    _add_frame(app, service, write_log)
    return app


def _add_writing(app: FastAPI, service: _Service) -> None:
    @app.get("/v1/challenge", summary="A nonce for a run about to begin")
    def challenge() -> JSONResponse:
        not_before = service.store.ledger.unverified().root.hex()
        nonce, expires = service.intake.challenges.issue(datetime.now(UTC), not_before)
        return JSONResponse(
            {
                "nonce": nonce,
                "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "not_before": not_before,
            },
            headers={"Cache-Control": "no-store"},
        )

    @app.post(
        "/v1/submissions",
        status_code=201,
        summary="Submit a signed result",
        responses={
            200: {"description": "Known already: the receipt it got"},
            201: {"description": "Stored and logged, durably: the receipt"},
            **{
                status: {"description": text, "content": {_PROBLEM: {}}}
                for status, text in {
                    400: "No envelope, or not a statement of version 1",
                    403: "No registered key verifies it",
                    408: "The body came too slowly",
                    409: "Its challenge was used by another result",
                    413: "Larger than 1 MiB",
                    415: "Not JSON, or encoded",
                    422: "A check refused it",
                    429: "Too many at once",
                }.items()
            },
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    )
    async def submit(request: Request) -> JSONResponse:
        body = await _body(request, service.limits.body_s)
        loop = asyncio.get_running_loop()
        candidate = await loop.run_in_executor(service.judging, service.intake.judge, body)
        request.state.about = {"digest": candidate.digest, "keyid": candidate.keyid}
        _limit(service.keys, candidate.keyid)
        # Shielded: who hangs up after the body was read still gets what was promised by asking
        # again.
        stored = await asyncio.shield(service.committer.commit(candidate))
        return _answer(service, stored)


def _answer(service: _Service, stored: Stored) -> JSONResponse:
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


def _add_reading(app: FastAPI, service: _Service) -> None:
    @app.get("/v1/submissions/{digest}", summary="A result's receipt and what was found")
    def submission(request: Request, digest: str) -> Response:
        found = _found(service.store, digest)
        receipt = service.store.receipt(found).to_json()
        return _cached(request, {**receipt, **_judgement(found), **_facts(found)}, _ASK_AGAIN)

    @app.get("/v1/submissions/{digest}/envelope", summary="The envelope, byte for byte")
    def envelope_of(request: Request, digest: str) -> Response:
        found = _found(service.store, digest)
        return _cached(request, found.envelope, _FOR_EVER, "application/json")

    @app.get("/v1/results", summary="Results in order of the log, a page at a time")
    def results(
        request: Request,
        *,
        chip: Annotated[str | None, Query(max_length=256)] = None,
        runner: Annotated[str | None, Query(max_length=64)] = None,
        profile: Annotated[str | None, Query(max_length=16)] = None,
        outcome: Annotated[str | None, Query(max_length=16)] = None,
        cursor: Annotated[str, Query(pattern=_DIGITS)] = "0",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        filters = Filters(
            chip=_text(chip), runner=_text(runner), profile=_text(profile), outcome=_text(outcome)
        )
        rows = service.store.page(filters, int(cursor) - 1, limit + 1)
        page = rows[:limit]
        following = str(page[-1].at + 1) if len(rows) > limit else None
        listed = [
            {"digest": row.digest, "index": row.at, **_judgement(row), **_facts(row)}
            for row in page
        ]
        return _cached(request, {"results": listed, "next": following}, _ASK_AGAIN)


def _add_notes(app: FastAPI, service: _Service) -> None:
    ledger = service.store.ledger

    @app.get("/v1/checkpoint", summary="What the log commits to: a signed note")
    def checkpoint(request: Request) -> Response:
        if not ledger.exists():
            raise Problem(404, "not-found", "the log is empty")
        return _cached(request, ledger.checkpoint_file.read_bytes(), _ASK_AGAIN, "text/plain")

    @app.get("/v1/cosigned", summary="The latest checkpoint that witnesses cosigned")
    def cosigned(request: Request) -> Response:
        place = ledger.home / "cosigned"
        if not place.is_file():
            raise Problem(404, "not-found", "no witness has cosigned this log")
        return _cached(request, place.read_bytes(), _ASK_AGAIN, "text/plain")

    @app.get("/v1/key", summary="The log's public key, as a key file")
    def key(request: Request) -> Response:
        text = runner_toml(service.log_key, owner="log").encode()
        return _cached(request, text, _ASK_AGAIN, "application/toml")


def _add_proofs(app: FastAPI, service: _Service) -> None:
    ledger = service.store.ledger

    @app.get("/v1/consistency/{earlier}", summary="Proof that the log extends an earlier one")
    def consistency(
        earlier: str,
        to: Annotated[
            str | None, Query(pattern=_DIGITS, description="size of a later checkpoint")
        ] = None,
    ) -> JSONResponse:
        head = ledger.unverified().size
        size = head if to is None else int(to)
        if not re.fullmatch(_DIGITS, earlier) or not 1 <= int(earlier) <= size <= head:
            raise Problem(404, "not-found", f"expected sizes from 1 to {head}, in order")
        try:
            proof = ledger.prove_consistency(int(earlier), size)
        except CheckError as error:
            raise Problem(404, "not-found", f"no checkpoint had {size} entries") from error
        return JSONResponse({"size": size, "proof": [item.hex() for item in proof]})

    @app.get("/v1/tile/{path:path}", summary="A tile or a bundle of entries (C2SP tlog-tiles)")
    def tile(request: Request, path: str) -> Response:
        place = ledger.home / "tile" / path
        if not _TILE.fullmatch(path) or not place.is_file():
            raise Problem(404, "not-found", "the log has no such tile")
        return _cached(request, place.read_bytes(), _FOR_EVER, "application/octet-stream")


def _add_operation(app: FastAPI, service: _Service) -> None:
    @app.get("/healthz", summary="Whether the database answers")
    def healthz() -> JSONResponse:
        service.store.ready()
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    @app.get("/metrics", summary="Counters for Prometheus")
    def metrics() -> Response:
        return Response("".join(_metrics(service)), media_type="text/plain; version=0.0.4")


def _metrics(service: _Service) -> list[str]:
    lines = ["# TYPE fenmark_requests_total counter\n"]
    for (method, route, status), number in sorted(service.answered.items()):
        labels = f'method="{method}",route="{route}",status="{status}"'
        lines.append(f"fenmark_requests_total{{{labels}}} {number}\n")
    lines.append("# TYPE fenmark_submissions_total counter\n")
    for outcome, number in sorted(service.outcomes.items()):
        lines.append(f'fenmark_submissions_total{{outcome="{outcome}"}} {number}\n')
    gauges = {
        "fenmark_log_entries": ("gauge", service.store.ledger.unverified().size),
        "fenmark_commits_total": ("counter", service.committer.batches),
        "fenmark_commit_seconds_total": ("counter", service.committer.seconds),
    }
    for name, (kind, value) in gauges.items():
        lines.append(f"# TYPE {name} {kind}\n{name} {value}\n")
    return lines


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    def problem(_: Request, error: Problem) -> JSONResponse:
        return _problem(error)

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:
        name = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
        answer = _problem(Problem(error.status_code, name, str(error.detail)))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"field": str(one["loc"][-1]), "rule": str(one["type"]), "detail": str(one["msg"])}
            for one in error.errors()
        ]
        return _problem(Problem(400, "invalid", "a parameter is not as expected", errors=errors))

    @app.exception_handler(Exception)
    def bug(_: Request, _error: Exception) -> JSONResponse:
        return _problem(Problem(500, "internal", "the server failed; nothing was acknowledged"))


def _add_frame(app: FastAPI, service: _Service, write_log: Callable[[str], None]) -> None:
    @app.middleware("http")
    async def frame(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        started = time.perf_counter()
        address = request.client.host if request.client else ""
        try:
            if request.url.path not in {"/healthz", "/metrics"}:
                _limit(service.addresses, address)
            response = await call_next(request)
        except Problem as error:
            response = _problem(error)
        response.headers.update(_HEADERS)
        if request.method in {"GET", "HEAD"}:
            response.headers["Access-Control-Allow-Origin"] = "*"
        route = getattr(request.scope.get("route"), "path", "")
        service.answered[request.method, route, response.status_code] += 1
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": request.method,
            "route": route,
            "status": response.status_code,
            "ms": round((time.perf_counter() - started) * 1e3, 1),
            **getattr(request.state, "about", {}),
        }
        write_log(json.dumps(line))
        return response


def _limit(buckets: Buckets, name: str) -> None:
    wait_s = buckets.take(name, time.monotonic())
    if wait_s:
        raise Problem(
            429, "too-many-requests", "wait before the next one", errors=[{"retry_after_s": wait_s}]
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


def _problem(error: Problem) -> JSONResponse:
    headers = {"Cache-Control": "no-store"}
    if error.status == 429:
        headers["Retry-After"] = str(int(error.errors[0]["retry_after_s"]) + 1)
    if error.status in {408, 413}:  # the rest of the body is not wanted
        headers["Connection"] = "close"
    return JSONResponse(
        error.to_json(), status_code=error.status, media_type=_PROBLEM, headers=headers
    )


def _cached(
    request: Request, content: dict[str, Any] | bytes, cache: str, kind: str = "application/json"
) -> Response:
    data = content if isinstance(content, bytes) else strict_json.canonical(content)
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": cache}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=kind, headers=headers)


def _found(store: Store, digest: str) -> Submission:
    found = store.find(digest) if _DIGEST.fullmatch(digest) else None
    if found is None:
        raise Problem(404, "not-found", "no result has this digest")
    return found


def _judgement(row: Submission) -> dict[str, Any]:
    return {"outcome": row.outcome, "findings": row.findings}


def _facts(row: Submission) -> dict[str, Any]:
    names = ("runner", "keyid", "chip", "profile", "finished_at", "received_at")
    return {name: getattr(row, name) for name in names}


def _text(value: str | None) -> str | None:
    """A filter as a database can compare it: PostgreSQL's text has no NUL."""
    return None if value is None else value.replace("\0", "\ufffd")
