"""Whose keys are registered, by which log, and whether they still sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from results.archive.archive import ArchiveContext
    from results.keys.identity import Runner

__all__ = ["Registered", "registered"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A runner whose owner somebody has looked at.

    Attributes:
        since: when the log says it was entered; empty where it does not say, or no log did.
        ended: the log takes nothing more of its key: it was revoked or replaced.
        known: by a log that ships with Fenmark, or its catalogue; else its own log alone says so.
    """

    runner: Runner
    since: str
    ended: bool
    known: bool


def registered(logs: Iterable[ArchiveContext], listed: Iterable[Runner]) -> dict[str, Registered]:
    """Return registered runners that name an owner, by key id; a known log's word comes first.

    Args:
        listed: runners of the key files.
    """
    registered: dict[str, Registered] = {}
    for keyid, entry in _entries(logs):
        if entry.runner.owner.strip() and (entry.known or keyid not in registered):
            registered[keyid] = entry
    for runner in listed:
        if runner.registered and runner.owner.strip():
            ended = bool(runner.revoked_reason)
            registered.setdefault(runner.key.keyid, Registered(runner, "", ended, known=True))
    return registered


def _entries(logs: Iterable[ArchiveContext]) -> Iterator[tuple[str, Registered]]:
    for around in logs:
        keys, writer = around.keys, around.writer
        for keyid, (index, runner) in keys.registered.items():
            since = keys.time_of(index) or ""
            known = bool(writer and writer.known)
            yield keyid, Registered(runner, since, not keys.good(keyid), known)
