"""Endpoints that tell what is there: a result, its envelope, results by filter."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query, Request, Response

from results.service.problem import Problem
from results.service.store import Filters
from results.statement import strict_json

if TYPE_CHECKING:
    from results.service.api.service import Service
    from results.service.orm import Submission

__all__ = ["ASK_AGAIN", "DIGITS", "FOR_EVER", "add_reading", "cached"]

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"  # keep it, but ask whether it still holds
DIGITS = r"^(0|[1-9]\d{0,8})$"  # a log of a billion entries is another program's job
RULE = "^[a-z-]{1,32}$"  # name of a law
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FACTS = ("runner", "keyid", "chip", "profile", "finished_at", "received_at")
_JUDGEMENT = ("outcome", "findings", "flags")


def add_reading(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""

    def told(row: Submission) -> dict[str, Any]:
        state = service.intake.moderation.state(row.digest).to_json()
        return {**_columns(row), "moderation": state}

    @app.get("/v1/submissions/{digest}", summary="A result's receipt and what was found")
    def submission(request: Request, digest: str) -> Response:
        row = service.store.find(_digest(digest))
        if row is None:
            raise _unknown()
        receipt = service.store.receipt(row).to_json()
        return cached(request, {**receipt, **told(row)}, ASK_AGAIN)

    @app.get("/v1/submissions/{digest}/envelope", summary="The envelope, byte for byte")
    def envelope_of(request: Request, digest: str) -> Response:
        envelope = service.store.envelope(_digest(digest))
        if envelope is None:
            raise _unknown()
        if not envelope:
            raise Problem(410, "removed", "this result was removed; its notice says why")
        return cached(request, envelope, FOR_EVER, "application/json")

    @app.get("/v1/results", summary="Results in order of the log, a page at a time")
    def results(
        request: Request,
        *,
        chip: Annotated[str | None, Query(max_length=256)] = None,
        runner: Annotated[str | None, Query(max_length=64)] = None,
        profile: Annotated[str | None, Query(max_length=16)] = None,
        outcome: Annotated[str | None, Query(max_length=16)] = None,
        flag: Annotated[str | None, Query(pattern=RULE)] = None,
        cursor: Annotated[str, Query(pattern=DIGITS)] = "0",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        filters = Filters(
            chip=_text(chip),
            runner=_text(runner),
            profile=_text(profile),
            outcome=_text(outcome),
            flag=flag,
        )
        page = service.store.page(filters, int(cursor) - 1, limit)
        following = str(page.rows[-1].at + 1) if page.more else None
        listed = [{"digest": row.digest, "index": row.at, **told(row)} for row in page.rows]
        return cached(request, {"results": listed, "next": following}, ASK_AGAIN)


def cached(
    request: Request, content: dict[str, Any] | bytes, cache: str, kind: str = "application/json"
) -> Response:
    """Return content with its ETag, or 304 where the reader has it."""
    data = content if isinstance(content, bytes) else strict_json.canonical(content)
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": cache}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=kind, headers=headers)


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise _unknown()
    return text


def _unknown() -> Problem:
    return Problem(404, "not-found", "no result has this digest")


def _columns(row: Submission) -> dict[str, Any]:
    return {name: getattr(row, name) for name in (*_JUDGEMENT, *_FACTS)}


def _text(value: str | None) -> str | None:
    """A filter as a database can compare it: PostgreSQL's text has no NUL."""
    return None if value is None else value.replace("\0", "\ufffd")
