"""Endpoints of notices about results: what was said of which, and a signed one taken in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from results.proof import notice
from results.proof.moderation import ResultAction  # noqa: TC001 - FastAPI reads it
from results.service import request as requests
from results.service.api.administration import note_moderation
from results.service.api.problems import limit
from results.service.api.reading import ASK_AGAIN, DIGITS, cached
from results.service.api.registrations import enter as enter_about_key
from results.service.api.signed import admit_writes, no_request
from results.service.api.writing import read_body
from results.service.problem import Problem
from suites.base.errors import UserError

if TYPE_CHECKING:
    from results.proof.notice import Notice
    from results.service.api.service import Service

__all__ = ["add_moderation"]

_DIGEST = "^[0-9a-f]{64}$"


def add_moderation(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""

    @app.get(
        "/v1/moderation", summary="Notices about results in order of the log, a page at a time"
    )
    def moderation_(
        request: Request,
        *,
        action: Annotated[ResultAction | None, Query()] = None,
        result: Annotated[str | None, Query(pattern=_DIGEST)] = None,
        unresolved: Annotated[bool, Query()] = False,
        cursor: Annotated[str, Query(pattern=DIGITS)] = "0",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        moderation = service.intake.moderation
        wanted = [
            placed
            for placed in (moderation.disputes if unresolved else moderation.notices)
            if placed.index >= int(cursor)
            if action in {None, placed.notice.action} and result in {None, placed.notice.result}
        ]
        following = str(wanted[limit].index) if len(wanted) > limit else None
        listed = [placed.to_json() for placed in wanted[:limit]]
        return cached(request, {"notices": listed, "next": following}, ASK_AGAIN)

    @app.post(
        "/v1/notices", summary="Enter a signed notice about a result or a key", status_code=201
    )
    async def enter(request: Request) -> JSONResponse:
        admit_writes(service)
        body = await read_body(request, service.limits.body_s, requests.MOST_BYTES)
        loop = asyncio.get_running_loop()
        judging, intake = service.judging, service.intake
        if notice.is_about_key(body):
            entered = loop.run_in_executor(judging, _about_key, request, service, body)
            new, about = await asyncio.shield(entered)
            return JSONResponse(
                {"notice": about.digest, "keyid": about.keyid, "action": about.action},
                status_code=201 if new else 200,
                headers={"Location": f"/v1/notices/{about.digest}/envelope"},
            )
        told, by = await loop.run_in_executor(judging, intake.notice, body)
        request.state.about = {"digest": told.digest, "keyid": by}
        limit(service.keys, by)
        # Shielded: who hangs up now finds it entered by sending it again.
        new = await asyncio.shield(loop.run_in_executor(judging, intake.moderate, told))
        if new and by in {key.keyid for key in service.store.administrators}:
            note_moderation(service, told, by=by, request=body)
        state = service.intake.moderation.state(told.result)
        return JSONResponse(
            {"notice": told.digest, "result": told.result, "moderation": state.to_json()},
            status_code=201 if new else 200,
            headers={"Location": f"/v1/notices/{told.digest}/envelope"},
        )


def _about_key(request: Request, service: Service, body: bytes) -> tuple[bool, Notice]:
    """Enter a notice about a key; only words of keys known here are looked at closer."""
    try:
        told = notice.read(body, "notice")
    except UserError as error:
        raise no_request(error) from error
    known = {runner.key.keyid: runner for runner in service.intake.runners()}
    administrators = service.store.administrators
    by = next((key.keyid for key in administrators if told.signed_by([key])), None)
    own = known.get(told.keyid)
    if by is None and not (own and told.signed_by(own.own_keys)):
        raise Problem(
            403,
            "signature",
            "neither its key, nor its recovery key, nor an administrator has signed it",
            errors=[{"field": "signatures", "rule": "signature"}],
        )
    request.state.about = {"digest": told.digest, "keyid": by or told.keyid}
    limit(service.keys, by or told.keyid)
    return enter_about_key(service, told, by=by or told.keyid, request=body), told
