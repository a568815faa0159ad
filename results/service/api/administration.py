"""Endpoints for administrators, each a signed request: what waits, what is set, what was done."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from results.service import request as requests
from results.service.api.reading import DIGITS
from results.service.api.signed import by_administrator, fitted
from results.service.api.writing import read_body
from results.service.desk import Daily
from results.service.owners import alike
from results.service.problem import Problem
from results.statement.texts import LINE
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from results.proof.moderation import ResultNotice
    from results.service.api.service import Service

__all__ = [
    "OwnerQuotaAsked",
    "Refusal",
    "SwitchesAsked",
    "act_on",
    "add_administration",
    "note_moderation",
    "queue",
]

_Owner = Annotated[str, Field(min_length=1, max_length=256, pattern=LINE)]
_Reason = Annotated[str, Field(min_length=1, max_length=1000, pattern=LINE)]
_Amount = Annotated[int, Field(ge=0, le=2**50)]
_MOST_LISTED = 50


class Refusal(StrictModel):
    """Of a registration that waits."""

    registration: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    reason: _Reason


class OwnerQuotaAsked(StrictModel):
    """What an owner may submit a day; neither: what everybody may."""

    owner: _Owner
    submissions: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    bytes: _Amount | None = None


class SwitchesAsked(StrictModel):
    """How the server is to be run; what is left out stays as it is."""

    read_only: bool | None = None
    message: Annotated[str, Field(max_length=500, pattern=LINE)] | None = None
    retry_after_s: Annotated[int, Field(ge=1, le=86_400)] | None = None


def add_administration(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""

    @app.get("/v1/admin", summary="What waits for an administrator, and how the server is run")
    def desk(request: Request) -> JSONResponse:
        by_administrator(request, service)
        return _private(queue(service))

    @app.get("/v1/admin/acts", summary="What administrators did, in order, a page at a time")
    def acts(
        request: Request,
        *,
        cursor: Annotated[str, Query(pattern=DIGITS)] = "0",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> JSONResponse:
        by_administrator(request, service)
        rows = service.store.desk.acts(int(cursor), limit + 1)
        following = str(rows[limit - 1]["at"]) if len(rows) > limit else None
        return _private({"acts": rows[:limit], "next": following})

    @app.post("/v1/admin/{action}", summary="Refuse a registration, set a quota or a switch")
    async def act(request: Request, action: str) -> JSONResponse:
        body = await read_body(request, service.limits.body_s, requests.MOST_BYTES)
        signed = by_administrator(request, service, body)
        loop = asyncio.get_running_loop()
        told = await loop.run_in_executor(
            service.judging, act_on, service, action, signed.asked.body, signed.by, signed.data
        )
        return _private(told)


def act_on(
    service: Service, action: str, body: dict[str, Any], by: str, request: bytes
) -> dict[str, Any]:
    """Do what an administrator asks for, and note it.

    Args:
        by: id of their key.
        request: their signed request; empty where a session stands for it.

    Raises:
        Problem: it does not fit, or there is nothing to do it to.
    """
    act = {"by": by, "action": action, "request": request, "now": datetime.now(UTC)}
    if action not in _ACTS:
        raise Problem(404, "not-found", f"expected {', '.join(_ACTS)}")
    return _ACTS[action](service, body, act)


def note_moderation(service: Service, told: ResultNotice, *, by: str, request: bytes) -> None:
    """Note that an administrator said something of a result."""
    service.store.desk.note(
        by=by,
        action=told.action,
        subject=told.result,
        detail={"notice": told.digest, "reason": told.reason},
        request=request,
        now=datetime.now(UTC),
    )


def queue(service: Service) -> dict[str, Any]:
    """Return what waits, and how the server is run.

    `alike` of a registration has the runners of each owner whose name reads as the one it claims.
    """
    store = service.store
    moderation = service.intake.moderation
    flagged = store.flagged(moderation.states, _MOST_LISTED)
    return {
        "registrations_pending": store.desk.pending(),
        "registrations": [
            {**row, "alike": alike(service.intake, row["owner"])}
            for row in store.desk.registrations("pending", "", _MOST_LISTED)
        ],
        "disputes": [dispute.to_json() for dispute in moderation.disputes[:_MOST_LISTED]],
        "flagged": [
            {"digest": row.digest, "runner": row.runner, "chip": row.chip, "flags": row.flags}
            for row in flagged
        ],
        "everybody": asdict(service.owners.everybody),
        "quotas": {owner: asdict(daily) for owner, daily in store.desk.quotas.items()},
        "switches": asdict(store.desk.switches),
    }


def _refuse(service: Service, body: dict[str, Any], act: dict[str, Any]) -> dict[str, Any]:
    asked = fitted(body, Refusal)
    done = service.store.desk.refuse(
        asked.registration,
        by=act["by"],
        reason=asked.reason,
        now=act["now"],
        request=act["request"],
    )
    if not done:
        raise Problem(404, "not-found", "no registration of this id waits")
    return {"registration": asked.registration, "state": "refused"}


def _quota(service: Service, body: dict[str, Any], act: dict[str, Any]) -> dict[str, Any]:
    asked = fitted(body, OwnerQuotaAsked)
    own = asked.submissions is not None or asked.bytes is not None
    daily = Daily(submissions=asked.submissions or 0, bytes=asked.bytes or 0) if own else None
    detail = asdict(daily) if daily else {}
    service.store.desk.set_quota(
        asked.owner, daily, {**act, "subject": asked.owner, "detail": detail}
    )
    return {"owner": asked.owner, **asdict(service.owners.allowed(asked.owner))}


def _switch(service: Service, body: dict[str, Any], act: dict[str, Any]) -> dict[str, Any]:
    changes = fitted(body, SwitchesAsked).model_dump(exclude_none=True)
    if not changes:
        raise Problem(400, "invalid", "expected read_only, message or retry_after_s")
    subject = ", ".join(sorted(changes))
    noted = {**act, "subject": subject, "detail": changes}
    return asdict(service.store.set_switches(noted, **changes))


_ACTS = {"refuse": _refuse, "quota": _quota, "switches": _switch}


def _private(content: dict[str, Any]) -> JSONResponse:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
