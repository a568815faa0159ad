"""A folder of results with its log: add a result so that nothing is half-there, read it back.

Layout: `<digest>.dsse.json` (or below `submissions/`), `runners/<id>.toml`, `log/`,
`samples/<digest>.json`, `summary.json`.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from results.agreement.confirmation import Entered, repetitions
from results.archive.beside import beside, place_of
from results.archive.past import Past, entry_times
from results.catalog import known_logs
from results.checks import Context, Finding, SampleFigures, judge_all
from results.keys.identity import (
    REGISTERED,
    Runner,
    one_key_a_name,
    read_folder,
    runner_id,
    runner_toml,
)
from results.keys.keyless import KeylessKey
from results.keys.tiers import standing
from results.proof import checkpoint as notes
from results.proof import envelope, moderation, notice
from results.proof.keylog import KeyLog, key_added
from results.proof.ledger import Appended, Ledger
from results.proof.moderation import Logged, Moderation, ResultState
from results.proof.receipt import entered_flags, plain_result, result_entry
from results.proof.writer import LogWriter
from results.statement import strict_json
from suites.base.errors import CheckError, UserError
from suites.base.files import read_limited, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from securesystemslib.signer import Signer

    from results.agreement.confirmation import Repetition
    from results.archive.past import Moment
    from results.keys.tiers import Standing
    from results.proof.checkpoint import Checkpoint
    from results.proof.cosignature import Policy
    from results.proof.envelope import Verified
    from results.statement.statement import Predicate, Run, Statement

__all__ = [
    "SUFFIX",
    "ArchiveContext",
    "LoggedResult",
    "OpenedResult",
    "accept",
    "as_of",
    "broken_keys",
    "enter_notices",
    "envelopes",
    "home_of",
    "judged",
    "log_origin",
    "moderated",
    "one_log",
    "open_bytes",
    "open_each",
    "open_result",
    "open_unjudged",
    "read",
    "refusals",
    "repetitions_in",
    "signer_of",
    "surroundings",
]

SUFFIX = ".dsse.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedResult:
    """A result that is signed, stored and logged.

    Attributes:
        digest: SHA-256 of the envelope's bytes, the stem of its file.
        logged: index, checkpoint and inclusion proof.
    """

    digest: str
    logged: Appended


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedResult:
    """A result whose signature holds, parsed and checked against the laws.

    Attributes:
        findings: what the laws have against its figures.
        claims: what a keyless signature's certificate says of the job that signed.
        evidence: what the raw samples beside it give.
        unchecked: laws that could not be held, and why, one line each.
    """

    digest: str
    statement: Statement
    runner: Runner
    findings: Sequence[Finding] = ()
    claims: Mapping[str, str] = field(default_factory=dict)
    evidence: SampleFigures = field(
        default_factory=lambda: SampleFigures(absent="nobody looked for any")
    )
    unchecked: Sequence[str] = ()

    @property
    def keyid(self) -> str:
        return self.runner.key.keyid

    @property
    def standing(self) -> Standing:
        return standing(self.runner, self.predicate.source, self.claims)

    @property
    def key_tier(self) -> str:
        return self.standing.tier

    @property
    def predicate(self) -> Predicate:
        return self.statement.predicate

    def entered(self, index: int) -> Entered:
        """Return it as an entry of a log, to be checked against those that repeat it."""
        registered = self.key_tier != "self-signed"
        return Entered(
            digest=self.digest,
            keyid=self.keyid,
            owner=self.runner.owner if registered else "",
            index=index,
            samples=frozenset(subject.digest.sha256 for subject in self.statement.subject),
            predicate=self.predicate,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveContext:
    """What the envelopes of an archive are checked against besides their own signature.

    Attributes:
        runners: keys of the catalogue, then those of the archive itself, then those its log
            registers.
        places: index of each envelope in the verified log; None where there is none to trust.
        logged_flags: rules that the log's operator entered with an envelope.
        keys: key events of that log.
        moderated: what notices in it say of results, by digest.
        refused: digest and fault of the notices in it that count for nothing.
        head: checkpoint of that log; None where there is none to trust.
        log_files: SHA-256 of every file it consists of, by path in `log/`.
        problem: why the log does not hold; None when it does, or when there is no log.
        writer: whose checkpoint was verified; None where there is none to trust.
        clock: of the reader, UTC: no run lies ahead of it; None where none is asked.
        about_keys: indexes of the entries that say something of keys.
        past: how this differs from what the log says now; None where it does not.
    """

    runners: Sequence[Runner]
    places: Mapping[str, int] | None
    keys: KeyLog
    problem: str | None
    head: Checkpoint | None = None
    log_files: Mapping[str, str] = field(default_factory=dict)
    logged_flags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    writer: LogWriter | None = None
    clock: datetime | None = None
    moderated: Mapping[str, ResultState] = field(default_factory=dict)
    refused: Sequence[tuple[str, str]] = ()
    about_keys: Sequence[int] = ()
    past: Past | None = None

    @property
    def size(self) -> int:
        """How many entries of the log count."""
        if self.past:
            return self.past.size
        return self.head.size if self.head else 0

    def times(self, clock: Callable[[str], str]) -> list[str]:
        """Return for each entry a time that it came no earlier than; empty: nobody says.

        Args:
            clock: tells when a result was measured by its signer's word; "" if that is not known.
                Asked where the log states no time.
        """
        stated = self.keys.times
        silent = stated[0][0] if stated else self.size
        clocks = {
            at: clock(checkpoint) for checkpoint, at in (self.places or {}).items() if at < silent
        }
        told = (placed for state in self.moderated.values() for placed in state.notices)
        clocks |= {placed.index: placed.notice.at for placed in told}
        return entry_times(self.size, stated, clocks)

    def state(self, digest: str) -> ResultState:
        """Return what notices in the log say of a result."""
        return self.moderated.get(digest, ResultState())

    @property
    def missable(self) -> set[str]:
        """Results whose envelopes may be gone: they were removed."""
        later = self.past.removed if self.past else ()
        return {digest for digest, state in self.moderated.items() if state.removed} | {*later}

    def placed(self, opened: OpenedResult) -> OpenedResult:
        """Return a result of this archive with what is known of its signer where it stands."""
        runner = self.signer(opened.runner, opened.digest)
        return opened if runner is opened.runner else replace(opened, runner=runner)

    def signer(self, runner: Runner, digest: str) -> Runner:
        """Tell whose key signed a result, and whether its registration counts for that entry.

        A registration in the log counts if the log is known, and for entries behind it. One with a
        validity counts where a known log says when the result was entered.
        """
        place = (self.places or {}).get(digest)
        if place is None or self.writer is None or not self.writer.known:
            time = None
        else:
            time = self.keys.time_of(place)
            index, registered = self.keys.registered.get(runner.key.keyid, (place, runner))
            runner = registered if index < place else runner
        doubt = _doubt(runner, time) or _unsaid(runner, self.keys)
        if not (runner.registered or doubt) and runner.key.keyid in self.keys.registered:
            doubt = "the log beside it registers its key, but is not a known log, or did so later"
        return replace(runner, registered_by="", doubt=doubt) if doubt else runner

    def findings(self, opened: OpenedResult) -> list[Finding]:
        """Return what the laws, the log and the keys have against a result."""
        own = [*opened.findings, *self._of_key(opened)]
        known = {finding.rule for finding in own}
        entered = self.logged_flags.get(opened.digest, ())
        reason = "was flagged when it entered the log"
        return own + [
            Finding(rule=rule, outcome="flagged", where="log", reason=reason)
            for rule in entered
            if rule not in known
        ]

    def _of_key(self, opened: OpenedResult) -> Iterator[Finding]:
        """Yield what a reader should know of the key whose signature holds."""
        runner, named = opened.runner, opened.predicate.run.runner
        if _unsaid(runner, self.keys):
            reason = f"of {runner.id} was revoked ({runner.revoked_reason}); no log here says when"
            yield Finding(rule="key", outcome="flagged", where="signatures", reason=reason)
        if named not in {runner.name, runner_id(runner.key)}:
            reason = f"{named} is named, {runner.name} signed"
            yield Finding(rule="runner", outcome="flagged", where="run.runner", reason=reason)

    def problems(self, digest: str, runner: Runner, finished_at: str, where: str) -> Iterator[str]:
        """Yield what speaks against an envelope whose signature by the runner holds.

        A key signs for entries within its validity, by the log's time, and before its revocation.
        Where the log states no time, all there is to go by is the statement's own clock.
        """
        if self.problem:
            yield self.problem
        place = (self.places or {}).get(digest)
        time = None if place is None else self.keys.time_of(place)
        try:
            if not runner.may_sign(time or finished_at):
                what = f"it was entered at {time}" if time else f"the run ended at {finished_at}"
                yield f"{where}: {what}, outside the validity of {runner.id}"
        except ValueError:
            yield f"{where}: the run ended at {finished_at}, which is not a date"
        if self.places is None:
            return
        if place is None:
            yield f"{where}: not in the log beside it"
        elif not self.keys.good(runner.key.keyid, place):
            yield f"{where}: entered the log after the key of {runner.id} was revoked or replaced"


def _doubt(runner: Runner, time: str | None) -> str:
    if not runner.registered or not runner.bounded:
        return ""
    if time is None:
        return "its key is valid for a time, and no known log here says when it was entered"
    if not runner.may_sign(time):
        return f"it was entered at {time}, outside the validity of its key"
    return ""


def _unsaid(runner: Runner, keys: KeyLog) -> str:
    """Say why a revoked key counts as unknown where no log says what it signed before.

    A thief can begin a log of their own, in which it was never revoked.
    """
    if runner.revoked_reason and keys.good(runner.key.keyid):
        return f"its key was revoked ({runner.revoked_reason}), and no log here says when"
    return ""


def accept(
    directory: Path, payload: bytes, signer: Signer, log_signer: Signer | None = None
) -> LoggedResult:
    """Sign a statement's payload bytes, store the envelope and log it.

    The same payload and key give the same receipt, so a call that was killed is simply made
    again. Envelope first, log last: an entry never points at an envelope that is not there. An
    envelope of ours that an earlier, killed call left unlogged is logged too.

    Args:
        log_signer: signs the log's checkpoints, where the signer has no Ed25519 key.

    Raises:
        UserError: the payload is not a valid statement, or the folder's log is another key's.
        CheckError: the new signature does not verify, or the log is damaged.
    """
    envelope.parse(payload, "the statement")
    sealed = _signed_before(directory, payload, signer) or envelope.sign(payload, signer)
    accepted = envelope.digest(sealed)
    logger = log_signer or signer
    keys = directory / "runners"
    keys.mkdir(parents=True, exist_ok=True)
    for key in (signer.public_key, logger.public_key):
        write_atomically(keys / f"{runner_id(key)}.toml", runner_toml(key).encode())
    write_atomically(directory / f"{accepted}{SUFFIX}", sealed)
    log = directory / "log"
    log.mkdir(exist_ok=True)
    ledger = Ledger(log)
    origin = log_origin(logger)
    if isinstance(signer.public_key, KeylessKey):  # its root of trust is for the log to remember
        added = strict_json.canonical(key_added(runner_id(signer.public_key), signer.public_key))
        ledger.append(added, origin=origin, signer=logger)
    enter_notices(directory, logger)
    for digest in [*_left_behind(directory, ledger, signer), accepted]:
        logged = ledger.append(result_entry(digest), origin=origin, signer=logger)
    return LoggedResult(digest=accepted, logged=logged)


def broken_keys(directory: Path) -> list[UserError]:
    """Say what is wrong with each key file, of the catalogue or the archive, that is none."""
    return [*read_folder(REGISTERED).broken, *read_folder(directory / "runners").broken]


def enter_notices(directory: Path, signer: Signer) -> None:
    """Enter the notices that lie in an archive of ours into its log, each once.

    Args:
        signer: of the log.

    Raises:
        UserError: one would count for nothing; those before it are entered.
        CheckError: the log is damaged.
    """
    waiting = notice.files(directory)
    if not waiting:
        return
    ledger, origin = Ledger(directory / "log"), log_origin(signer)
    runners = _runners(directory)
    writer = _writer(runners, origin, str(directory))
    contents = _contents(ledger, runners, writer)
    logged = set(ledger.entries())
    for digest, data in waiting.items():
        about_result = moderation.is_about_result(data)
        entry = moderation.entry(digest) if about_result else notice.notice_entry(digest)
        if entry in logged:
            continue
        where = str(notice.place(directory, digest))
        if about_result:
            told = moderation.read(data, where)
            fault = contents.moderation.offer(told, len(logged), datetime.now(UTC))
        else:
            fault = contents.keys.offer(data, len(logged))
        if fault:
            raise CheckError(fault, where=where)
        ledger.append(entry, origin=origin, signer=signer)
        logged.add(entry)
    for digest, state in contents.moderation.states.items():
        if state.removed:
            _erase(directory, digest)


def moderated(home: Path) -> Mapping[str, ResultState]:
    """Return what notices in an archive's log say of results; nothing where it does not hold."""
    return surroundings(home).moderated if notice.paths(home) else {}


def _erase(home: Path, digest: str) -> None:
    """Delete a removed result's envelope, and the raw samples that no other here names."""
    samples = set[str]()
    for place in _places_of(home, digest):
        if place.exists():
            samples |= _samples_of(place)
            place.unlink()
    if samples:
        samples -= {kept for path in envelopes(home) for kept in _samples_of(path)}
    for sample in samples:
        place_of(home, sample).unlink(missing_ok=True)


def _places_of(home: Path, digest: str) -> tuple[Path, Path]:
    return home / f"{digest}{SUFFIX}", home / "submissions" / f"{digest}{SUFFIX}"


def _samples_of(path: Path) -> set[str]:
    """Return digests of the raw samples that an envelope names; none of one that is broken."""
    with suppress(UserError):
        statement = envelope.parse(envelope.payload_of(read(path), str(path)), str(path))
        return {subject.digest.sha256 for subject in statement.subject}
    return set()


def envelopes(directory: Path) -> list[Path]:
    """List the envelope files of an archive, in order of name."""
    files = [*_envelopes_in(directory), *_envelopes_in(directory / "submissions")]
    return sorted(files, key=lambda path: path.name)


def _envelopes_in(folder: Path) -> Iterator[Path]:
    """Yield those of one folder, if there is any: of 20,000 `glob` would take its time."""
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        yield from (path for path in folder.iterdir() if path.name.endswith(SUFFIX))


def open_result(path: Path, runners: Sequence[Runner] | None = None) -> OpenedResult:
    """Verify one envelope file's signature and parse it.

    Args:
        runners: keys to try; by default the catalogue's and those of the file's archive.

    Raises:
        UserError: it cannot be read, or is not a result.
        CheckError: its signature or its name does not hold, or a law refuses its figures.
    """
    if runners is None:
        alone = ArchiveContext(runners=(), places=None, keys=KeyLog(), problem=None)
        opened = alone.placed(open_bytes(read(path), path, _runners(home_of(path))))
    else:
        opened = open_bytes(read(path), path, runners)
    for problem in refusals(opened.findings, str(path)):
        raise CheckError(problem)
    return opened


def open_each(
    files: Iterable[Path], on_broken: Callable[[UserError], None]
) -> Iterator[OpenedResult]:
    """Yield the results of envelope files; what is broken hides none of the others.

    Args:
        on_broken: called for each that does not open.
    """
    for path in files:
        try:
            yield open_result(path)
        except UserError as error:
            on_broken(error)


def open_bytes(
    data: bytes, path: Path, known: Sequence[Runner], *, digest: str | None = None
) -> OpenedResult:
    """Verify and parse the bytes read from an envelope file; what the laws say is in it.

    Args:
        digest: of the bytes, where somebody has computed it.

    Raises:
        UserError, CheckError: as `open_result`, but for figures.
    """
    verified = envelope.verify(data, [runner.key for runner in known], str(path))
    digest = digest or envelope.digest(data)
    [opened] = judged([open_unjudged(verified, path, known, digest, home_of(path))])
    return opened


def judged(results: Sequence[OpenedResult], clock: datetime | None = None) -> list[OpenedResult]:
    """Hold results against the laws, and return them with what those say."""
    every = judge_all(
        (result.statement, Context(claims=result.claims, evidence=result.evidence, clock=clock))
        for result in results
    )
    return [
        replace(result, findings=told.findings, unchecked=told.unchecked)
        for result, told in zip(results, every, strict=True)
    ]


def open_unjudged(
    verified: Verified, path: Path, known: Sequence[Runner], digest: str, home: Path
) -> OpenedResult:
    """Parse the payload of an envelope file whose signature holds, before any law is held.

    Args:
        digest: of the file's bytes.
        home: the archive it lies in.

    Raises:
        UserError, CheckError: as `open_result`, but for figures.
    """
    statement = envelope.parse(verified.payload, str(path))
    if path.name != f"{digest}{SUFFIX}":
        raise CheckError(f"has digest {digest}", where=str(path), expected="the name of the file")
    _check_dates(statement.predicate.run, str(path))
    keyid = verified.key.keyid
    runner = next(item for item in known if item.key.keyid == keyid)
    return OpenedResult(
        digest=digest,
        statement=statement,
        runner=runner,
        claims=verified.claims,
        evidence=beside(home, statement),
    )


def refusals(findings: Iterable[Finding], where: str) -> Iterator[str]:
    """Yield a line for each figure that a law refuses: a problem in every verb."""
    for finding in findings:
        if finding.outcome == "refused":
            yield f"{where}: refused ({finding.rule}): {finding.where} {finding.reason}"


def _check_dates(run: Run, where: str) -> None:
    """Refuse a run whose dates are none, or that ended before it began.

    Raises:
        CheckError: so it is.
    """
    try:
        began, ended = map(datetime.fromisoformat, (run.started_at, run.finished_at))
    except ValueError as error:
        raise CheckError(
            f"{run.started_at} or {run.finished_at} is not a date", where=f"{where}:run"
        ) from error
    if ended < began:
        raise CheckError(
            f"ended at {run.finished_at}, before it began at {run.started_at}", where=f"{where}:run"
        )


def repetitions_in(ledger: Ledger, results: Sequence[Entered]) -> list[Repetition]:
    """Judge those of a log's results that say they repeat one another.

    Raises:
        CheckError: a bundle of the log is missing or damaged.
    """
    runs = [result.predicate.run for result in results]
    roots = {run.not_before for run in runs if run.reproduces and run.not_before}
    return repetitions(results, ledger.sizes_of(roots))


def surroundings(
    home: Path,
    earlier: Path | None = None,
    policy: Policy | None = None,
    own: Sequence[Runner] | None = None,
) -> ArchiveContext:
    """Read the keys of an archive and verify its log.

    Args:
        earlier, policy: as for `verification.verify`.
        own: keys of the archive, where somebody has read them.

    Raises:
        UserError: a key file is broken, or one name is given to two keys.
    """
    runners = _runners(home, own)
    log = home / "log"
    inside, problem = _Contents(), None
    head, writer, held = None, None, {}
    if log.is_dir():
        try:
            ledger, head, writer = _verified(log, runners, earlier, policy)
            inside = _contents(ledger, runners, writer)
            held = ledger.held
        except UserError as error:
            problem = str(error)
    elif earlier or policy:
        problem = f"{log}: no log to hold to account"
    at_hand = {runner.key.keyid for runner in runners}
    runners += [
        replace(runner, registered_by="")  # `ArchiveContext.signer` says for which entries it is
        for _, runner in inside.keys.registered.values()
        if runner.key.keyid not in at_hand
    ]
    return ArchiveContext(
        runners=runners,
        places=inside.places if writer and not problem else None,
        keys=inside.keys,
        problem=problem,
        head=head,
        log_files=held,
        logged_flags=inside.flags,
        writer=writer,
        moderated=inside.moderation.states,
        refused=(*inside.keys.refused, *inside.moderation.refused),
        about_keys=inside.about_keys,
    )


def as_of(home: Path, around: ArchiveContext, moment: Moment) -> ArchiveContext:
    """Return what the log of an archive said at an earlier time.

    Args:
        around: what it says now; returned as it is where there is no log to trust.

    Raises:
        UserError: the log never had so many entries.
        CheckError: a bundle of it is missing or damaged.
    """
    if around.places is None or around.writer is None:
        return around
    size = moment.size_in(around.times(partial(_measured_at, home)), str(home / "log"))
    removals = {
        digest: last
        for digest, state in around.moderated.items()
        if state.removed and (last := state.last("removed"))
    }
    gone = {digest: last.notice.keyid or "" for digest, last in removals.items()}
    ledger = Ledger(home / "log")
    inside = _contents(ledger, around.keys.known, around.writer, size=size, gone=gone)
    return replace(
        around,
        runners=[_not_yet_revoked(runner, inside.keys, around.keys) for runner in around.runners],
        places=inside.places,
        keys=inside.keys,
        logged_flags=inside.flags,
        moderated=inside.moderation.states,
        refused=(),
        about_keys=inside.about_keys,
        past=Past(
            size=size,
            later=around.places.keys() - inside.places.keys(),
            removed={
                digest: last
                for digest, last in removals.items()
                if digest in inside.places and last.index >= size
            },
        ),
    )


def _measured_at(home: Path, digest: str) -> str:
    """Return when a result was measured, as far as its signer says; "" where nothing is said."""
    for path in _places_of(home, digest):
        with suppress(UserError):
            statement = envelope.parse(envelope.payload_of(read(path), str(path)), str(path))
            return statement.predicate.run.finished_at
    return ""


def _not_yet_revoked(runner: Runner, then: KeyLog, now: KeyLog) -> Runner:
    """Take a revocation out of a key file that the log entered later."""
    keyid = runner.key.keyid
    later = runner.revoked_reason and then.good(keyid) and not now.good(keyid)
    return replace(runner, revoked_reason=None) if later else runner


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
) -> tuple[Ledger, Checkpoint, LogWriter]:
    """Return the log and its checkpoint, once its signature and tiles hold, and whose it is.

    Raises:
        UserError: something does not hold.
    """
    ledger = Ledger(log)
    where = str(ledger.checkpoint_file)
    writer = _writer(runners, notes.read(read(ledger.checkpoint_file), where)[0].origin, where)
    keys = [writer.key]
    cosigned = log / "cosigned"
    if policy:
        policy.check(read(cosigned), str(cosigned))
    seen = [path for path in (earlier, cosigned if cosigned.exists() else None) if path]
    noted = {path: read(path) for path in seen}
    checkpoint = ledger.verify(
        keys, [notes.verify(note, keys, str(path)) for path, note in noted.items()]
    )
    if cosigned in noted:
        ledger.held[cosigned.name] = hashlib.sha256(noted[cosigned]).hexdigest()
    return ledger, checkpoint, writer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """What a log holds: index and flags of each envelope, what it says of keys and of results."""

    places: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: KeyLog = field(default_factory=KeyLog)
    about_keys: Sequence[int] = ()
    moderation: Moderation = field(default_factory=Moderation)


def _contents(
    ledger: Ledger,
    runners: Sequence[Runner],
    writer: LogWriter,
    *,
    size: int | None = None,
    gone: Mapping[str, str] = MappingProxyType({}),
) -> _Contents:
    """Read a log's entries; those of other types are passed over.

    Args:
        size: of how many; None: of all.
        gone: by result, the key that signed one whose envelope may be gone.
    """
    places: dict[str, int] = {}
    flags: dict[str, tuple[str, ...]] = {}
    others: list[tuple[int, dict[str, Any]]] = []
    for index, entry in enumerate(islice(ledger.entries(), size)):
        if plain := plain_result(entry):
            places.setdefault(plain, index)  # what counts is when it came first
            continue
        match strict_json.loads(entry, str(ledger.home)):
            case {"type": "result", "envelope": str(digest)} as record:
                if digest not in places:
                    places[digest] = index
                    if entered := entered_flags(record):
                        flags[digest] = entered
            case dict(record):
                others.append((index, record))
            case _:
                pass
    home = ledger.home.parent

    def fetch(digest: str) -> bytes:
        return read(notice.place(home, digest))

    keys = KeyLog.of(others, fetch, known=runners, authority=writer.administrators)
    signers = [*runners, *(runner for _, runner in keys.registered.values())]

    def logged(digest: str) -> Logged | None:
        index = places.get(digest)
        if index is None:
            return None
        return Logged(index, signer_of(home, digest, signers) or gone.get(digest))

    moderation = Moderation.of(
        others, fetch, keys=keys, authority=writer.administrators, logged=logged
    )
    about_keys = [index for index, record in others if record.get("type") in {"key", "notice"}]
    return _Contents(
        places=places, flags=flags, keys=keys, about_keys=about_keys, moderation=moderation
    )


def signer_of(home: Path, digest: str, known: Sequence[Runner] | None = None) -> str | None:
    """Return the id of the key that signed a result of an archive; None where it is not here.

    Args:
        known: keys to try; by default the catalogue's and those of the archive.
    """
    signers = _runners(home) if known is None else known
    for path in _places_of(home, digest):
        with suppress(UserError):
            data = read(path)
            if envelope.digest(data) == digest:
                return envelope.verify(
                    data, [runner.key for runner in signers], str(path)
                ).key.keyid
    return None


def _writer(runners: Sequence[Runner], origin: str, where: str) -> LogWriter:
    """Tell which key alone may sign a log: the one it is known by, else the one its origin names.

    Raises:
        CheckError: the log is not known, and the key its origin names is not here.
    """
    name = origin.rpartition("/")[2]
    keys = [runner.key.to_dict() for runner in runners if runner.id == name]
    public = next((key["keyval"]["public"] for key in keys if key["keytype"] == "ed25519"), None)
    if public is None and origin not in known_logs():
        raise CheckError(
            f"is signed by {name[:80]!r}",
            where=where,
            expected="a signature by a key in runners/ or in the catalogue",
        )
    return LogWriter.of(origin, bytes.fromhex(public or ""))


def one_log(homes: Sequence[Path]) -> Path:
    """Return the archive whose log extends those of all the others, which must be one log.

    Raises:
        CheckError: two of them have other entries in the same places, or other names.
    """
    heads = {home: Ledger(home / "log").unverified() for home in homes}
    longest = max(homes, key=lambda home: heads[home].size)
    sizes = Ledger(longest / "log").sizes_of({head.root.hex() for head in heads.values()})
    for home, head in heads.items():
        same = head.origin == heads[longest].origin
        if head.size and not (same and sizes.get(head.root.hex()) == head.size):
            raise CheckError(
                f"holds another log of the same name as {longest}",
                where=str(home / "log"),
                expected="one log, or one that extends the other",
                remedy="a log has one history: find out which of the two is true",
            )
    return longest


def _runners(home: Path, own: Iterable[Runner] | None = None) -> list[Runner]:
    """Registered keys first, so that a key known to the catalogue counts as registered.

    Raises:
        UserError: a key file is broken, or one name is given to two keys.
    """
    here = read_folder(home / "runners") if own is None else own
    runners = [*read_folder(REGISTERED, registered=True), *here]
    one_key_a_name(runners)
    return runners


def home_of(path: Path) -> Path:
    """Return the archive an envelope file lies in."""
    folder = path.parent
    return folder.parent if folder.name == "submissions" else folder


def log_origin(signer: Signer) -> str:
    """Name the log of an archive: its checkpoints are signed by this key."""
    return f"fenmark.local/{runner_id(signer.public_key)}"


def read(path: Path) -> bytes:
    """Read a file of an archive.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return read_limited(path)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error
