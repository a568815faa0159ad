"""Endpoints of notices: who registered, revoked or reinstated which key, in the log's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query, Request, Response

from results.proof import notice
from results.proof.notice import KeyAction  # noqa: TC001 - FastAPI reads it
from results.service.api.reading import ASK_AGAIN, DIGITS, FOR_EVER, cached
from results.service.problem import Problem

if TYPE_CHECKING:
    from results.proof.notice import Notice
    from results.service.api.service import Service

__all__ = ["add_notices"]

_KEYID = "^[0-9a-f]{64}$"
# A page ends early behind so many looked at, of up to 100 kB each.
_LOOKED_AT = 500


def add_notices(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""

    @app.get("/v1/notices", summary="Notices about keys in order of the log, a page at a time")
    def notices(
        request: Request,
        *,
        action: Annotated[KeyAction | None, Query()] = None,
        keyid: Annotated[str | None, Query(pattern=_KEYID)] = None,
        cursor: Annotated[str, Query(pattern=DIGITS)] = "0",
        limit: Annotated[int, Query(ge=1, le=_LOOKED_AT)] = 50,
    ) -> Response:
        listed: list[dict[str, Any]] = []
        following = None
        entered = service.store.notices(int(cursor), _LOOKED_AT + 1)
        for looked_at, (index, data) in enumerate(entered):
            if len(listed) == limit or looked_at == _LOOKED_AT:
                following = str(index)
                break
            told = notice.read(data, f"entry {index}")
            if told.action == (action or told.action) and told.keyid == (keyid or told.keyid):
                listed.append(_as_json(told, index))
        return cached(request, {"notices": listed, "next": following}, ASK_AGAIN)

    @app.get("/v1/notices/{digest}/envelope", summary="The notice's envelope, byte for byte")
    def envelope_of(request: Request, digest: str) -> Response:
        data = service.store.notice(digest)
        if data is None:
            raise Problem(404, "not-found", "the log holds no notice of this digest")
        return cached(request, data, FOR_EVER, "application/json")


def _as_json(told: Notice, index: int) -> dict[str, Any]:
    """Return what it says; who signed it, a reader checks by its envelope."""
    runner = told.runner
    registered = runner and {
        "id": runner.id,
        "owner": runner.owner,
        "contact": runner.contact,
        "valid_from": runner.valid_from,
        "valid_until": runner.valid_until,
        "replaces": runner.replaces,
    }
    return {
        "digest": told.digest,
        "index": index,
        "action": told.action,
        "keyid": told.keyid,
        "reason": told.reason,
        "since": told.since,
        "registered": registered,
    }
