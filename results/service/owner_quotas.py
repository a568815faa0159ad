"""What owners may submit in a day of UTC, whichever of their keys signs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from results.keys.owner_names import reads_as
from results.service.problem import Problem

if TYPE_CHECKING:
    from results.service.desk import Daily
    from results.service.insert import Candidate
    from results.service.submission_check import Intake

__all__ = ["OwnerQuotas"]


@dataclass(slots=True, kw_only=True)
class OwnerQuotas:
    """Counts what each owner brings today.

    Counted in memory, from what the store holds of today on: a restart forgets refused attempts
    and the bytes of raw samples alone. Owners whose names read the same have one count.

    Attributes:
        everybody: what an owner without a quota of their own may.
    """

    intake: Intake
    everybody: Daily
    _day: str = ""
    _brought: dict[str, tuple[int, int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def charge(self, candidate: Candidate, size: int) -> None:
        """Count a result that is about to be stored.

        Args:
            size: bytes of what was sent.

        Raises:
            Problem: 429 until tomorrow, where its owner may bring no more today.
        """
        allowed = self.allowed(candidate.owner)
        if not (allowed.submissions or allowed.bytes):
            return
        with self._lock:
            name = reads_as(candidate.owner)
            number, brought = self._today(name, candidate.received_at[:10])
            over = [
                f"{most} {what}"
                for what, now, most in (
                    ("results", number + 1, allowed.submissions),
                    ("bytes", brought + size, allowed.bytes),
                )
                if most and now > most
            ]
            if over:
                raise Problem(
                    429,
                    "owner-quota",
                    f"{candidate.owner} may bring {over[0]} a day",
                    errors=[{"retry_after_s": _until_tomorrow_s(candidate.received_at)}],
                )
            self._brought[name] = (number + 1, brought + size)

    def give_back(self, candidate: Candidate, size: int) -> None:
        """Take back what was counted of a result that turned out not to be new."""
        name = reads_as(candidate.owner)
        with self._lock:
            if name in self._brought and candidate.received_at[:10] == self._day:
                number, brought = self._brought[name]
                self._brought[name] = (number - 1, brought - size)

    def allowed(self, owner: str) -> Daily:
        """Return what an owner may bring a day."""
        return self.intake.store.desk.quotas.get(owner, self.everybody)

    def _today(self, name: str, day: str) -> tuple[int, int]:
        if day != self._day:
            self._day, self._brought = day, {}
        if name not in self._brought:
            keys = [
                runner.key.keyid
                for runner in self.intake.runners()
                if reads_as(runner.owner or runner.id) == name
            ]
            self._brought[name] = self.intake.store.brought(keys, day)
        return self._brought[name]


def _until_tomorrow_s(time: str) -> float:
    now = datetime.fromisoformat(time)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()
