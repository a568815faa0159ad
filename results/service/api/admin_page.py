"""A page for administrators, made here: the queue, quotas and switches, behind the same key.

No script, nothing from elsewhere. A session begins with a request that the key signed; what enters
the log is signed by the log's own key where that is an administrator's, and else by nobody here.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request  # noqa: TC002 - FastAPI reads them
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from results.proof import envelope, moderation, notice
from results.service import request as requests
from results.service.api.administration import act_on, note_moderation, queue
from results.service.api.registrations import enter
from results.service.api.signed import by_administrator
from results.service.api.writing import read_body
from results.service.problem import Problem
from results.service.sessions import LASTS
from results.statement.texts import is_line
from suites.base.errors import UserError
from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Template

    from results.proof.moderation import ResultAction
    from results.service.api.service import Service
    from results.service.sessions import Session

__all__ = ["add_admin_page"]

_COOKIE = "__Host-fenmark-admin"
_MOST_BYTES = 16 * 1024
_LATEST = 20
_LOCAL = ("127.", "localhost", "[::1]")
_HERE = Path(__file__).parent
_STYLE = (_HERE / "admin.css").read_text("utf-8")
_POLICY = (
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    f"style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}


def add_admin_page(app: FastAPI, service: Service) -> None:
    """Add the page, and the request that opens it."""
    _add_entrance(app, service)

    @app.get("/admin", include_in_schema=False)
    def page(request: Request) -> HTMLResponse:
        session = _session(request, service)
        return _page(request, service, session, "") if session else _closed(request)

    @app.post("/admin/act", include_in_schema=False)
    async def act(request: Request) -> Response:
        form = await _form(request, service)
        session = _session(request, service)
        if session is None:
            return _closed(request)
        if not hmac.compare_digest(form.pop("csrf", "").encode(), session.csrf.encode()):
            raise Problem(403, "other-target", "this form is of another session")
        request.state.about = {"keyid": session.by}
        if form.get("action") == "leave":
            service.sessions.end(request.cookies[_COOKIE])
            return _closed(request)
        loop = asyncio.get_running_loop()
        told = await loop.run_in_executor(service.judging, _done, service, session, form)
        return _page(request, service, session, told)


def _add_entrance(app: FastAPI, service: Service) -> None:
    @app.post("/v1/admin/login", summary="A link to the page for administrators, good once")
    async def login(request: Request) -> JSONResponse:
        body = await read_body(request, service.limits.body_s, requests.MOST_BYTES)
        signed = by_administrator(request, service, body)
        token = service.sessions.invite(signed.by, datetime.now(UTC))
        return JSONResponse(
            {"link": f"/admin/enter?token={token}"}, headers={"Cache-Control": "no-store"}
        )

    # The link itself changes nothing: what looks links up for their reader would spend it.
    @app.get("/admin/enter", include_in_schema=False)
    def entrance(request: Request, token: str = "") -> HTMLResponse:
        return _made(request, token=token[:64] or "-")

    @app.post("/admin/enter", include_in_schema=False)
    async def begin(request: Request) -> Response:
        form = await _form(request, service)
        session = service.sessions.begin(form.get("token", ""), datetime.now(UTC))
        if session is None:
            return _closed(request, "The link was used, or is too old.")
        answer = RedirectResponse("/admin", status_code=303, headers={"Cache-Control": "no-store"})
        answer.set_cookie(
            _COOKIE,
            session,
            max_age=int(LASTS.total_seconds()),
            secure=True,
            httponly=True,
            samesite="strict",
        )
        return answer


async def _form(request: Request, service: Service) -> dict[str, str]:
    """Read a form that this page sent.

    Raises:
        Problem: it comes from elsewhere, or is none.
    """
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Problem(403, "other-target", "this form was sent from another site")
    body = await read_body(request, service.limits.body_s, _MOST_BYTES)
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=16)
    except ValueError as error:
        raise Problem(400, "invalid", "is not a form") from error
    form = {name: values[-1] for name, values in fields.items()}
    if not all(map(is_line, form.values())):
        raise Problem(400, "invalid", "has control characters")
    return form


def _session(request: Request, service: Service) -> Session | None:
    return service.sessions.find(request.cookies.get(_COOKIE, ""), datetime.now(UTC))


def _done(service: Service, session: Session, form: dict[str, str]) -> str:
    """Do what a form asks for; say in a line what came of it."""
    name = form.pop("action", "")
    try:
        if name in _BY_THE_LOG:
            _BY_THE_LOG[name](service, session, form)
        else:
            act_on(service, name, _typed(name, form), session.by, b"")
    except (Problem, UserError) as error:
        return printable(f"Not done: {error}")
    return f"Done: {name}"


def _typed(name: str, form: dict[str, str]) -> dict[str, Any]:
    """Return the fields of a form as a signed request would have them."""
    numbers = {"submissions", "bytes", "retry_after_s"}
    typed: dict[str, Any] = {
        field: _number(value) if field in numbers else value
        for field, value in form.items()
        if value or field not in numbers
    }
    return typed | ({"read_only": "read_only" in form} if name == "switches" else {})


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else text


def _accept(service: Service, session: Session, form: dict[str, str]) -> None:
    row = service.store.desk.registration(form.get("registration", ""))
    if row is None:
        raise Problem(404, "not-found", "no registration has this id")
    signed = notice.countersign(row["notice"].encode(), _own(service), "the registration")
    enter(service, notice.read(signed, "the registration"), by=session.by, request=b"")


def _moderating(action: ResultAction) -> Callable[[Service, Session, dict[str, str]], None]:
    def moderate(service: Service, session: Session, form: dict[str, str]) -> None:
        result, signer = form.get("result", ""), _own(service)
        row = service.store.find(result)
        if row is None:
            raise Problem(404, "not-found", "no result has this digest")
        payload = moderation.draft(
            action,
            result,
            datetime.now(UTC),
            reason=form.get("reason", ""),
            keyid=row.keyid if action == "removed" else None,
        )
        told = moderation.read(envelope.sign(payload, signer), "the notice")
        if service.intake.moderate(told):
            note_moderation(service, told, by=session.by, request=b"")

    return moderate


_BY_THE_LOG = {
    "accept": _accept,
    "resolve": _moderating("resolved"),
    "remove": _moderating("removed"),
}


def _own(service: Service) -> Any:
    """Return the log's own key, as an administrator's.

    Raises:
        Problem: it is none: administrators keep their own, and sign elsewhere.
    """
    signer = service.store.own_administrator
    if signer is None:
        raise Problem(403, "signature", "takes your own key: use the command")
    if service.store.desk.switches.read_only:
        raise Problem(503, "read-only", "nothing enters the log while the server is read-only")
    return signer


def _page(request: Request, service: Service, session: Session, told: str) -> HTMLResponse:
    waiting = queue(service)
    for registration in waiting["registrations"]:
        registration["runner"] = notice.read(registration["notice"].encode(), "registration").runner
    return _made(
        request,
        session=session,
        told=told,
        queue=waiting,
        acts=service.store.desk.latest_acts(_LATEST),
        own=service.store.own_administrator is not None,
    )


def _closed(request: Request, told: str = "") -> HTMLResponse:
    return _made(request, status=401, told=told)


def _made(request: Request, status: int = 200, **shown: Any) -> HTMLResponse:
    nothing: dict[str, Any] = {"session": None, "told": "", "token": ""}
    host = request.url.netloc  # TLS ends at the proxy: here all is HTTP
    base = f"http{'' if host.startswith(_LOCAL) else 's'}://{host}"
    page = _template().render(style=_STYLE, base=base, **{**nothing, **shown})
    return HTMLResponse(page, status_code=status, headers=_HEADERS)


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    def shown(value: object) -> object:
        return printable(value) if type(value) is str else value

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=shown, trim_blocks=True
    )
    return environment.from_string((_HERE / "admin.html").read_text("utf-8"))
