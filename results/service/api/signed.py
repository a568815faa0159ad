"""Who asks: signed requests, held to method, host, target and nonce before anything is done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from results.proof import envelope
from results.service import request as requests
from results.service.problem import Problem
from suites.base.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request
    from securesystemslib.signer import Key

    from results.service.api.service import Service
    from results.service.request import Asked

__all__ = ["Signed", "admit_writes", "by_administrator", "fitted", "no_request", "signed"]

_LOCAL = re.compile(r"(?i)(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")
_Shape = TypeVar("_Shape", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose signature holds.

    Attributes:
        by: id of the key that signed.
        data: the envelope.
    """

    asked: Asked
    by: str
    data: bytes


def by_administrator(request: Request, service: Service, data: bytes | None = None) -> Signed:
    """Read a request that an administrator of the log signed.

    Args:
        data: the body; None: the request stands in the header.

    Raises:
        Problem: it is none, or somebody else's.
    """
    try:
        data = data or requests.from_header(request.headers.get("authorization", ""))
        asked = requests.read(data, "request")
    except UserError as error:
        raise no_request(error) from error
    return signed(request, service, data, asked, service.store.administrators)


def signed(
    request: Request, service: Service, data: bytes, asked: Asked, keys: Sequence[Key]
) -> Signed:
    """Hold a request to the keys that may have signed it and to where it arrived.

    Raises:
        Problem: it does not hold.
    """
    try:
        by = envelope.verify(data, keys, "request").key.keyid
    except CheckError as error:
        raise Problem(403, "signature", "no key that may ask this has signed it") from error
    except UserError as error:
        raise no_request(error) from error
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if (asked.method, asked.target) != (request.method, target):
        raise Problem(
            403, "other-target", f"was signed for {asked.method} {asked.target}; this is {target}"
        )
    if not _is_ours(asked.host, service):
        raise Problem(
            403,
            "other-target",
            f"was signed for {asked.host}, which is not a name of this server: `fenmark serve "
            "--public-name` tells it its names",
        )
    if not service.nonces.spend(asked.nonce, datetime.now(UTC)):
        raise Problem(403, "nonce", "its nonce is old, spent or not of this server: ask again")
    request.state.about = {"keyid": by}
    return Signed(asked, by, data)


def _is_ours(host: str, service: Service) -> bool:
    """Whether a host is this server; what `Host` says proves nothing, a relay writes it too."""
    return host.lower() in service.names or bool(_LOCAL.fullmatch(host))


def admit_writes(service: Service) -> None:
    """Let a request pass that would write.

    Raises:
        Problem: 503, the server is read-only for now.
    """
    service.store.desk.admit()


def fitted(body: object, shape: type[_Shape]) -> _Shape:
    """Read what a request holds.

    Raises:
        Problem: it does not fit; the first field is named.
    """
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "body"
        problem = Problem(
            400, "invalid", f"{field}: {first['msg']}", errors=[{"field": field, "rule": "body"}]
        )
        raise problem from error


def no_request(error: UserError) -> Problem:
    """Return the problem of a request that cannot be read."""
    return Problem(400, "invalid", str(error), errors=[{"field": error.where, "rule": error.what}])
