"""Notices about results: withdrawn, disputed, resolved, superseded, removed, in the log's order.

A notice never changes the result it is about: its entry stays, and what the board says is what the
notices behind it say, as far as somebody reads them. Of a removed result its digest and the reason
stay; the envelope and the raw samples may go, which is why the removal names the key that signed.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from results.proof import envelope, notice
from results.proof.keylog import KeyLog
from results.statement import strict_json
from results.statement.statement import STATEMENT_TYPE, Sha256, Subject, Timestamp
from results.statement.texts import LINE
from suites.base.errors import UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from securesystemslib.signer import Key

__all__ = [
    "MODERATION_TYPE",
    "MOST_BYTES",
    "Logged",
    "Moderation",
    "Placed",
    "ResultAction",
    "ResultNotice",
    "ResultState",
    "draft",
    "entry",
    "is_about_result",
    "read",
]

MODERATION_TYPE = "urn:fenmark:moderation:v1"
# Of an envelope: its texts are 3,000 characters at most.
MOST_BYTES = 32 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_AHEAD = timedelta(minutes=10)  # that a signer's clock may be before the log's

ResultAction = Literal["withdrawn", "disputed", "resolved", "superseded", "removed"]
_NEEDS = {"disputed": "evidence", "superseded": "newer", "removed": "keyid"}
_ADMINISTRATORS = {"resolved", "removed"}
# Whatever else is said of it, a result of these does not rank.
_UNRANKED: tuple[ResultAction, ...] = ("removed", "withdrawn", "superseded")
_REVOKED = "is signed by a key that was revoked or replaced"


class _ModerationPredicate(StrictModel):
    """What is said.

    Attributes:
        at: when, by the clock of who says it; what counts is the place in the log.
        evidence: of a dispute: what speaks against the result, as a text or an address.
        newer: of a result that is superseded: digest of the one that stands in its place.
        keyid: of a removal: of the key that signed the result.
    """

    schema_version: Literal[1]
    action: ResultAction
    at: Timestamp
    reason: Annotated[str, Field(max_length=1000, pattern=LINE)]
    evidence: Annotated[str, Field(min_length=1, max_length=2000, pattern=LINE)] | None = None
    newer: Sha256 | None = None
    keyid: Sha256 | None = None

    @model_validator(mode="after")
    def _fits_its_action(self) -> _ModerationPredicate:
        needed = _NEEDS.get(self.action)
        for name in _NEEDS.values():
            if name != needed and getattr(self, name) is not None:
                raise ValueError(f"{self.action} takes no {name}")
        if needed and getattr(self, needed) is None:
            raise ValueError(f"{self.action} needs {needed}")
        if not self.reason.strip():
            raise ValueError(f"{self.action} needs a reason")
        return self


class _ModerationStatement(StrictModel):
    type_: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[list[Subject], Field(min_length=1, max_length=1)]
    predicateType: Literal["urn:fenmark:moderation:v1"]  # noqa: N815 - in-toto's own name
    predicate: _ModerationPredicate


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultNotice:
    """A notice, read; nobody's word until `signer` names somebody.

    Attributes:
        digest: SHA-256 of its envelope, which is what the log holds.
        payload_sha256: of what is signed: who repeats a notice in another envelope repeats it.
        result: digest of the result it is about.
        data: the envelope.
    """

    digest: str
    payload_sha256: str
    result: str
    action: ResultAction
    at: str
    reason: str
    evidence: str | None
    newer: str | None
    keyid: str | None
    data: bytes

    def signer(self, keys: Iterable[Key]) -> str | None:
        """Return the id of the key, among these, that signed it; None where none did."""
        try:
            return envelope.verify(self.data, keys, self.digest).key.keyid
        except UserError:  # of another kind of key, too: it is not one of these
            return None


@dataclass(frozen=True, slots=True)
class Placed:
    """A notice that counts: its index, the log's time then, and the id of the key that signed."""

    index: int
    time: str | None
    by: str
    notice: ResultNotice

    def lines(self) -> Iterator[str]:
        """Yield what it says, for people."""
        when = self.time or f"entry {self.index}"
        yield f"{self.notice.action} ({when}): {self.notice.reason}"
        if self.notice.evidence:
            yield f"evidence: {self.notice.evidence}"
        if self.notice.newer:
            yield f"newer: {self.notice.newer}"

    def to_json(self) -> dict[str, Any]:
        told = self.notice
        more = {name: getattr(told, name) for name in ("evidence", "newer", "keyid")}
        return {
            "notice": told.digest,
            "index": self.index,
            "time": self.time,
            "action": told.action,
            "result": told.result,
            "reason": told.reason,
            "at": told.at,
            "by": self.by,
            **{name: value for name, value in more.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class ResultState:
    """What the board says of a result: the notices about it, in the log's order."""

    notices: tuple[Placed, ...] = ()

    def before(self, index: int) -> ResultState:
        """Return what it said when the log had so many entries."""
        return ResultState(tuple(placed for placed in self.notices if placed.index < index))

    def last(self, action: ResultAction) -> Placed | None:
        """Return the last notice of this kind."""
        return next(
            (placed for placed in reversed(self.notices) if placed.notice.action == action), None
        )

    @property
    def disputes(self) -> tuple[Placed, ...]:
        """Disputes that no administrator has resolved."""
        resolved = self.last("resolved")
        since = resolved.index if resolved else -1
        disputes = (placed for placed in self.notices if placed.notice.action == "disputed")
        return tuple(placed for placed in disputes if placed.index > since)

    @property
    def speaking(self) -> Placed | None:
        """The notice that says what is shown of the result; None where there is none."""
        if not self.notices:  # as of nearly all
            return None
        for action in _UNRANKED:
            if last := self.last(action):
                return last
        return self.disputes[-1] if self.disputes else self.last("resolved")

    @property
    def name(self) -> str:
        """Return "removed", "withdrawn", "superseded", "disputed", "resolved" or nothing."""
        return self.speaking.notice.action if self.speaking else ""

    @property
    def mark(self) -> str:
        """Return what is said beside its figures: its state, unless all was resolved."""
        return "" if self.name == "resolved" else self.name

    @property
    def ranks(self) -> bool:
        """Whether it may rank, for all that notices say."""
        return self.name not in _UNRANKED

    @property
    def confirms(self) -> bool:
        """Whether it may confirm another result, or be confirmed."""
        return self.name not in {"removed", "withdrawn"}

    @property
    def removed(self) -> bool:
        return self.name == "removed"

    def to_json(self) -> dict[str, Any] | None:
        """Return state, reason and history; None where nobody has said anything."""
        if self.speaking is None:
            return None
        told = self.speaking.notice
        return {
            "state": told.action,
            "reason": told.reason,
            **({"newer": told.newer} if told.newer else {}),
            "ranks": self.ranks,
            "history": [placed.to_json() for placed in self.notices],
        }


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a result is in the log, and id of the key that signed it; None: it is not at hand."""

    index: int
    keyid: str | None


@dataclass(slots=True, kw_only=True)
class Moderation:
    """What a log says of results besides themselves.

    Attributes:
        keys: what it says of keys.
        authority: keys of its administrators.
        logged: tells where a result of the log is; None where it holds none of this digest.
        entered: digests of the notices in the log.
        refused: digest and fault of those that count for nothing.
    """

    keys: KeyLog = field(default_factory=KeyLog)
    authority: Sequence[Key] = ()
    logged: Callable[[str], Logged | None] = lambda _: None
    entered: set[str] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)
    _placed: dict[str, list[Placed]] = field(default_factory=lambda: defaultdict(list))
    _payloads: set[str] = field(default_factory=set)
    # By result, of those whose envelope may be gone: the key that signed, by the removal's word.
    _gone: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        records: Iterable[tuple[int, dict[str, Any]]],
        fetch: Callable[[str], bytes],
        *,
        keys: KeyLog,
        authority: Sequence[Key],
        logged: Callable[[str], Logged | None],
    ) -> Moderation:
        """Read it from (index, record) pairs of a log, in order; other records are passed over.

        Args:
            fetch: gives the envelope of a notice by its digest; raises UserError where it is none.
        """
        moderation = cls(keys=keys, authority=authority, logged=logged)
        read_ones: list[tuple[int, ResultNotice]] = []
        for index, record in records:
            match record:
                case {"type": "moderation", "moderation": str(digest)} if _DIGEST.fullmatch(digest):
                    moderation.entered.add(digest)
                    try:
                        read_ones.append((index, _fetched(digest, fetch)))
                    except UserError as error:
                        moderation.refused.append((digest, str(error)))
                case _:
                    pass
        for _, told in read_ones:
            if told.keyid and told.signer(authority):
                moderation._gone.setdefault(told.result, told.keyid)
        for index, told in read_ones:
            fault = moderation._take(told, index)
            # It was good when it was entered; that its key was stolen came out later.
            if fault and fault != _REVOKED:
                moderation.refused.append((told.digest, fault))
        return moderation

    @property
    def states(self) -> dict[str, ResultState]:
        """What is said of each result of which something is said, by its digest."""
        return {digest: ResultState(tuple(placed)) for digest, placed in self._placed.items()}

    @property
    def notices(self) -> list[Placed]:
        """Those that count, in the log's order."""
        return sorted(
            (placed for of_result in self._placed.values() for placed in of_result),
            key=lambda placed: placed.index,
        )

    @property
    def disputes(self) -> list[Placed]:
        """Disputes that wait for an administrator, in the log's order."""
        disputes = (placed for state in self.states.values() for placed in state.disputes)
        return sorted(disputes, key=lambda placed: placed.index)

    def state(self, digest: str) -> ResultState:
        """Return what is said of a result."""
        return ResultState(tuple(self._placed.get(digest, ())))

    def offer(self, told: ResultNotice, index: int, now: datetime) -> str:
        """Take a notice as the entry at an index, or say why it would count for nothing."""
        if datetime.fromisoformat(told.at) > now + _MOST_AHEAD:
            return f"is dated {told.at}, and it is {now:%Y-%m-%dT%H:%M:%SZ} here"
        fault = self._take(told, index)
        if not fault:
            self.entered.add(told.digest)
        return fault

    def _take(self, told: ResultNotice, index: int) -> str:
        fault = next(self._faults(told, index), "")
        by = None if fault else told.signer(self._allowed(told, index))
        if by is None:
            return fault or self._unsigned(told, index)
        if told.action == "disputed" and any(
            dispute.by == by for dispute in self.state(told.result).disputes
        ):
            return "is a second dispute by the same key, and the first is open"
        placed = Placed(index, self.keys.time_of(index), by, told)
        self._placed[told.result].append(placed)
        self._payloads.add(told.payload_sha256)
        return ""

    def _faults(self, told: ResultNotice, index: int) -> Iterator[str]:
        logged, state = self.logged(told.result), self.state(told.result)
        if logged is None or logged.index >= index:
            yield "is about a result that the log does not hold before it"
            return
        if told.payload_sha256 in self._payloads:
            yield "says again what an earlier notice says"
        if told.action in _UNRANKED:
            yield from (
                f"is about a result that was {action} already"
                for action in _UNRANKED[: _UNRANKED.index(told.action) + 1]
                if state.last(action)
            )
        if told.action == "resolved" and not state.disputes:
            yield "resolves a dispute, and there is none"
        if told.action == "removed" and logged.keyid not in {None, told.keyid}:
            yield "names another key than the one that signed the result"
        if told.newer:
            yield from self._newer_faults(told, logged, index)

    def _newer_faults(self, told: ResultNotice, logged: Logged, index: int) -> Iterator[str]:
        newer = self.logged(told.newer or "")
        if newer is None or not logged.index < newer.index < index:
            yield "names as newer what the log does not hold between the result and the notice"
        elif self._owner(told.newer or "", newer) not in self._owners(told.result, logged, index):
            yield "names as newer what another key signed"

    def _owner(self, digest: str, logged: Logged) -> str:
        return logged.keyid or self._gone.get(digest, "")

    def _owners(self, digest: str, logged: Logged, index: int) -> set[str]:
        return self.keys.heirs(self._owner(digest, logged), index)

    def _entitled(self, told: ResultNotice, index: int) -> list[Key]:
        """Keys that may say this, revoked ones among them."""
        if told.action in _ADMINISTRATORS:
            return list(self.authority)
        keys = [runner.key for runner in self.keys.signers(index)]
        logged = self.logged(told.result)
        if told.action == "disputed" or logged is None:
            return [*keys, *self.authority]
        owners = self._owners(told.result, logged, index)
        return [key for key in keys if key.keyid in owners]

    def _allowed(self, told: ResultNotice, index: int) -> list[Key]:
        return [key for key in self._entitled(told, index) if self.keys.good(key.keyid, index)]

    def _unsigned(self, told: ResultNotice, index: int) -> str:
        if told.signer(self._entitled(told, index)):
            return _REVOKED
        if told.action in _ADMINISTRATORS:
            return "is signed by no administrator of this log"
        if told.action == "disputed":
            return "is signed by no runner known here"
        return "is not signed by the key that signed the result"


def draft(
    action: ResultAction,
    result: str,
    now: datetime,
    *,
    reason: str,
    evidence: str | None = None,
    newer: str | None = None,
    keyid: str | None = None,
) -> bytes:
    """Return the payload of a notice about a result, to be signed.

    Args:
        result: digest of its envelope.
        evidence, newer, keyid: as the action needs it.

    Raises:
        UserError: the words do not fit the action.
    """
    named = {"evidence": evidence, "newer": newer, "keyid": keyid}
    payload = strict_json.canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": f"{result[:12]}.dsse.json", "digest": {"sha256": result}}],
            "predicateType": MODERATION_TYPE,
            "predicate": {
                "schema_version": 1,
                "action": action,
                "at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "reason": reason,
                **{name: value for name, value in named.items() if value is not None},
            },
        }
    )
    notice.fitted(payload, _ModerationStatement, "the notice")
    return payload


def entry(digest: str) -> bytes:
    """Return the log entry of a notice's envelope."""
    return strict_json.canonical({"moderation": digest, "type": "moderation"})


def is_about_result(data: bytes) -> bool:
    """Tell a notice about a result from one about a key, before either is believed."""
    try:
        stated = strict_json.loads(envelope.payload_of(data, "notice"), "notice")
    except UserError:
        return False
    return isinstance(stated, dict) and stated.get("predicateType") == MODERATION_TYPE


def read(data: bytes, where: str) -> ResultNotice:
    """Read a notice's envelope strictly, before its signatures.

    Raises:
        UserError: it is not a notice about a result, or too large.
    """
    if len(data) > MOST_BYTES:
        raise UserError(f"has {len(data)} bytes", where=where, expected=f"at most {MOST_BYTES}")
    payload = envelope.payload_of(data, where)
    stated = notice.fitted(payload, _ModerationStatement, where)
    told = stated.predicate
    try:
        datetime.fromisoformat(told.at)
    except ValueError as error:
        raise UserError(f"{told.at} is not a date", where=f"{where}:predicate.at") from error
    return ResultNotice(
        digest=envelope.digest(data),
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        result=stated.subject[0].digest.sha256,
        action=told.action,
        at=told.at,
        reason=told.reason,
        evidence=told.evidence,
        newer=told.newer,
        keyid=told.keyid,
        data=data,
    )


def _fetched(digest: str, fetch: Callable[[str], bytes]) -> ResultNotice:
    told = read(fetch(digest), digest)
    if told.digest != digest:
        raise UserError("is not what the log holds", where=digest)
    return told
