"""Endpoints of the log itself: checkpoints, its key, proofs, tiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from results.keys.identity import runner_toml
from results.service.api.reading import ASK_AGAIN, DIGITS, FOR_EVER, cached
from results.service.problem import Problem
from suites.base.errors import CheckError

if TYPE_CHECKING:
    from results.proof.ledger import Ledger
    from results.service.api.service import Service

__all__ = ["add_log"]

# C2SP tlog-tiles: level or "entries", then a number in groups of three, then perhaps a width.
_TILE = re.compile(r"(?:[0-5]?[0-9]|entries)(?:/x\d{3}){0,6}/\d{3}(?:\.p/[1-9]\d{0,2})?")


def add_log(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""
    _add_notes(app, service)
    _add_proofs(app, service.ledger)


def _add_notes(app: FastAPI, service: Service) -> None:
    ledger = service.ledger

    @app.get("/v1/checkpoint", summary="What the log commits to: a signed note")
    def checkpoint(request: Request) -> Response:
        if not ledger.exists():
            raise Problem(404, "not-found", "the log is empty")
        return cached(request, ledger.checkpoint_file.read_bytes(), ASK_AGAIN, "text/plain")

    @app.get("/v1/cosigned", summary="The latest checkpoint that witnesses cosigned")
    def cosigned(request: Request) -> Response:
        place = ledger.home / "cosigned"
        if not place.is_file():
            raise Problem(404, "not-found", "no witness has cosigned this log")
        return cached(request, place.read_bytes(), ASK_AGAIN, "text/plain")

    @app.get("/v1/key", summary="The log's public key, as a key file")
    def key(request: Request) -> Response:
        text = runner_toml(service.log_key, owner="log").encode()
        return cached(request, text, ASK_AGAIN, "application/toml")


def _add_proofs(app: FastAPI, ledger: Ledger) -> None:
    @app.get("/v1/consistency/{earlier}", summary="Proof that the log extends an earlier one")
    def consistency(
        earlier: str,
        to: Annotated[
            str | None, Query(pattern=DIGITS, description="size of a later checkpoint")
        ] = None,
    ) -> JSONResponse:
        head = ledger.unverified().size
        size = head if to is None else int(to)
        if not re.fullmatch(DIGITS, earlier) or not 1 <= int(earlier) <= size <= head:
            raise Problem(404, "not-found", f"expected sizes from 1 to {head}, in order")
        try:
            proof = ledger.prove_consistency(int(earlier), size)
        except CheckError as error:
            raise Problem(404, "not-found", f"no checkpoint had {size} entries") from error
        return JSONResponse({"size": size, "proof": [item.hex() for item in proof]})

    @app.get("/v1/tile/{path:path}", summary="A tile or a bundle of entries (C2SP tlog-tiles)")
    def tile(request: Request, path: str) -> Response:
        missing = Problem(404, "not-found", "the log has no such tile")
        if not _TILE.fullmatch(path):
            raise missing
        try:
            data = ledger.tile(f"tile/{path}")
        except CheckError as error:
            raise missing from error
        return cached(request, data, FOR_EVER, "application/octet-stream")
