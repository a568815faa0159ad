"""From the bytes of a submission to a candidate for the store, or to a problem with its name."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from results import envelope
from results.batch import Candidate
from results.checks import Context, check, outcome
from results.identity import read_folder, runner_id
from results.keyless import KeylessKey, LibraryMissingError
from results.keylog import KeyLog
from results.store import payload_sha256
from suites.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from results.challenge import Challenges
    from results.checks import Finding
    from results.envelope import Verified
    from results.identity import Runner
    from results.store import Store

__all__ = ["Intake", "Problem"]

_LOG = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """Why a request failed, as RFC 9457 has it."""

    def __init__(
        self, status: int, name: str, detail: str, *, errors: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Keep the members of the document.

        Args:
            status: HTTP status.
            name: last part of the type's URN, the same for every such problem.
            detail: one line for people.
            errors: field and rule of each finding.
        """
        super().__init__(detail)
        self.status, self.name, self.detail, self.errors = status, name, detail, errors

    def to_json(self) -> dict[str, Any]:
        """Return the problem document."""
        more = {"errors": list(self.errors)} if self.errors else {}
        return {
            "type": f"urn:fenmark:problem:{self.name}",
            "title": self.name.replace("-", " "),
            "status": self.status,
            "detail": self.detail,
            **more,
        }


@dataclass(slots=True, kw_only=True)
class Intake:
    """Judges submissions.

    Attributes:
        folders: of key files of those who may submit.
        challenges: judge of nonces.
        store: tells what is known already.
        keys: what the log says of keys.
    """

    folders: Sequence[Path]
    challenges: Challenges
    store: Store
    keys: KeyLog = field(default_factory=KeyLog)
    _runners: list[Runner] = field(default_factory=list)
    _reading: Lock = field(default_factory=Lock)
    _seen: tuple[tuple[str, int], ...] = ((" ", 0),)

    def runners(self) -> list[Runner]:
        """Return those who may submit now; key files are read again when one changes.

        A file that is no key file, or of a key that cannot be verified here, turns away nobody
        but its own runner, and is named in the log.

        Raises:
            UserError: at the start: a workflow may submit, and Sigstore's library is not installed.
        """
        files = [path for folder in self.folders for path in sorted(folder.glob("*.toml"))]
        seen = tuple((str(path), _changed_ns(path)) for path in files)
        with self._reading:
            if seen != self._seen:
                self._seen = seen
                self._read()
            return self._runners

    def _read(self) -> None:
        runners, files = [], []
        for folder in self.folders:
            found = read_folder(folder, registered=True)
            for error in found.broken:
                _LOG.warning("%s", error)
            usable = [runner for runner in found if self._usable(runner, folder)]
            runners += usable
            files += [folder / f"{runner.id}.toml" for runner in usable]
        self._runners = runners
        self.store.keep_key_files(files)
        self.keys = self.store.sync_keys(self._runners)

    def _usable(self, runner: Runner, folder: Path) -> bool:
        if not isinstance(runner.key, KeylessKey):
            return True
        try:
            runner.key.require()
        except UserError as error:
            if isinstance(error, LibraryMissingError) and not self._runners:
                raise
            _LOG.warning("%s", f"{folder / runner.id}.toml: {error}")
            return False
        return True

    def judge(self, body: bytes) -> Candidate:
        """Verify, parse and check a submission; CPU-bound, about a millisecond per 10 kB.

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
        context = Context(
            now=now,
            nonce=self.challenges.judge(run.nonce, run.not_before, now),
            choose=self.challenges.choice(run.nonce) if run.nonce else None,
            claims=verified.claims,
        )
        findings = check(statement, context)
        if outcome(findings) == "refused":
            raise refused([one for one in findings if one.outcome == "refused"])
        if not runner.may_sign(run.finished_at):
            raise Problem(
                403,
                "key-window",
                f"the run ended at {run.finished_at}, outside the validity of {runner.id}",
                errors=[{"field": "predicate.run.finished_at", "rule": "key-window"}],
            )
        return Candidate(
            digest=envelope.digest(body),
            payload_sha256=payload_sha256(verified.payload),
            keyid=runner.key.keyid,
            runner=runner.id,
            received_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            findings=tuple(findings),
            statement=statement,
            envelope=body,
        )

    def _verified(self, body: bytes) -> tuple[Runner, Verified]:
        runners = self.runners()
        try:
            verified = envelope.verify(body, [runner.key for runner in runners], "envelope")
        except CheckError as error:
            raise Problem(
                403,
                "signature",
                "no key registered here verifies a signature of this envelope; keys are added by "
                "pull request (`fenmark keys show`)",
                errors=[{"field": "signatures", "rule": "signature"}],
            ) from error
        except UserError as error:
            raise _invalid(error) from error
        runner = next(one for one in runners if one.key.keyid == verified.key.keyid)
        if not self.keys.good(runner.key.keyid):
            raise Problem(
                403,
                "key-revoked",
                f"the key of {runner.id} was revoked or replaced",
                errors=[{"field": "signatures", "rule": "key-revoked"}],
            )
        return runner, verified


def _changed_ns(path: Path) -> int:
    """When a file changed last; 0 for one that went, or a link that leads nowhere."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def refused(findings: Sequence[Finding]) -> Problem:
    """Return the problem of a result whose figures cannot be."""
    errors = [
        {"field": one.where, "rule": one.rule, "detail": one.reason} for one in findings[:100]
    ]
    first = findings[0]
    return Problem(422, "refused", f"{first.where}: {first.reason}", errors=errors)


def _invalid(error: UserError) -> Problem:
    name = error.where.partition(":")[2] or error.where
    return Problem(400, "invalid", str(error), errors=[{"field": name, "rule": error.what}])
