"""The endpoint of raw samples, and what of them travels with a submission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import FileResponse

from results.service import parcel
from results.service.api.reading import FOR_EVER
from results.service.problem import Problem
from suites.base.errors import UserError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from results.service.api.service import Service

__all__ = ["add_samples", "parted"]


def add_samples(app: FastAPI, service: Service) -> None:
    """Add the endpoint."""

    @app.get("/v1/samples/{digest}", summary="Raw samples, byte for byte, by their SHA-256")
    def samples(digest: str) -> FileResponse:
        path = service.store.samples.path(digest)
        if path is None:
            raise Problem(404, "not-found", "no result brought raw samples of this digest")
        headers = {"ETag": f'"{digest[:32]}"', "Cache-Control": FOR_EVER}
        return FileResponse(path, media_type="application/json", headers=headers)


def parted(body: bytes, kind: str) -> tuple[bytes, bytes | None]:
    """Part a body into the envelope and the compressed samples, None where none came.

    Args:
        kind: media type of the body.

    Raises:
        Problem: it is not what it is said to be.
    """
    if kind != parcel.KIND:
        return body, None
    try:
        return parcel.unpack(body)
    except UserError as error:
        raise Problem(
            400, "invalid", str(error), errors=[{"field": error.where, "rule": error.what}]
        ) from error
