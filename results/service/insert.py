"""What a batch of candidates becomes within the transaction that stores it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, insert, select, tuple_

from results.checks import copied, outcome, rules
from results.proof.receipt import result_entry
from results.service.orm import LogEntry, SampleDigest, Submission

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from results.checks import Finding

__all__ = [
    "Candidate",
    "StoredPlace",
    "choose_new",
    "insert_entries",
    "insert_new",
    "next_place",
    "places_of",
]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A verified and checked result that waits to be stored; fields as in `Submission`.

    Attributes:
        owner: of that key, as its registration says, or its runner's id.
        dated: its key is valid for a time, so that the log has to say when this was.
        nonce: of the challenge that it answers.
        prints: digests of what no two runs share, by name.
        raw: the raw samples that came with it, which give its figures; None where none came.
        unchecked: laws that could not be held, and why, one line each.
    """

    digest: str
    payload_sha256: str
    keyid: str
    runner: str
    received_at: str
    chip: str
    profile: str
    finished_at: str
    nonce: str | None
    prints: Mapping[str, str]
    findings: tuple[Finding, ...]
    envelope: bytes
    owner: str = ""
    dated: bool = False
    raw: bytes | None = None
    unchecked: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, str]:
        return self.payload_sha256, self.keyid

    @property
    def samples(self) -> set[str]:
        return set(self.prints.values())

    def row(self, place: StoredPlace) -> dict[str, Any]:
        """Columns of `Submission`."""
        return {
            "at": place.at,
            "digest": self.digest,
            "payload_sha256": self.payload_sha256,
            "keyid": self.keyid,
            "runner": self.runner,
            "chip": self.chip,
            "profile": self.profile,
            "finished_at": self.finished_at,
            "received_at": self.received_at,
            "nonce": self.nonce,
            "outcome": place.outcome,
            "findings": place.findings,
            "flags": place.flags,
            "envelope": self.envelope,
        }


class StoredPlace(NamedTuple):
    """Where a candidate is stored, and what was found when it was."""

    at: int
    size: int
    digest: str
    outcome: str
    findings: Sequence[dict[str, Any]]
    flags: Sequence[str]


def places_of(
    connection: Connection, batch: Sequence[Candidate]
) -> dict[tuple[str, str], StoredPlace]:
    """Places of the candidates known already, by identity."""
    identity = (Submission.payload_sha256, Submission.keyid)
    judged = (Submission.digest, Submission.outcome, Submission.findings, Submission.flags)
    query = (
        select(*identity, LogEntry.at, LogEntry.size, *judged)
        .join(LogEntry, LogEntry.at == Submission.at)
        .where(tuple_(*identity).in_({candidate.identity for candidate in batch}))
    )
    rows = connection.execute(query)
    return {(row[0], row[1]): StoredPlace._make(row[2:]) for row in rows}


def choose_new(
    connection: Connection, batch: Sequence[Candidate], taken: set[tuple[str, str]]
) -> list[Candidate]:
    """Candidates that neither are known nor answer a spent challenge, each once."""
    nonces = {candidate.nonce for candidate in batch if candidate.nonce}
    query = select(Submission.nonce).where(Submission.nonce.in_(nonces))
    spent = set(connection.scalars(query)) if nonces else set()
    new = []
    for candidate in batch:
        if candidate.identity not in taken and candidate.nonce not in spent:
            new.append(candidate)
            taken.add(candidate.identity)
            spent |= {candidate.nonce} if candidate.nonce else set()
    return new


def insert_new(
    connection: Connection, new: Sequence[Candidate]
) -> dict[tuple[str, str], StoredPlace]:
    """Insert candidates and their entries, which one checkpoint is to cover."""
    if not new:
        return {}
    known = _known_samples(connection, new)
    judged: list[list[Finding]] = []
    fresh: list[set[str]] = []
    for candidate in new:
        judged.append([*candidate.findings, *copied(candidate.prints, known)])
        fresh.append(candidate.samples - known.keys())
        known |= dict.fromkeys(fresh[-1], candidate.digest)
    flags = [rules(findings, "flagged") for findings in judged]
    entries = [
        result_entry(candidate.digest, named) for candidate, named in zip(new, flags, strict=True)
    ]
    start = insert_entries(connection, entries)
    places = {
        candidate.identity: StoredPlace(
            at=at,
            size=start + len(new),
            digest=candidate.digest,
            outcome=outcome(findings),
            findings=[finding.to_json() for finding in findings],
            flags=named,
        )
        for at, (candidate, findings, named) in enumerate(
            zip(new, judged, flags, strict=True), start
        )
    }
    connection.execute(
        insert(Submission), [candidate.row(places[candidate.identity]) for candidate in new]
    )
    samples = [
        {"sha256": sha256, "at": at}
        for at, digests in enumerate(fresh, start)
        for sha256 in sorted(digests)
    ]
    if samples:
        connection.execute(insert(SampleDigest), samples)
    return places


def insert_entries(connection: Connection, records: Sequence[bytes]) -> int:
    """Insert entries that one checkpoint is to cover; return the place of the first."""
    start = next_place(connection)
    size = start + len(records)
    rows = [{"at": at, "record": record, "size": size} for at, record in enumerate(records, start)]
    connection.execute(insert(LogEntry), rows)
    return start


def next_place(connection: Connection) -> int:
    last = connection.scalar(select(func.max(LogEntry.at)))
    return 0 if last is None else last + 1


def _known_samples(connection: Connection, new: Sequence[Candidate]) -> dict[str, str]:
    """Which samples and figures of these are known, and by the digest of which result."""
    wanted = set[str]().union(*(candidate.samples for candidate in new))
    query = (
        select(SampleDigest.sha256, Submission.digest)
        .join(Submission, Submission.at == SampleDigest.at)
        .where(SampleDigest.sha256.in_(wanted))
    )
    return {row.sha256: row.digest for row in connection.execute(query)}
