"""A folder of results with its log: add a result so that nothing is half-there, read it back.

Layout: `<digest>.dsse.json` (or below `submissions/`), `runners/<id>.toml`, `log/`,
`samples/<digest>.json`, `summary.json`.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from results import bounded, envelope, strict_json
from results import checkpoint as notes
from results.checks import Finding
from results.identity import REGISTERED, Runner, read_folder, runner_id, runner_toml
from results.keyless import KeylessKey
from results.keylog import KeyLog, key_added
from results.ledger import Appended, Ledger
from results.receipt import result_entry
from suites.child import write_atomically
from suites.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from securesystemslib.signer import Signer

    from results.cosignature import Policy
    from results.statement import Predicate, Run, Statement

__all__ = [
    "SUFFIX",
    "Opened",
    "Receipt",
    "Surroundings",
    "accept",
    "envelopes",
    "home_of",
    "log_keys",
    "log_origin",
    "open_bytes",
    "open_result",
    "other_samples",
    "read",
    "surroundings",
]

SUFFIX = ".dsse.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A result that is signed, stored and logged.

    Attributes:
        digest: SHA-256 of the envelope's bytes, the stem of its file.
        logged: index, checkpoint and inclusion proof.
    """

    digest: str
    logged: Appended


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A result whose signature holds, parsed.

    Attributes:
        claims: what a keyless signature's certificate says of the job that signed.
    """

    digest: str
    statement: Statement
    runner: Runner
    claims: Mapping[str, str] = field(default_factory=dict)

    @property
    def keyid(self) -> str:
        return self.runner.key.keyid

    @property
    def key_tier(self) -> str:
        return self.runner.tier

    @property
    def predicate(self) -> Predicate:
        return self.statement.predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the envelopes of an archive are held against besides their own signature.

    Attributes:
        runners: keys of the catalogue, then those of the archive itself.
        places: index of each envelope in the verified log; None where there is none to trust.
        keys: key events of that log.
        problem: why the log does not hold; None when it does, or when there is no log.
    """

    runners: Sequence[Runner]
    places: Mapping[str, int] | None
    keys: KeyLog
    problem: str | None

    def flags(self, opened: Opened) -> Iterator[Finding]:
        """Yield what a reader should know of a result and the key whose signature holds."""
        runner, named = opened.runner, opened.predicate.run.runner
        if runner.revoked_reason and self.keys.good(runner.key.keyid):
            reason = f"of {runner.id} was revoked ({runner.revoked_reason}); no log here says when"
            yield Finding(rule="key", outcome="flagged", where="signatures", reason=reason)
        if named not in {runner.name, runner_id(runner.key)}:
            reason = f"{named} is named, {runner.name} signed"
            yield Finding(rule="runner", outcome="flagged", where="run.runner", reason=reason)

    def problems(self, digest: str, runner: Runner, finished_at: str, where: str) -> Iterator[str]:
        """Yield what speaks against an envelope whose signature by the runner holds.

        A key signs for runs in its window, and for entries before its revocation.
        """
        if self.problem:
            yield self.problem
        if not runner.may_sign(finished_at):
            yield f"{where}: the run ended at {finished_at}, outside the validity of {runner.id}"
        if self.places is None:
            return
        place = self.places.get(digest)
        if place is None:
            yield f"{where}: not in the log beside it"
        elif not self.keys.good(runner.key.keyid, place):
            yield f"{where}: entered the log after the key of {runner.id} was revoked or replaced"


def accept(
    directory: Path, payload: bytes, signer: Signer, log_signer: Signer | None = None
) -> Receipt:
    """Sign a statement's payload bytes, store the envelope and log it.

    The same payload and key give the same receipt, so a call that was killed is simply made
    again. Envelope first, log last: an entry never points at an envelope that is not there. An
    envelope of ours that an earlier, killed call left unlogged is logged too.

    Args:
        log_signer: signs the log's checkpoints, where the signer has no Ed25519 key.

    Raises:
        UserError: the payload is no valid statement, or the folder's log is another key's.
        CheckError: the new signature does not verify, or the log is damaged.
    """
    envelope.parse(payload, "the statement")
    sealed = _signed_before(directory, payload, signer) or envelope.sign(payload, signer)
    found = envelope.digest(sealed)
    logger = log_signer or signer
    keys = directory / "runners"
    keys.mkdir(parents=True, exist_ok=True)
    for key in (signer.public_key, logger.public_key):
        write_atomically(keys / f"{runner_id(key)}.toml", runner_toml(key).encode())
    write_atomically(directory / f"{found}{SUFFIX}", sealed)
    log = directory / "log"
    log.mkdir(exist_ok=True)
    ledger = Ledger(log)
    origin = log_origin(logger)
    if isinstance(signer.public_key, KeylessKey):  # its root of trust is for the log to remember
        added = strict_json.canonical(key_added(runner_id(signer.public_key), signer.public_key))
        ledger.append(added, origin=origin, signer=logger)
    for digest in [*_left_behind(directory, ledger, signer), found]:
        logged = ledger.append(result_entry(digest), origin=origin, signer=logger)
    return Receipt(digest=found, logged=logged)


def envelopes(directory: Path) -> list[Path]:
    """List the envelope files of an archive, in order of name."""
    found = [*directory.glob(f"*{SUFFIX}"), *directory.glob(f"submissions/*{SUFFIX}")]
    return sorted(found, key=lambda path: path.name)


def open_result(path: Path, runners: Sequence[Runner] | None = None) -> Opened:
    """Verify one envelope file's signature and parse it.

    Args:
        runners: keys to try; by default the catalogue's and those of the file's archive.

    Raises:
        UserError: it cannot be read, or is no result.
        CheckError: its signature or its name does not hold.
    """
    if runners is None:
        runners = [_counted(runner, KeyLog()) for runner in _runners(home_of(path))]
    return open_bytes(read(path), path, runners)


def open_bytes(data: bytes, path: Path, known: Sequence[Runner]) -> Opened:
    """Verify and parse the bytes read from an envelope file.

    Raises:
        UserError, CheckError: as `open_result`.
    """
    verified = envelope.verify(data, [runner.key for runner in known], str(path))
    statement = envelope.parse(verified.payload, str(path))
    digest = envelope.digest(data)
    if path.name != f"{digest}{SUFFIX}":
        raise CheckError(f"has digest {digest}", where=str(path), expected="the name of the file")
    _check_dates(statement.predicate.run, str(path))
    runner = next(item for item in known if item.key.keyid == verified.key.keyid)
    return Opened(digest=digest, statement=statement, runner=runner, claims=verified.claims)


def _check_dates(run: Run, where: str) -> None:
    """Refuse a run whose dates are none, or that ended before it began.

    Raises:
        CheckError: so it is.
    """
    try:
        began, ended = map(datetime.fromisoformat, (run.started_at, run.finished_at))
    except ValueError as error:
        raise CheckError(
            f"{run.started_at} or {run.finished_at} is no date", where=f"{where}:run"
        ) from error
    if ended < began:
        raise CheckError(
            f"ended at {run.finished_at}, before it began at {run.started_at}", where=f"{where}:run"
        )


def other_samples(path: Path, statement: Statement) -> Iterator[str]:
    """Yield what is wrong with the raw samples that lie beside an envelope; none need to."""
    for subject in statement.subject:
        expected = subject.digest.sha256
        place = home_of(path) / "samples" / f"{expected}.json"
        if not place.is_file():
            continue
        with place.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                yield f"{place}: not the raw samples that were signed for"


def log_keys(runners: Sequence[Runner], origin: str) -> list[bytes]:
    """Return the keys that may sign a log: those of the key file its origin ends with, no others.

    Returns:
        Raw Ed25519 keys of 32 bytes.
    """
    named = [runner.key.to_dict() for runner in runners if runner.id == origin.rpartition("/")[2]]
    return [notes.ed25519_bytes(key) for key in named if key["keytype"] == "ed25519"]


def surroundings(
    home: Path, earlier: Path | None = None, policy: Policy | None = None
) -> Surroundings:
    """Read the keys of an archive and verify its log.

    Args:
        earlier, policy: as for `verification.verify`.

    Raises:
        UserError: a key file is broken.
    """
    runners = _runners(home)
    log = home / "log"
    places, keys, problem = None, KeyLog(), None
    if log.is_dir():
        try:
            places, keys = _contents(_verified(log, runners, earlier, policy))
        except UserError as error:
            problem = str(error)
    elif earlier or policy:
        problem = f"{log}: no log to hold to account"
    counted = [_counted(runner, keys) for runner in runners]
    return Surroundings(runners=counted, places=places, keys=keys, problem=problem)


def _signed_before(directory: Path, payload: bytes, signer: Signer) -> bytes | None:
    """Find what an earlier call signed: Ed25519 alone gives the same signature every time."""
    if signer.public_key.keytype == "ed25519":
        return None
    for path in envelopes(directory):
        data = read(path)
        with suppress(UserError):  # another key's, or damaged: for `verify` to report
            if envelope.verify(data, [signer.public_key], str(path)).payload == payload:
                return data
    return None


def _left_behind(directory: Path, ledger: Ledger, signer: Signer) -> Iterator[str]:
    """Find envelopes this key signed that the log does not hold."""
    logged = set(ledger.entries())
    for path in envelopes(directory):
        data = read(path)
        digest = envelope.digest(data)
        if result_entry(digest) in logged or path.name != f"{digest}{SUFFIX}":
            continue
        with suppress(UserError):  # another key's, or damaged: for `verify` to report
            envelope.verify(data, [signer.public_key], str(path))
            yield digest


def _verified(
    log: Path, runners: Sequence[Runner], earlier: Path | None, policy: Policy | None
) -> Ledger:
    """Return the log once its signature and tiles hold.

    Raises:
        UserError: something does not hold.
    """
    ledger = Ledger(log)
    keys = log_keys(runners, ledger.unverified().origin)
    cosigned = log / "cosigned"
    if policy:
        policy.check(read(cosigned), str(cosigned))
    seen = [path for path in (earlier, cosigned if cosigned.exists() else None) if path]
    ledger.verify(keys, [notes.verify(read(path), keys, str(path)) for path in seen])
    return ledger


def _contents(ledger: Ledger) -> tuple[dict[str, int], KeyLog]:
    """Index of each envelope, and the key events; other records are passed over."""
    places: dict[str, int] = {}
    others: list[tuple[int, dict[str, Any]]] = []
    for index, entry in enumerate(ledger.entries()):
        match strict_json.loads(entry, str(ledger.home)):
            case {"type": "result", "envelope": str(digest)}:
                places.setdefault(digest, index)  # what counts is when it came first
            case dict(record):
                others.append((index, record))
            case _:
                pass
    return places, KeyLog.of(others)


def _runners(home: Path) -> list[Runner]:
    """Registered keys first, so that a key known to the catalogue counts as registered."""
    return [*read_folder(REGISTERED, registered=True), *read_folder(home / "runners")]


def _counted(runner: Runner, keys: KeyLog) -> Runner:
    """Take a revoked key for registered only where a log says what it signed before.

    Whoever stole it can begin a log of their own, in which it was never revoked.
    """
    unsaid = runner.revoked_reason is not None and keys.good(runner.key.keyid)
    return replace(runner, registered=False) if unsaid else runner


def home_of(path: Path) -> Path:
    """Return the archive an envelope file lies in."""
    return path.parent.parent if path.parent.name == "submissions" else path.parent


def log_origin(signer: Signer) -> str:
    """Name the log of an archive: its checkpoints are signed by this key."""
    return f"fenmark.local/{runner_id(signer.public_key)}"


def read(path: Path) -> bytes:
    """Read a file of an archive.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return bounded.read(path)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error
