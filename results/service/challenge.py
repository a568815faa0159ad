"""Challenges: nonces a log issues before a run, so that a result cannot be older than it says.

A nonce carries its own expiry and a MAC, so nothing is stored when one is issued; that it is used
once is a unique column of the store. It seeds the run's inputs, so that nothing can be computed
before it was issued, and it is bound to the log's root of that moment, so that any reader of the
log can date it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.statement.nonce import Nonce

__all__ = ["LIFETIME", "Challenge", "Challenges"]

# The full profile takes hours; a day leaves room for a queue before it.
LIFETIME = timedelta(days=1)
_RANDOM, _EXPIRY, _MAC = 16, 8, 16  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a log gave for a run about to begin.

    Attributes:
        nonce: good for one result; seeds its inputs.
        not_before: root hash of the log when it was issued, in hexadecimal.
    """

    nonce: str
    not_before: str


@dataclass(frozen=True, slots=True)
class Challenges:
    """Issues and judges nonces.

    Attributes:
        secret: MAC key; anyone who has it can issue.
    """

    secret: bytes

    @classmethod
    def of_key(cls, private_key: bytes) -> Challenges:
        """Derive the secret from the log's private key, for this purpose alone."""
        return cls(hmac.digest(private_key, b"fenmark challenge v1", hashlib.sha256))

    def issue(
        self, now: datetime, not_before: str, lifetime: timedelta = LIFETIME
    ) -> tuple[str, datetime]:
        """Return a nonce and when it expires.

        Args:
            not_before: root hash of the log as it stands, in hexadecimal.
        """
        expires = int((now + lifetime).timestamp())
        body = secrets.token_bytes(_RANDOM) + expires.to_bytes(_EXPIRY, "big")
        nonce = urlsafe_b64encode(body + self._mac(body, not_before)).decode()
        return nonce, datetime.fromtimestamp(expires, UTC)

    def judge(self, nonce: str | None, not_before: str | None, now: datetime) -> Nonce | None:
        """Tell what a nonce and the root beside it are worth; None where there is no nonce."""
        if nonce is None:
            return None
        try:
            data = urlsafe_b64decode(nonce)
        except ValueError:
            return "unknown"
        body, mac = data[:-_MAC], data[-_MAC:]
        if len(body) != _RANDOM + _EXPIRY or not hmac.compare_digest(
            mac, self._mac(body, not_before or "")
        ):
            return "unknown"
        # Base64 readers ignore stray characters: only the text as it was issued counts as it.
        if urlsafe_b64encode(data).decode() != nonce:
            return "unknown"
        expires = int.from_bytes(body[_RANDOM:], "big")
        return "expired" if now.timestamp() > expires else "issued"

    def choice(self, nonce: str) -> Random:
        """Return what chooses the outputs to compute again: the same each time, known to nobody."""
        return Random(self._mac(nonce.encode(), "outputs"))

    def _mac(self, body: bytes, not_before: str) -> bytes:
        return hmac.digest(self.secret, body + not_before.encode(), hashlib.sha256)[:_MAC]
