"""One fact about this machine, as `fenmark doctor` says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MachineFact", "Status"]

Status = Literal["ok", "note", "warn", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFact:
    """One fact about this machine.

    Attributes:
        subject: what it is about: "chip", "memory", "energy meter rapl", …
        status: "ok", "note" (worth knowing), "warn" (spoils numbers), "missing" (cannot measure).
        says: the fact, with its evidence.
        remedy: what to do about it, empty when nothing need be done.
    """

    subject: str
    status: Status
    says: str
    remedy: str = ""
