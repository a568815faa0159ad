"""From the bytes of a submission to a candidate for the store, or to a problem with its name."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from results.archive.beside import evidence_of
from results.checks import Context, SampleFigures, fingerprints, judge, outcome
from results.checks.evidence import harness_of
from results.keys.identity import one_key_a_name, read_folder, runner_id
from results.keys.keyless import KeylessKey
from results.proof import envelope, moderation
from results.proof.keylog import KeyLog
from results.proof.moderation import Moderation
from results.service import parcel
from results.service.insert import Candidate
from results.service.problem import Problem
from results.service.store import payload_sha256
from suites.base.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from results.checks import Finding
    from results.keys.identity import Runner
    from results.proof.envelope import Verified
    from results.proof.moderation import ResultNotice
    from results.proof.notice import Notice
    from results.service.challenge import Challenges
    from results.service.store import Store
    from results.statement.statement import Statement

__all__ = ["Intake"]

_LOG = logging.getLogger(__name__)
_MANY_FILES, _LOOK_EVERY_S = 500, 1.0
_NOT_SENT = SampleFigures(absent="no raw samples were sent with it")


@dataclass(slots=True, kw_only=True)
class Intake:
    """Judges submissions.

    Attributes:
        folders: of key files of those who may submit.
        challenges: judge of nonces.
        store: tells what is known already.
        keys: what the log says of keys.
        moderation: what it says of results besides themselves.
        announce: called when either changed.
        heard: how often another process announced that.
    """

    folders: Sequence[Path]
    challenges: Challenges
    store: Store
    keys: KeyLog = field(default_factory=KeyLog)
    moderation: Moderation = field(default_factory=Moderation)
    announce: Callable[[], None] = lambda: None
    heard: Callable[[], int] = lambda: 0
    _listed: list[Runner] = field(default_factory=list)
    _runners: list[Runner] = field(default_factory=list)
    _reading: Lock = field(default_factory=Lock)
    _seen: tuple[object, ...] = (None,)
    _glance: tuple[int, ...] = ()
    _looked_s: float = 0.0

    def runners(self) -> list[Runner]:
        """Return those who may submit now; key files and notices are read again when one changes.

        A file that is not a key file, or of a key that cannot be verified here, turns away nobody
        but its own runner, and is named in the log. Of very many files, what changes inside one is
        seen within a second.
        """
        told = (self.heard(), int(self.store.desk.switches.read_only))
        folders = [*self.folders, self.store.notice_folder]
        glance, now_s = (*told, *map(_changed_ns, folders)), time.monotonic()
        with self._reading:
            many = len(self._seen) > _MANY_FILES
            if many and glance == self._glance and now_s - self._looked_s < _LOOK_EVERY_S:
                return self._runners
            files = [path for folder in self.folders for path in sorted(folder.glob("*.toml"))]
            watched = [*files, *self.store.notice_files()]
            seen = (*told, *((str(path), _changed_ns(path)) for path in watched))
            self._glance, self._looked_s = glance, now_s
            if seen != self._seen:
                before, self._seen = self._seen, seen
                try:
                    self._read()
                except (OSError, OperationalError):  # a full disk: tried again with the next one
                    self._seen = before
                    raise
            return self._runners

    def _read(self) -> None:
        runners: list[Runner] = []
        files = []
        for folder in self.folders:
            registered = read_folder(folder, registered=True)
            for error in registered.broken:
                _LOG.warning("%s", error)
            usable = [runner for runner in registered if _usable(runner, folder)]
            runners += usable
            files += [folder / f"{runner.id}.toml" for runner in usable]
        one_key_a_name(runners)
        self.store.keep_key_files(files)
        keys = self.store.sync_keys(runners)
        listed = {runner.key.keyid for runner in runners}
        entered = [
            runner for _, runner in keys.registered.values() if runner.key.keyid not in listed
        ]
        self.moderation = self.store.sync_moderation(keys)
        self._listed, self._runners, self.keys = runners, [*runners, *entered], keys
        self.announce()

    def notice(self, body: bytes) -> tuple[ResultNotice, str]:
        """Read a notice about a result, and tell which key known here signed it.

        Raises:
            Problem: it is none, or a stranger's.
        """
        keys = [runner.key for runner in self.runners()]
        try:
            told = moderation.read(body, "notice")
        except UserError as error:
            raise _invalid(error) from error
        by = told.signer([*keys, *self.moderation.authority])
        if by is None:
            raise Problem(
                403,
                "signature",
                "no key known here verifies a signature of this notice",
                errors=[{"field": "signatures", "rule": "signature"}],
            )
        return told, by

    def moderate(self, told: ResultNotice) -> bool:
        """Take a notice about a result, durably on return; tell whether it is new.

        Raises:
            Problem: it would count for nothing.
        """
        with self._reading:
            if told.digest in self.moderation.entered:
                return False
            try:
                self.moderation = self.store.moderate(told, self.keys)
            except CheckError as error:
                raise Problem(422, "notice", f"the notice {error.what}") from error
        self.announce()
        return True

    def enter(self, told: Notice) -> bool:
        """Take a notice about a key, durably on return; tell whether it is new.

        Raises:
            Problem: it would count for nothing.
        """
        self.runners()
        with self._reading:
            if told.digest in self.keys.notices:
                return False
            try:
                self.store.enter_key_notice(told, self._listed)
            except CheckError as error:
                raise Problem(422, "notice", f"the notice {error.what}") from error
        self.runners()  # its file is new, so that all is read again
        return True

    def judge(self, body: bytes, samples: bytes | None = None) -> Candidate:
        """Verify, parse and check a submission; CPU-bound, about a millisecond per 10 kB.

        Args:
            body: the envelope.
            samples: the raw samples that came with it, compressed.

        Raises:
            Problem: with the status to answer.
        """
        now = datetime.now(UTC)
        runner, verified = self._verified(body)
        try:
            statement = envelope.parse(verified.payload, "statement")
        except UserError as error:
            raise _invalid(error) from error
        run = statement.predicate.run
        if run.runner not in {runner.id, runner_id(runner.key)}:
            raise Problem(
                422,
                "other-runner",
                f"the statement names runner {run.runner!r}, its signer is {runner.id!r}",
                errors=[{"field": "predicate.run.runner", "rule": "signer"}],
            )
        raw = None if samples is None else _raw(statement, samples)
        context = Context(
            now=now,
            nonce=self.challenges.judge(run.nonce, run.not_before, now),
            choose=self.challenges.choice(run.nonce) if run.nonce else None,
            claims=verified.claims,
            evidence=_NOT_SENT
            if raw is None
            else evidence_of(raw, "samples", harness_of(statement)),
        )
        judged = judge(statement, context)
        findings = judged.findings
        if outcome(findings) == "refused":
            raise refused([finding for finding in findings if finding.outcome == "refused"])
        received_at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if not runner.may_sign(received_at):
            raise Problem(
                403,
                "key-window",
                f"it is {received_at} here, outside the validity of {runner.id}",
                errors=[{"field": "signatures", "rule": "key-window"}],
            )
        digest, chip = envelope.digest(body), statement.predicate.machine.chip
        self._check_removed(digest)
        return Candidate(
            digest=digest,
            payload_sha256=payload_sha256(verified.payload),
            keyid=runner.key.keyid,
            runner=runner.id,
            received_at=received_at,
            chip=chip.catalog_id or chip.name,
            profile=run.profile,
            finished_at=run.finished_at,
            nonce=run.nonce,
            prints=fingerprints(statement),
            findings=findings,
            envelope=body,
            owner=runner.owner or runner.id,
            dated=runner.bounded,
            raw=raw,
            unchecked=judged.unchecked,
        )

    def _verified(self, body: bytes) -> tuple[Runner, Verified]:
        runners = self.runners()
        try:
            verified = envelope.verify(body, [runner.key for runner in runners], "envelope")
        except CheckError as error:
            raise Problem(
                403,
                "signature",
                "no key registered here verifies a signature of this envelope; `fenmark register` "
                "asks to be",
                errors=[{"field": "signatures", "rule": "signature"}],
            ) from error
        except UserError as error:
            raise _invalid(error) from error
        runner = next(listed for listed in runners if listed.key.keyid == verified.key.keyid)
        self._check_key(runner.key.keyid, runner.id)
        return runner, verified

    def judged_elsewhere(self, candidate: Candidate) -> None:
        """Hold a candidate that another process judged to what the log says by now.

        Raises:
            Problem: its key was revoked, or the result removed, meanwhile.
        """
        self.runners()
        self._check_key(candidate.keyid, candidate.runner)
        self._check_removed(candidate.digest)

    def _check_key(self, keyid: str, runner: str) -> None:
        if not self.keys.good(keyid):
            raise Problem(
                403,
                "key-revoked",
                f"the key of {runner} was revoked or replaced",
                errors=[{"field": "signatures", "rule": "key-revoked"}],
            )

    def _check_removed(self, digest: str) -> None:
        if self.moderation.state(digest).removed:
            raise Problem(410, "removed", "this result was removed from the board")


def _raw(statement: Statement, packed: bytes) -> bytes:
    """Decompress raw samples and hold them to the digest that was signed for.

    Raises:
        Problem: they are others, too large, or not compressed as asked.
    """
    try:
        raw = parcel.inflate(packed)
    except UserError as error:
        raise _invalid(error) from error
    digests = [file.digest.sha256 for file in statement.subject]
    if digests != [hashlib.sha256(raw).hexdigest()]:
        raise Problem(
            422,
            "other-samples",
            "the raw samples are not those that were signed for",
            errors=[{"field": "subject", "rule": "samples"}],
        )
    return raw


def _changed_ns(path: Path) -> int:
    """When a file changed last; 0 for one that went, or a link that leads nowhere."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def refused(findings: Sequence[Finding]) -> Problem:
    """Return the problem of a result whose figures cannot be."""
    errors = [
        {
            "field": finding.where,
            "rule": finding.rule,
            "detail": finding.reason,
            "formula": finding.formula,
        }
        for finding in findings[:100]
    ]
    first = findings[0]
    return Problem(422, "refused", f"{first.where}: {first.reason}", errors=errors)


def _invalid(error: UserError) -> Problem:
    name = error.where.partition(":")[2] or error.where
    return Problem(400, "invalid", str(error), errors=[{"field": name, "rule": error.what}])


def _usable(runner: Runner, folder: Path) -> bool:
    """Whether signatures of this runner can be verified here."""
    if not isinstance(runner.key, KeylessKey):
        return True
    try:
        runner.key.require()
    except UserError as error:
        _LOG.warning("%s", f"{folder / runner.id}.toml: {error}")
        return False
    return True
