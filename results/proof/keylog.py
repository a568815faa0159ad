"""What a log says of keys, entry by entry: registered, replaced, revoked, reinstated, and when.

Signers' clocks prove nothing, so what counts is the order of the log: a result entered before its
key's revocation stays valid, one entered after it is refused. A revocation by an administrator may
reach back to the entry where the key is thought to have been stolen.

Two kinds of entries speak: records that the log's operator writes from key files (`type` "key"),
and notices that somebody signed. A registration needs three words: the runner's own key over it
(proof of possession), an administrator's, and if it is to replace one the old key's, or that of
the recovery key which the old one's registration named.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from results.keys import identity
from results.proof import envelope, notice
from results.statement import strict_json
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from securesystemslib.signer import Key

    from results.keys.identity import Runner
    from results.proof.notice import Notice

__all__ = ["EntrySpan", "KeyLog", "events", "key_added", "time_entry"]


_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class EntrySpan:
    """Entries that a key may not have signed: from `start`, up to but without `end` (None: on)."""

    start: int
    end: int | None = None


@dataclass(slots=True, kw_only=True)
class KeyLog:
    """What a log says of keys.

    Attributes:
        known: runners whose keys are at hand without the log: key files.
        authority: keys of the log's administrators.
        added: ids of keys the log's operator names.
        registered: index of the registration and who was registered, by the key's id.
        distrusted: entries that are not valid, by the key's id.
        times: index and time of each entry in which the operator states it, in order.
        notices: digests of the notices in the log.
        refused: digest and fault of those that count for nothing.
    """

    known: Sequence[Runner] = ()
    authority: Sequence[Key] = ()
    added: set[str] = field(default_factory=set)
    registered: dict[str, tuple[int, Runner]] = field(default_factory=dict)
    distrusted: dict[str, list[EntrySpan]] = field(default_factory=dict)
    times: list[tuple[int, str]] = field(default_factory=list)
    notices: set[str] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)
    _named: dict[str, Runner] = field(init=False)  # by id

    def __post_init__(self) -> None:
        """Look runners up by their ids: a log may register ten thousand."""
        self._named = {}
        for runner in self._runners():
            self._named.setdefault(runner.id, runner)

    @classmethod
    def of(
        cls,
        records: Iterable[tuple[int, dict[str, Any]]],
        fetch: Callable[[str], bytes] | None = None,
        *,
        known: Sequence[Runner] = (),
        authority: Sequence[Key] = (),
    ) -> KeyLog:
        """Read it from (index, record) pairs of a log, in order; other records are passed over.

        Args:
            fetch: gives the envelope of a notice by its digest; raises UserError where it is none.
        """
        keys = cls(known=known, authority=authority)
        keys.follow(records, fetch)
        return keys

    def follow(
        self,
        records: Iterable[tuple[int, dict[str, Any]]],
        fetch: Callable[[str], bytes] | None = None,
    ) -> None:
        """Read on, from where it was read to; see `of`."""
        for index, record in records:
            match record:
                case {"type": "key" | "time", "time": str(time)}:
                    self._note_time(index, time)
            match record:
                case {"type": "key", "action": "added", "keyid": str(keyid)}:
                    self.added.add(keyid)
                case {"type": "key", "action": "revoked" | "rotated", "keyid": str(keyid)}:
                    self._distrust(keyid, index)
                case {"type": "notice", "notice": str(digest)} if fetch and _DIGEST.fullmatch(
                    digest
                ):
                    self._enter(index, digest, fetch)
                case _:
                    pass

    def copy(self) -> KeyLog:
        """Return another that may read on by itself."""
        return replace(
            self,
            added=set(self.added),
            registered=dict(self.registered),
            distrusted={keyid: [*spans] for keyid, spans in self.distrusted.items()},
            times=[*self.times],
            notices=set(self.notices),
            refused=[*self.refused],
        )

    def good(self, keyid: str, index: int | None = None) -> bool:
        """Tell whether a key was good for the entry at an index; None: for the next entry."""
        return not any(
            span.end is None if index is None else _covers(span, index)
            for span in self.distrusted.get(keyid, ())
        )

    @property
    def ended(self) -> dict[str, int]:
        """From which entry on a key signs no more, by its id."""
        return {
            keyid: span.start
            for keyid, spans in self.distrusted.items()
            for span in spans
            if span.end is None
        }

    def time_of(self, index: int) -> str | None:
        """Return the last time that was stated at or before an entry; None where there is none."""
        at = bisect_right(self.times, index, key=lambda stated: stated[0])
        return self.times[at - 1][1] if at else None

    def _fault_of(self, told: Notice, index: int) -> str:
        faults = {
            "registered": self._registration_faults,
            "revoked": self._revocation_faults,
            "reinstated": self._reinstatement_faults,
        }
        return next(faults[told.action](told, index), "")

    def _take(self, told: Notice, index: int) -> None:
        since = index if told.since is None else told.since
        if told.action == "revoked":
            self._distrust(told.keyid, since)
        elif told.action == "reinstated":
            self._trust(told.keyid, since)
        elif told.runner:
            runner = replace(told.runner, registered_by="log")
            self.registered[told.keyid] = (index, runner)
            self._named.setdefault(runner.id, runner)
            old = self._replaced(told.runner)
            if old:
                self._distrust(old.key.keyid, index)

    def offer(self, data: bytes, index: int) -> str:
        """Take a notice as the entry at an index, or say why it would count for nothing."""
        digest = envelope.digest(data)
        before = len(self.refused)
        self._enter(index, digest, lambda _: data)
        if len(self.refused) == before:
            return ""
        self.notices.discard(digest)
        return self.refused.pop()[1]

    def _enter(self, index: int, digest: str, fetch: Callable[[str], bytes]) -> None:
        self.notices.add(digest)
        try:
            told = notice.read(fetch(digest), digest)
            changed = told.digest != digest
            fault = "is not what the log holds" if changed else self._fault_of(told, index)
        except UserError as error:
            fault = str(error)
        if fault:
            self.refused.append((digest, fault))
        else:
            self._take(told, index)

    def unready(self, told: Notice) -> str:
        """Say why a registration could not count though an administrator signed it; else ""."""
        return next(self._applicants_faults(told), "")

    def _registration_faults(self, told: Notice, _index: int) -> Iterator[str]:
        yield from self._applicants_faults(told)
        if not told.signed_by(self.authority):
            yield "is signed by no administrator of this log"

    def _applicants_faults(self, told: Notice) -> Iterator[str]:
        runner = told.runner
        if runner is None or not told.signed_by([runner.key]):
            yield "is not signed by the key it registers"
            return
        if not runner.owner.strip():
            yield "names no owner"
        if told.keyid in self.registered:
            yield "registers a key that is registered already"
        namesake = self._named.get(runner.id)
        if namesake and namesake.key.keyid != told.keyid:
            yield f"registers a second key as {runner.id}"
        old = self._replaced(runner)
        if runner.replaces and old is None:
            yield f"replaces {runner.replaces}, whose key is not known here"
        if old:
            yield from self._handing_over_faults(told, old)

    def _handing_over_faults(self, told: Notice, old: Runner) -> Iterator[str]:
        if not told.signed_by(old.own_keys):
            yield f"replaces {old.id}, whose key has not signed that"
        if any(runner.replaces == old.id for _, runner in self.registered.values()):
            yield f"replaces {old.id}, which was replaced already"
        recovery = [key for key in old.own_keys if key.keyid != old.key.keyid]
        if not (self.good(old.key.keyid) or told.signed_by(recovery)):
            # Who stole a key must not be able to hand it to themselves once it is revoked.
            yield f"replaces {old.id}, whose key was revoked: only its recovery key still may"

    def _revocation_faults(self, told: Notice, index: int) -> Iterator[str]:
        if told.signed_by(self.authority):
            if told.since is not None and told.since > index:
                yield f"distrusts from entry {told.since}, which is not there yet"
            return
        known = [runner for runner in self._runners() if runner.key.keyid == told.keyid]
        if not told.signed_by(key for runner in known for key in runner.own_keys):
            yield "is signed neither by its key, its recovery key nor an administrator of this log"
        elif told.since is not None:
            # Who stole a key must not be able to take back what its owner signed before.
            yield "reaches back, which takes an administrator"

    def _reinstatement_faults(self, told: Notice, index: int) -> Iterator[str]:
        if not told.signed_by(self.authority):
            yield "is signed by no administrator of this log"
        if self.good(told.keyid):
            yield "reinstates a key that is not revoked"
        if told.since is not None and told.since > index:
            yield f"trusts from entry {told.since}, which is not there yet"

    def signers(self, index: int) -> list[Runner]:
        """Return whose keys are known before an entry and valid at its time, revoked ones too."""
        time = self.time_of(index)
        entered = (runner for at, runner in self.registered.values() if at < index)
        return [
            runner for runner in (*self.known, *entered) if time is None or runner.may_sign(time)
        ]

    def heirs(self, keyid: str, index: int) -> set[str]:
        """Return ids of a key and of those that took over from it, one after another."""
        runners = self.signers(index)
        heirs, waiting = set[str](), [keyid]
        while waiting:
            heirs.add(at := waiting.pop())
            old = next((runner for runner in runners if runner.key.keyid == at), None)
            waiting += [
                runner.key.keyid
                for runner in runners
                if old and runner.replaces == old.id and self._took_over(old, runner)
                if runner.key.keyid not in heirs
            ]
        return heirs

    def _took_over(self, old: Runner, new: Runner) -> bool:
        return new.key.keyid in self.registered or identity.hands_over(old, new)

    def _runners(self) -> Iterator[Runner]:
        yield from self.known
        yield from (runner for _, runner in self.registered.values())

    def _replaced(self, runner: Runner) -> Runner | None:
        return self._named.get(runner.replaces or "")

    def _distrust(self, keyid: str, start: int) -> None:
        """Distrust a key from an entry on; once distrusted, only further back."""
        spans = self.distrusted.setdefault(keyid, [])
        if spans and spans[-1].end is None:
            start = min(start, spans.pop().start)
        while spans and spans[-1].start >= start:
            spans.pop()
        spans.append(EntrySpan(start))

    def _trust(self, keyid: str, start: int) -> None:
        spans = self.distrusted[keyid]
        while spans and spans[-1].start >= start:
            spans.pop()
        if spans and (spans[-1].end is None or spans[-1].end > start):
            spans[-1] = replace(spans[-1], end=start)

    def _note_time(self, index: int, time: str) -> None:
        """Keep a stated time; one that goes back, or is not a time, is passed over."""
        if identity.is_time(time) and (not self.times or self.times[-1][1] <= time):
            self.times.append((index, time))


def _covers(span: EntrySpan, index: int) -> bool:
    return span.start <= index and (span.end is None or index < span.end)


def events(runners: Sequence[Runner], known: KeyLog) -> Iterator[dict[str, Any]]:
    """Return the records that bring a log up to the key files, in order of their ids."""
    by_id = {runner.id: runner for runner in runners}
    for runner in sorted(runners, key=lambda listed: listed.id):
        keyid = runner.key.keyid
        if keyid not in known.added:
            yield key_added(runner.id, runner.key)
        old = by_id.get(runner.replaces or "")
        if old and known.good(old.key.keyid) and identity.hands_over(old, runner):
            yield _record("rotated", old.key.keyid, runner=old.id, by=keyid)
        if runner.revoked_reason and known.good(keyid):
            yield _record("revoked", keyid, runner=runner.id, reason=runner.revoked_reason)


def key_added(runner: str, key: Key) -> dict[str, Any]:
    """Return the record of a new key; of a keyless one it names the root of trust in force."""
    root = key.keyval.get("trusted_root_sha256")
    return _record("added", key.keyid, runner=runner, **({"trusted_root": root} if root else {}))


def time_entry(time: str) -> bytes:
    """Return the entry in which the log's operator states the time.

    Args:
        time: RFC 3339 in UTC, to the second.
    """
    return strict_json.canonical({"time": time, "type": "time"})


def _record(action: str, keyid: str, **more: str) -> dict[str, Any]:
    return {"type": "key", "action": action, "keyid": keyid, **more}
