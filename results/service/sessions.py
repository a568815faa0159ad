"""Sessions of administrators in a browser: short, in memory, begun by a signed request."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

__all__ = ["LASTS", "AdminSessions", "Session"]

_ENTRY_LASTS = timedelta(minutes=2)
LASTS = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in.

    Attributes:
        by: id of the administrator's key.
        csrf: what a form of this session carries, and no other site knows.
        until: when it ends.
    """

    by: str
    csrf: str
    until: datetime


@dataclass(slots=True)
class AdminSessions:
    """Entries by a link that is good once, and the sessions that they began."""

    _entries: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _sessions: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def invite(self, by: str, now: datetime) -> str:
        """Return the token of a link for an administrator, good once within two minutes."""
        self._entries = {key: entry for key, entry in self._entries.items() if entry[1] > now}
        token = secrets.token_urlsafe(32)
        self._entries[_hashed(token)] = (by, now + _ENTRY_LASTS)
        return token

    def begin(self, token: str, now: datetime) -> str | None:
        """Spend the token of a link; return that of a session, or None where it is not good."""
        by, until = self._entries.pop(_hashed(token), ("", now))
        if until <= now:
            return None
        self._sessions = {key: entry for key, entry in self._sessions.items() if entry[1] > now}
        session = secrets.token_urlsafe(32)
        self._sessions[_hashed(session)] = (by, now + LASTS)
        return session

    def find(self, session: str, now: datetime) -> Session | None:
        """Return whose session a token is; None where it is nobody's, or over."""
        by, until = self._sessions.get(_hashed(session), ("", now))
        if until <= now:
            return None
        csrf = hmac.new(self._secret, session.encode(), hashlib.sha256).hexdigest()
        return Session(by=by, csrf=csrf, until=until)

    def end(self, session: str) -> None:
        """End a session."""
        self._sessions.pop(_hashed(session), None)


def _hashed(token: str) -> str:
    """Look tokens up by their digest: how long that takes says nothing of them."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
