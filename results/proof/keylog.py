"""Key events as entries of the log: added, rotated, revoked.

Signers' clocks prove nothing, so what counts is the order of the log: a result entered before its
key's revocation stays valid, one entered after it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from securesystemslib.signer import Key

    from results.keys.identity import Runner

__all__ = ["KeyLog", "events", "key_added"]


@dataclass(slots=True)
class KeyLog:
    """What a log says of keys.

    Attributes:
        added: ids of keys it names.
        ended: index of the entry that revoked or replaced a key, by its id.
    """

    added: set[str] = field(default_factory=set)
    ended: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[tuple[int, dict[str, Any]]]) -> KeyLog:
        """Read it from (index, record) pairs of a log, in order; other records are passed over."""
        found = cls()
        for index, record in records:
            match record:
                case {"type": "key", "action": "added", "keyid": str(keyid)}:
                    found.added.add(keyid)
                case {"type": "key", "action": "revoked" | "rotated", "keyid": str(keyid)}:
                    found.ended.setdefault(keyid, index)
                case _:
                    pass
        return found

    def good(self, keyid: str, index: int | None = None) -> bool:
        """Tell whether a key was good for the entry at an index; None: for the next entry."""
        end = self.ended.get(keyid)
        return end is None or (index is not None and index < end)


def events(runners: Sequence[Runner], known: KeyLog) -> Iterator[dict[str, Any]]:
    """Return the records that bring a log up to the key files, in order of their ids."""
    by_id = {runner.id: runner for runner in runners}
    for runner in sorted(runners, key=lambda one: one.id):
        keyid = runner.key.keyid
        if keyid not in known.added:
            yield key_added(runner.id, runner.key)
        old = by_id.get(runner.replaces or "")
        if old and known.good(old.key.keyid):
            yield _record("rotated", old.key.keyid, runner=old.id, by=keyid)
        if runner.revoked_reason and known.good(keyid):
            yield _record("revoked", keyid, runner=runner.id, reason=runner.revoked_reason)


def key_added(runner: str, key: Key) -> dict[str, Any]:
    """Return the record of a new key; of a keyless one it names the root of trust in force."""
    root = key.keyval.get("trusted_root_sha256")
    return _record("added", key.keyid, runner=runner, **({"trusted_root": root} if root else {}))


def _record(action: str, keyid: str, **more: str) -> dict[str, Any]:
    return {"type": "key", "action": action, "keyid": keyid, **more}
