"""Challenges: nonces a log issues before a run, so that a result cannot be older than it says.

A nonce carries its own expiry and a MAC, so nothing is stored when one is issued; that it is used
once is a unique column of the store.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.checks import Nonce

__all__ = ["LIFETIME", "Challenges"]

# The full profile takes hours; a day leaves room for a queue before it.
LIFETIME = timedelta(days=1)
_RANDOM, _EXPIRY, _MAC = 16, 8, 16  # bytes


@dataclass(frozen=True, slots=True)
class Challenges:
    """Issues and judges nonces.

    Attributes:
        secret: MAC key; whoever has it can issue.
    """

    secret: bytes

    @classmethod
    def of_key(cls, private_key: bytes) -> Challenges:
        """Derive the secret from the log's private key, for this purpose alone."""
        return cls(hmac.digest(private_key, b"fenmark challenge v1", hashlib.sha256))

    def issue(self, now: datetime) -> tuple[str, datetime]:
        """Return a nonce and when it expires."""
        expires = int((now + LIFETIME).timestamp())
        body = secrets.token_bytes(_RANDOM) + expires.to_bytes(_EXPIRY, "big")
        return urlsafe_b64encode(body + self._mac(body)).decode(), datetime.fromtimestamp(
            expires, UTC
        )

    def judge(self, nonce: str | None, now: datetime) -> Nonce | None:
        """Tell what a nonce is worth; None where there is none to judge."""
        if nonce is None:
            return None
        try:
            data = urlsafe_b64decode(nonce)
        except ValueError:
            return "unknown"
        body, mac = data[:-_MAC], data[-_MAC:]
        if len(body) != _RANDOM + _EXPIRY or not hmac.compare_digest(mac, self._mac(body)):
            return "unknown"
        # Base64 readers ignore stray characters: only the text as it was issued counts as it.
        if urlsafe_b64encode(data).decode() != nonce:
            return "unknown"
        expires = int.from_bytes(body[_RANDOM:], "big")
        return "expired" if now.timestamp() > expires else "issued"

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self.secret, body, hashlib.sha256)[:_MAC]
