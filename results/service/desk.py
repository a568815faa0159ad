"""What lies on an administrator's desk: registrations, quotas, settings, and what was done.

None of it is in the log, and none is published: contacts are private. What an administrator decides
about a key or a result is a signed notice, and those are.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from results.service.orm import Act, OwnerQuota, Registration, Setting
from results.service.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

__all__ = ["BY_SERVER", "MOST_PENDING", "Application", "Daily", "Desk", "Switches"]

# Registrations that wait; more are turned away until some were decided.
MOST_PENDING = 1000
# How long one is kept that waits, or that was refused.
_KEPT = timedelta(days=90)
BY_SERVER = "server"
_SWITCHES = "switches"  # name of their row


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How the server is run now.

    Attributes:
        read_only: nothing new is taken; reading goes on.
        message: why, or what is about to happen; shown to all who ask.
        retry_after_s: when senders may ask again.
    """

    read_only: bool = False
    message: str = ""
    retry_after_s: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """What an owner may submit in a day of UTC; 0 limits nothing."""

    submissions: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A registration as it came: columns of `Registration`."""

    id: str
    keyid: str
    owner: str
    contact: str
    notice: bytes


class Desk:
    """The tables of administration; one process writes them.

    Attributes:
        switches: how the server is run now.
        quotas: of owners that have their own.
    """

    def __init__(self, engine: Engine) -> None:
        """Read settings and quotas."""
        self._engine = engine
        self._lock = Lock()
        self.switches = self._stored_switches()
        self.quotas = self._stored_quotas()

    def admit(self) -> None:
        """Let through what would write.

        Raises:
            Problem: 503, the server is read-only for now.
        """
        switches = self.switches
        if switches.read_only:
            raise Problem(
                503,
                "read-only",
                switches.message or "nothing new is taken for now; reading goes on",
                errors=[{"retry_after_s": switches.retry_after_s}],
            )

    def apply(self, asked: Application, now: datetime) -> str:
        """Keep a registration; return its state: one known already keeps what was decided.

        An earlier one of the same key that still waits gives way to it, and so do those of 90 days
        ago that were not accepted.

        Raises:
            OverflowError: too many wait.
            Problem: the server is read-only.
        """
        row = {**asdict(asked), "state": "pending", "received_at": _time(now)}
        waiting = select(func.count()).where(Registration.state == "pending")
        earlier = delete(Registration).where(
            Registration.keyid == asked.keyid, Registration.state == "pending"
        )
        outdated = delete(Registration).where(
            Registration.state != "accepted", Registration.received_at < _time(now - _KEPT)
        )
        with self._lock, self._engine.begin() as connection:
            self.admit()
            known = connection.scalar(select(Registration.state).where(Registration.id == asked.id))
            if known:
                return known
            connection.execute(earlier)
            connection.execute(outdated)
            if (connection.scalar(waiting) or 0) >= MOST_PENDING:
                raise OverflowError
            connection.execute(insert(Registration), [row])
        return "pending"

    def accept(self, identity: str, *, by: str, now: datetime) -> bool:
        """Note that the log holds a registration, refused before or not; tell whether it is new."""
        with self._lock, self._engine.begin() as connection:
            return decided(connection, identity, "accepted", by=by, now=now)

    def registration(self, identity: str) -> dict[str, Any] | None:
        """Return a registration, its notice as text."""
        query = select(Registration.__table__).where(Registration.id == identity)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return _as_json(row) if row else None

    def registrations(self, state: str | None, after: str, limit: int) -> list[dict[str, Any]]:
        """List registrations by time and id, from behind a cursor "TIME ID" on."""
        order = Registration.received_at + " " + Registration.id
        query = select(Registration.__table__).where(order > after)
        if state:
            query = query.where(Registration.state == state)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(order).limit(limit)).mappings().all()
        return [_as_json(row) for row in rows]

    def pending(self) -> int:
        """Count the registrations that wait."""
        query = select(func.count()).where(Registration.state == "pending")
        with self._engine.connect() as connection:
            return connection.scalar(query) or 0

    def set_quota(self, owner: str, daily: Daily | None, act: dict[str, Any]) -> None:
        """Give an owner a quota, or everybody's (None)."""
        with self._lock, self._engine.begin() as connection:
            connection.execute(delete(OwnerQuota).where(OwnerQuota.owner == owner))
            if daily:
                connection.execute(insert(OwnerQuota), [{"owner": owner, **asdict(daily)}])
            noted(connection, **act)
        others = {name: held for name, held in self.quotas.items() if name != owner}
        self.quotas = others | ({owner: daily} if daily else {})

    def set_switches(self, act: dict[str, Any], **changes: Any) -> Switches:
        """Change how the server is run, at once and after every restart; see the store's."""
        with self._lock, self._engine.begin() as connection:
            changed = replace(self.switches, **changes)
            connection.execute(delete(Setting).where(Setting.name == _SWITCHES))
            connection.execute(insert(Setting), [{"name": _SWITCHES, "value": asdict(changed)}])
            noted(connection, **act)
        self.switches = changed
        return changed

    def refuse(self, identity: str, *, by: str, reason: str, now: datetime, request: bytes) -> bool:
        """Refuse a registration that waits; tell whether there was one."""
        with self._lock, self._engine.begin() as connection:
            done = decided(connection, identity, "refused", by=by, reason=reason, now=now)
            if done:
                noted(
                    connection,
                    by=by,
                    action="refuse",
                    subject=identity,
                    detail={"reason": reason},
                    request=request,
                    now=now,
                )
        return done

    def note(self, **act: Any) -> None:
        """Add to what was done; see `noted`."""
        with self._lock, self._engine.begin() as connection:
            noted(connection, **act)

    def acts(self, after: int, limit: int) -> Sequence[dict[str, Any]]:
        """List what was done behind a number, in order."""
        query = select(Act.__table__).where(Act.at > after).order_by(Act.at).limit(limit)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [{**row, "request": row["request"].decode()} for row in rows]

    def latest_acts(self, most: int) -> Sequence[dict[str, Any]]:
        """List what was done last, latest first."""
        query = select(Act.__table__).order_by(Act.at.desc()).limit(most)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _stored_quotas(self) -> dict[str, Daily]:
        query = select(OwnerQuota.owner, OwnerQuota.submissions, OwnerQuota.bytes)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return {owner: Daily(submissions=number, bytes=size) for owner, number, size in rows}

    def _stored_switches(self) -> Switches:
        query = select(Setting.value).where(Setting.name == _SWITCHES)
        with self._engine.connect() as connection:
            return Switches(**(connection.scalar(query) or {}))


def decided(
    connection: Connection, identity: str, state: str, *, by: str, reason: str = "", now: datetime
) -> bool:
    """Note a decision within a transaction; of who was refused nothing private stays."""
    open_to = ("pending", "refused") if state == "accepted" else ("pending",)
    values: dict[str, Any] = {
        "state": state,
        "decided_at": _time(now),
        "decided_by": by,
        "reason": reason,
    }
    if state == "refused":
        values["contact"] = ""
    changed = connection.execute(
        update(Registration)
        .where(Registration.id == identity, Registration.state.in_(open_to))
        .values(**values)
    )
    return bool(changed.rowcount)


def noted(
    connection: Connection,
    *,
    by: str,
    action: str,
    subject: str,
    detail: dict[str, Any],
    request: bytes,
    now: datetime,
) -> None:
    """Add to what was done, within the transaction that does it."""
    # Numbered here: a database's own counter begins anew where a backup was put back.
    last = connection.scalar(select(func.max(Act.at))) or 0
    row = {
        "at": last + 1,
        "time": _time(now),
        "by": by,
        "action": action,
        "subject": subject[:256],
        "detail": detail,
        "request": request,
    }
    connection.execute(insert(Act), [row])


def _as_json(row: Any) -> dict[str, Any]:
    return {**row, "notice": row["notice"].decode()}


def _time(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
