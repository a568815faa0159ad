"""A folder of results with its log: add a result so that nothing is half-there, verify all of it.

Layout: `<digest>.dsse.json` (or below `submissions/`), `runners/<id>.toml`, `log/`,
`samples/<digest>.json`, `summary.json`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from results import checkpoint as notes
from results import envelope, strict_json
from results.checks import Finding, check
from results.confirmation import confirmed
from results.identity import REGISTERED, Runner, read_folder, runner_id, runner_toml
from results.keylog import KeyLog
from results.ledger import Appended, Ledger
from results.receipt import result_entry
from suites.child import write_atomically
from suites.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from securesystemslib.signer import Signer

    from results.cosignature import Policy
    from results.statement import Predicate, Statement

__all__ = [
    "SUFFIX",
    "Opened",
    "Receipt",
    "Surroundings",
    "Verdict",
    "accept",
    "envelopes",
    "open_result",
    "surroundings",
    "verify",
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
    """A result whose signature holds, parsed."""

    digest: str
    statement: Statement
    runner: Runner

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
class Verdict:
    """What verification found for one envelope.

    Attributes:
        signature: a known key signed exactly these bytes, and they are a statement.
        inclusion: the log's checkpoint covers it; None where no log lies beside the file.
        keyid: of the key that verified, None if none did.
        tier: "registered" (key in the catalogue) or "self-signed" (key from the archive itself).
        problems: one line each; empty when all is well.
        flags: what `results.checks` has against the figures; no reason to distrust the proof.
        reproduces: digest of the result that this one says it repeats.
        confirmed_by: digests of results of this archive that reproduce it.
    """

    digest: str
    signature: bool
    inclusion: bool | None
    keyid: str | None
    tier: str | None
    problems: list[str] = field(default_factory=list)
    flags: list[Finding] = field(default_factory=list)
    reproduces: str | None = None
    confirmed_by: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "signature": self.signature,
            "inclusion": self.inclusion,
            "keyid": self.keyid,
            "tier": self.tier,
            "problems": self.problems,
            "flags": [flag.to_json() for flag in self.flags],
            "reproduces": self.reproduces,
            "confirmed_by": list(self.confirmed_by),
        }


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

    def problems(self, digest: str, runner: Runner, finished_at: str, where: str) -> Iterator[str]:
        """Yield what speaks against an envelope whose signature by the runner holds.

        A key signs for runs in its window, and for entries before its revocation.
        """
        if self.problem:
            yield self.problem
        try:
            if not runner.may_sign(finished_at):
                outside = f"outside the validity of {runner.id}"
                yield f"{where}: the run ended at {finished_at}, {outside}"
        except ValueError:
            yield f"{where}: the run ended at {finished_at}, which is no date"
        if self.places is None:
            return
        place = self.places.get(digest)
        if place is None:
            yield f"{where}: not in the log beside it"
        elif not self.keys.good(runner.key.keyid, place):
            yield f"{where}: entered the log after the key of {runner.id} was revoked or replaced"


def accept(directory: Path, payload: bytes, signer: Signer) -> Receipt:
    """Sign a statement's payload bytes, store the envelope and log it.

    The same payload and key give the same receipt, so a call that was killed is simply made
    again. Envelope first, log last: an entry never points at an envelope that is not there. An
    envelope of ours that an earlier, killed call left unlogged is logged too.

    Raises:
        UserError: the payload is no valid statement, or the folder's log is another key's.
        CheckError: the new signature does not verify, or the log is damaged.
    """
    envelope.parse(payload, "the statement")
    sealed = envelope.sign(payload, signer)
    found = envelope.digest(sealed)
    key = signer.public_key
    keys = directory / "runners"
    keys.mkdir(parents=True, exist_ok=True)
    write_atomically(keys / f"{runner_id(key)}.toml", runner_toml(key).encode())
    write_atomically(directory / f"{found}{SUFFIX}", sealed)
    log = directory / "log"
    log.mkdir(exist_ok=True)
    ledger = Ledger(log)
    for digest in [*_left_behind(directory, ledger, signer), found]:
        logged = ledger.append(result_entry(digest), origin=_origin(signer), signer=signer)
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
    data = _bytes(path)
    known = runners if runners is not None else _runners(_archive_of(path))
    verified = envelope.verify(data, [runner.key for runner in known], str(path))
    statement = envelope.parse(verified.payload, str(path))
    digest = envelope.digest(data)
    if path.name != f"{digest}{SUFFIX}":
        raise CheckError(f"has digest {digest}", where=str(path), expected="the name of the file")
    runner = next(item for item in known if item.key.keyid == verified.key.keyid)
    return Opened(digest=digest, statement=statement, runner=runner)


def verify(path: Path, earlier: Path | None = None, policy: Policy | None = None) -> list[Verdict]:
    """Check an archive folder, or one envelope against the log beside it.

    Every signature, every entry and tile of the log, the checkpoint's signature, and that each
    envelope is in the log. Never touches the network.

    Args:
        earlier: file of a checkpoint of the same log seen before: the log must extend it.
        policy: witnesses that must have cosigned the log's `cosigned` checkpoint.

    Raises:
        UserError: nothing to verify is there, or a key file is broken.
    """
    if not path.exists():
        raise UserError("does not exist", where=str(path), expected="an archive or a *.dsse.json")
    files = envelopes(path) if path.is_dir() else [path]
    home = path if path.is_dir() else _archive_of(path)
    if not files and not Ledger(home / "log").exists():
        raise UserError("holds no result", where=str(path), expected=f"*{SUFFIX} or log/")
    around = surroundings(home, earlier, policy)
    verdicts = [_judge(file, around) for file in files]
    verdicts = _with_confirmations(verdicts, files, around.runners)
    if around.problem and not verdicts:
        raise CheckError(around.problem)
    if path.is_dir() and around.places is not None:
        verdicts += _missing(set(around.places), {verdict.digest for verdict in verdicts})
    return verdicts


def surroundings(
    home: Path, earlier: Path | None = None, policy: Policy | None = None
) -> Surroundings:
    """Read the keys of an archive and verify its log.

    Args:
        earlier, policy: as for `verify`.

    Raises:
        UserError: a key file is broken.
    """
    runners = _runners(home)
    log = home / "log"
    if not log.is_dir():
        problem = f"{log}: no log to hold to account" if earlier or policy else None
        return Surroundings(runners=runners, places=None, keys=KeyLog(), problem=problem)
    try:
        entries = _verified_entries(log, runners, earlier, policy)
    except UserError as error:
        return Surroundings(runners=runners, places=None, keys=KeyLog(), problem=str(error))
    places = {
        str(entry.get("envelope")): index
        for index, entry in enumerate(entries)
        if entry.get("type") == "result"
    }
    return Surroundings(
        runners=runners, places=places, keys=KeyLog.of(enumerate(entries)), problem=None
    )


def _judge(path: Path, around: Surroundings) -> Verdict:
    digest = envelope.digest(_bytes(path))
    problems: list[str] = []
    keyid = tier = reproduces = None
    flags: list[Finding] = []
    try:
        opened = open_result(path, around.runners)
        keyid, tier = opened.runner.key.keyid, opened.runner.tier
        flags = check(opened.statement)
        reproduces = opened.predicate.run.reproduces
        finished_at = opened.predicate.run.finished_at
        problems += around.problems(digest, opened.runner, finished_at, str(path))
    except UserError as error:
        problems += [around.problem] if around.problem else []
        problems.append(str(error))
    inclusion = None if around.places is None else digest in around.places
    if around.problem:
        inclusion = False
    return Verdict(
        digest=digest,
        signature=keyid is not None,
        inclusion=inclusion,
        keyid=keyid,
        tier=tier,
        problems=problems,
        flags=flags,
        reproduces=reproduces,
    )


def _with_confirmations(
    verdicts: Sequence[Verdict], files: Sequence[Path], runners: Sequence[Runner]
) -> list[Verdict]:
    """Note which results others reproduce; only those concerned are read again."""
    sound = {
        one.digest: file for one, file in zip(verdicts, files, strict=True) if not one.problems
    }
    pairs = {one.digest: one.reproduces for one in verdicts if one.reproduces in sound}
    wanted = sound.keys() & {*pairs, *pairs.values()}
    found = confirmed([open_result(sound[digest], runners) for digest in sorted(wanted)])
    return [replace(one, confirmed_by=found.get(one.digest, ())) for one in verdicts]


def _left_behind(directory: Path, ledger: Ledger, signer: Signer) -> Iterator[str]:
    """Find envelopes this key signed that the log does not hold."""
    logged = set(ledger.entries())
    for path in envelopes(directory):
        data = path.read_bytes()
        digest = envelope.digest(data)
        if result_entry(digest) in logged or path.name != f"{digest}{SUFFIX}":
            continue
        with suppress(UserError):  # another key's, or damaged: for `verify` to report
            envelope.verify(data, [signer.public_key], str(path))
            yield digest


def _missing(logged: set[str], present: set[str]) -> Iterator[Verdict]:
    for digest in sorted(logged - present):
        yield Verdict(
            digest=digest,
            signature=False,
            inclusion=True,
            keyid=None,
            tier=None,
            problems=[f"{digest}: logged, but its envelope is missing"],
        )


def _verified_entries(
    log: Path, runners: Sequence[Runner], earlier: Path | None, policy: Policy | None
) -> list[dict[str, Any]]:
    """Read the log's entries once its signature and tiles hold.

    Raises:
        UserError: something does not hold.
    """
    ledger = Ledger(log)
    keys = _log_keys(runners, ledger.unverified().origin)
    cosigned = log / "cosigned"
    if policy:
        policy.check(_bytes(cosigned), str(cosigned))
    seen = [path for path in (earlier, cosigned if cosigned.exists() else None) if path]
    ledger.verify(keys, [notes.verify(_bytes(path), keys, str(path)) for path in seen])
    return [strict_json.loads(entry, str(log)) for entry in ledger.entries()]


def _log_keys(runners: Sequence[Runner], origin: str) -> list[bytes]:
    """Keys that may sign a log: those of the key file its origin ends with, no others."""
    named = [runner.key.to_dict() for runner in runners if runner.id == origin.rpartition("/")[2]]
    return [notes.ed25519_bytes(key) for key in named if key["keytype"] == "ed25519"]


def _runners(home: Path) -> list[Runner]:
    """Registered keys first, so that a key known to the catalogue counts as registered."""
    return [*read_folder(REGISTERED, registered=True), *read_folder(home / "runners")]


def _archive_of(path: Path) -> Path:
    return path.parent.parent if path.parent.name == "submissions" else path.parent


def _origin(signer: Signer) -> str:
    return f"fenmark.local/{runner_id(signer.public_key)}"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error
