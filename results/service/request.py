"""Signed requests: what a registration and an administrator ask of a server, over its nonce.

A request is a DSSE envelope around an in-toto Statement, like all that is signed here, of a type of
its own. It names the method, the host and the target it was made for, so that a server elsewhere
cannot pass it on, and a nonce that is spent with it. It travels as the body, or of a GET as the
header `Authorization: Fenmark <base64>`.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from results.proof import envelope, notice
from results.service.challenge import Challenges
from results.statement import strict_json
from results.statement.statement import STATEMENT_TYPE, Subject
from suites.base.errors import UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

__all__ = [
    "LIFETIME",
    "MOST_BYTES",
    "REQUEST_TYPE",
    "SCHEME",
    "Asked",
    "Nonces",
    "from_header",
    "in_header",
    "read",
    "sign",
]

REQUEST_TYPE = "urn:fenmark:request:v1"
SCHEME = "Fenmark "
LIFETIME = timedelta(minutes=5)
# Of an envelope: a registration holds a key file, which may hold a root of trust, twice in base64.
MOST_BYTES = 256 * 1024


class Asked(StrictModel):
    """What is asked.

    Attributes:
        host: with its port, as the `Host` header names it.
        target: path and query.
        body: what would be the body of an unsigned request.
    """

    schema_version: Literal[1]
    method: Literal["GET", "POST"]
    host: Annotated[str, Field(max_length=255)]
    target: Annotated[str, Field(min_length=1, max_length=256)]
    nonce: Annotated[str, Field(max_length=256)]
    body: dict[str, Any] = Field(default_factory=dict)


class _RequestStatement(StrictModel):
    type_: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[list[Subject], Field(min_length=1, max_length=1)]
    predicateType: Literal["urn:fenmark:request:v1"]  # noqa: N815 - in-toto's own name
    predicate: Asked


def sign(signer: Signer, asked: Asked) -> bytes:
    """Sign a request."""
    fields = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": asked.target, "digest": {"sha256": _sha256(asked.nonce)}}],
        "predicateType": REQUEST_TYPE,
        "predicate": asked.model_dump(),
    }
    return envelope.sign(strict_json.canonical(fields), signer)


def read(data: bytes, where: str) -> Asked:
    """Read a request strictly, before its signatures.

    Raises:
        UserError: it is none, or too large.
    """
    if len(data) > MOST_BYTES:
        raise UserError(f"has {len(data)} bytes", where=where, expected=f"at most {MOST_BYTES}")
    stated = notice.fitted(envelope.payload_of(data, where), _RequestStatement, where)
    return stated.predicate


def in_header(data: bytes) -> str:
    """Return the value of `Authorization` for a request without a body."""
    return SCHEME + b64encode(data).decode()


def from_header(value: str) -> bytes:
    """Return the envelope in the value of `Authorization`.

    Raises:
        UserError: there is none.
    """
    expected = f"{SCHEME}<base64>"
    if not value.startswith(SCHEME):
        raise UserError("is not a signed request", where="Authorization", expected=expected)
    try:
        return b64decode(value.removeprefix(SCHEME), validate=True)
    except ValueError as error:
        raise UserError("is not base64", where="Authorization", expected=expected) from error


@dataclass(slots=True)
class Nonces:
    """Issues nonces, each good for one request within `LIFETIME`.

    One that was issued costs no memory until it is spent; those of another process, or of this one
    before it was started again, are unknown.
    """

    _challenges: Challenges = field(default_factory=lambda: Challenges(secrets.token_bytes(32)))
    _spent: dict[str, datetime] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def issue(self, now: datetime) -> tuple[str, datetime]:
        """Return a nonce and when it expires."""
        return self._challenges.issue(now, "request", LIFETIME)

    def spend(self, nonce: str, now: datetime) -> bool:
        """Tell whether a nonce was issued here, is not old, and is spent for the first time."""
        if self._challenges.judge(nonce, "request", now) != "issued":
            return False
        with self._lock:
            self._spent = {
                spent_nonce: until for spent_nonce, until in self._spent.items() if until > now
            }
            if nonce in self._spent:
                return False
            self._spent[nonce] = now + LIFETIME
        return True


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
