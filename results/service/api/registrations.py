"""Endpoints of registration: a key's holder asks, an administrator decides, owners are listed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from results.keys.owner_names import name_fault
from results.proof import notice
from results.service import request as requests
from results.service.api.reading import ASK_AGAIN, DIGITS, cached
from results.service.api.signed import admit_writes, by_administrator, fitted, no_request, signed
from results.service.api.writing import read_body
from results.service.desk import BY_SERVER, Application
from results.service.id_tokens import MOST_CHARACTERS
from results.service.owners import alike, owners
from results.service.problem import Problem
from results.statement.texts import LINE, is_line
from suites.base.errors import UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from results.keys.identity import Runner
    from results.proof.notice import Notice
    from results.service.api.service import Service
    from results.service.id_tokens import IdTokens, TokenHolder
    from results.service.request import Asked

__all__ = ["add_registrations", "enter"]

_ID = "^[0-9a-f]{64}$"
_CURSOR = r"^([0-9TZ:-]{20} [0-9a-f]{64})?$"
RegistrationState = Literal["pending", "accepted", "refused"]


class _Asks(StrictModel):
    notice: Annotated[str, Field(max_length=200_000)]
    contact: Annotated[str, Field(max_length=256, pattern=LINE)] = ""
    id_token: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)] | None = None


def add_registrations(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""
    _add_asking(app, service)
    _add_listing(app, service)


def _add_asking(app: FastAPI, service: Service) -> None:
    @app.get("/v1/nonce", summary="A nonce for one signed request within five minutes")
    def nonce() -> JSONResponse:
        text, expires = service.nonces.issue(datetime.now(UTC))
        return JSONResponse(
            {"nonce": text, "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ")},
            headers={"Cache-Control": "no-store"},
        )

    @app.post(
        "/v1/registrations",
        summary="Ask for a key to be registered: a request signed with it",
        status_code=202,
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {}}}},
    )
    async def ask(request: Request) -> JSONResponse:
        admit_writes(service)
        _limit(request, service)
        body = await read_body(request, service.limits.body_s, requests.MOST_BYTES)
        loop = asyncio.get_running_loop()
        asks = await loop.run_in_executor(service.judging, _read, body)
        who = None
        if asks.wanted.id_token:  # in a thread of its own: it may have to ask the issuer
            tokens = _tokens(service)
            who = await loop.run_in_executor(tokens.thread, tokens.identity, *asks.identified)
        told = await asyncio.shield(
            loop.run_in_executor(service.judging, _taken, request, service, asks, who)
        )
        done = told["state"] == "accepted"
        return JSONResponse(
            told,
            status_code=201 if done else 202,
            headers={"Location": f"/v1/registrations/{told['id']}"},
        )

    @app.get("/v1/registrations/{identity}", summary="What became of a registration")
    def registration(identity: Annotated[str, Path(pattern=_ID)]) -> JSONResponse:
        row = service.store.desk.registration(identity)
        if row is None:
            raise Problem(404, "not-found", "no registration has this id")
        told = {name: row[name] for name in ("id", "keyid", "state", "decided_at", "reason")}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})


def _add_listing(app: FastAPI, service: Service) -> None:
    @app.get(
        "/v1/registrations", summary="Registrations with their contacts, for administrators alone"
    )
    def registrations(
        request: Request,
        *,
        state: Annotated[RegistrationState | None, Query()] = None,
        cursor: Annotated[str, Query(pattern=_CURSOR)] = "",
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> JSONResponse:
        by_administrator(request, service)
        rows = service.store.desk.registrations(state, cursor, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        following = f"{last['received_at']} {last['id']}" if last else None
        return JSONResponse(
            {"registrations": rows[:limit], "next": following},
            headers={"Cache-Control": "no-store"},
        )

    @app.get("/v1/owners", summary="Owners and their runners, in order of name, a page at a time")
    def owners_(
        request: Request,
        *,
        owner: Annotated[str | None, Query(max_length=256)] = None,
        cursor: Annotated[str, Query(pattern=DIGITS)] = "0",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        known = owners(service.intake)
        if owner is not None:
            known = [entry for entry in known if entry.name == owner]
        start = int(cursor)
        following = str(start + limit) if start + limit < len(known) else None
        listed = [entry.to_json() for entry in known[start : start + limit]]
        return cached(request, {"owners": listed, "next": following}, ASK_AGAIN)


def _limit(request: Request, service: Service) -> None:
    address, now_s = request.state.address, time.monotonic()
    if wait_s := service.registering.wait_s(address, now_s):
        raise Problem(
            429,
            "too-many-requests",
            "wait before the next registration",
            errors=[{"retry_after_s": wait_s}],
        )
    service.registering.charge(address, 1, now_s)


@dataclass(frozen=True, slots=True)
class _Asking:
    """A request for a registration, read; nobody's word yet."""

    body: bytes
    asked: Asked
    wanted: _Asks
    told: Notice
    runner: Runner

    @property
    def identified(self) -> tuple[str, str]:
        """The identity token that it brings, and the id of the key that it is for."""
        return self.wanted.id_token or "", self.told.keyid


def _read(body: bytes) -> _Asking:
    """Read a request for a registration.

    Raises:
        Problem: it is none.
    """
    try:
        asked = requests.read(body, "request")
        wanted = fitted(asked.body, _Asks)
        told = notice.read(wanted.notice.encode(), "registration")
    except UserError as error:
        raise no_request(error) from error
    if told.action != "registered" or told.runner is None:
        raise Problem(400, "invalid", f"says {told.action}: expected a registration")
    return _Asking(body, asked, wanted, told, told.runner)


def _tokens(service: Service) -> IdTokens:
    if service.vouching is None or service.vouching.tokens is None:
        raise Problem(422, "identity", "no identity tokens are taken here")
    return service.vouching.tokens


def _taken(
    request: Request, service: Service, asks: _Asking, who: TokenHolder | None
) -> dict[str, Any]:
    """Take a registration in; enter it where an identity is enough."""
    told = asks.told
    signed(request, service, asks.body, asks.asked, [asks.runner.key])
    identity = notice.payload_sha256(told.data, "registration")
    known = service.store.desk.registration(identity)
    state = known["state"] if known else "pending"
    if known is None or (who and state == "pending"):
        state = _considered(service, asks, identity, who)
    return {"id": identity, "keyid": told.keyid, "runner": asks.runner.id, "state": state}


def _considered(service: Service, asks: _Asking, identity: str, who: TokenHolder | None) -> str:
    """Let a registration wait, or enter it where an identity is enough; return its state."""
    told, runner, contact = asks.told, asks.runner, asks.wanted.contact
    service.intake.runners()
    fault = service.intake.keys.unready(told)
    if not all(map(is_line, (runner.hardware, runner.contact))):
        fault = "has control characters in its texts"
    if name := name_fault(runner.owner):
        fault = f"names an owner that {name}"
    if runner.recovery and runner.recovery == runner.key.keyval.get("public"):
        fault = "names its own key as the one that recovers it"
    if who and runner.owner != who.owner:
        fault = f"names another owner than {who.owner}, whom the identity token may register"
    if fault:
        raise Problem(422, "registration", f"the registration {fault}")
    application = Application(
        id=identity, keyid=told.keyid, owner=runner.owner, contact=contact, notice=told.data
    )
    state = _applied(service, application, datetime.now(UTC))
    vouching = service.vouching
    unlike = {runner.owner}.issuperset(alike(service.intake, runner.owner))
    if state != "pending" or vouching is None or not unlike:
        return state
    if enough := who.name if who else vouching.identity(runner):
        signed_too = notice.countersign(told.data, vouching.signer, "registration")
        entered = notice.read(signed_too, "registration")
        enter(service, entered, by=BY_SERVER, request=asks.body, who=enough)
        return "accepted"
    return state


def _applied(service: Service, application: Application, now: datetime) -> str:
    try:
        return service.store.desk.apply(application, now)
    except OverflowError as error:
        raise Problem(
            503,
            "too-many-pending",
            "too many registrations wait for an administrator",
            errors=[{"retry_after_s": 3600}],
        ) from error


def enter(service: Service, told: Notice, *, by: str, request: bytes, who: str = "") -> bool:
    """Enter a notice about a key, and note what it means for registrations; tell if it is new.

    Args:
        by: id of the key that asked for it.
        who: whose identity was enough.

    Raises:
        Problem: it would count for nothing.
    """
    new, now = service.intake.enter(told), datetime.now(UTC)
    desk = service.store.desk
    identity = notice.payload_sha256(told.data, "registration")
    # The log is what counts: a stop between it and this is made good when it is sent again.
    undecided = told.action == "registered" and desk.accept(identity, by=who or by, now=now)
    if new or undecided:
        subject = identity if told.action == "registered" else told.keyid
        about = {"notice": told.digest, **({"identity": who} if who else {})}
        desk.note(
            by=by, action=told.action, subject=subject, detail=about, request=request, now=now
        )
    return new
