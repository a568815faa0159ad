"""Read archives of signed results: verified ones become rows, the rest become problems."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leaderboard.base.text import clean, slug
from leaderboard.figures import plots, rows, tables
from leaderboard.figures.figures import NO_SAMPLES, Result, points_of
from leaderboard.read.cache import Kept, Seen
from leaderboard.read.foreign import listed
from leaderboard.read.keyfiles import KeyFiles
from leaderboard.read.known import keys, known_log
from leaderboard.read.log_days import log_days
from leaderboard.read.registered import registered
from leaderboard.words import Words
from results.agreement.confirmation import Entered, confirmed
from results.archive import archive
from results.archive.beside import beside
from results.checks import Context, ahead, copied, fingerprints, judge
from results.keys import identity
from results.keys.keyless import KeylessKey
from results.keys.tiers import Standing
from results.proof import envelope, tiles
from results.proof.ledger import Ledger
from results.proof.moderation import ResultState
from results.statement.statement_v2 import read_statement
from suites.base import files
from suites.base.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from leaderboard.base.workers import Workers
    from leaderboard.read.known import CheckedLog
    from leaderboard.read.log_days import LogDays
    from leaderboard.read.registered import Registered
    from results.archive.archive import ArchiveContext
    from results.archive.past import Moment
    from results.catalog import PriceSheet
    from results.checks import Finding
    from results.keys.identity import Runner
    from results.proof.checkpoint import Checkpoint
    from results.proof.cosignature import Policy
    from results.proof.moderation import Placed
    from results.statement.statement import Statement

__all__ = ["Archive", "FoundEnvelope", "Moderated", "opened", "read", "statement_of"]

# One process verifies some 2,000 small envelopes in the time that others take to start.
_WORTH_PROCESSES = 4000
_BATCH = 250
_HEAD = ["digest", "keyid", "finished_at"]
_URL_SAFE = str.maketrans("-_", "+/")
# GitHub's words; under a root of trust that an archive brings a certificate may say anything.
_ENVIRONMENTS = {"github-hosted", "self-hosted"}
_ENGLISH = Words.load("en")
_NOTHING_SAID = ResultState()
# Of a log in the folder of its writer alone: how far the disk is known to have it.
_SETTLED = ".settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEnvelope:
    """Where a verified envelope lies and what is known of it.

    Attributes:
        runner: whose key signed.
        standing: what is known of them and of the code that measured.
        log: name of the log that holds it, empty when it is not logged.
        index: position in that log.
        confirmed_by: digests of the results that reproduce it.
        entered: rules that its entry in the log names.
        flags: what the log, other results or the clock have against it, one line each.
        state: what notices in the log say of it.
    """

    path: Path
    runner: Runner
    standing: Standing
    log: str
    index: int | None
    confirmed_by: tuple[str, ...] = ()
    entered: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    state: ResultState = _NOTHING_SAID

    @property
    def tier(self) -> str:
        """How much is known beyond the signature."""
        return "reproduced" if self.confirmed_by else self.standing.tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What lies in the given folders.

    Attributes:
        rows: of all verified results, as `leaderboard.figures.rows` has them, with their `tier`.
        sources: by digest, newest result first.
        refused: (digest or file, why) of what is broken; never shown as a result.
        left_out: (file, why) of what is not part of an archive, and does no harm.
        keys: public keys of the runners, as the verify page reads them.
        logs: name, origin and key of each log, for people and programs.
        known_logs: what the verify page knows of the logs that hold, by their folder on the site.
        policy: witnesses that cosigned each of them; None where nobody asked.
        log_files: (file, SHA-256) of what the verified logs consist of, by path on the site.
        key_files: text of the runners' key files, by id.
        moderated: results that notices are about, by digest; those that were removed too.
        registered: runners whose owner somebody has looked at, by key id.
        log_days: when each log grew, and by what.
        moment: when all this was so; None: it is so now.
        removed_later: removals that came after that moment, by digest of the result.
        early: whether some run lies ahead of the reader's clock: it will not for long.
    """

    rows: pd.DataFrame
    sources: Mapping[str, FoundEnvelope]
    refused: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    keys: tuple[dict[str, Any], ...]
    logs: tuple[dict[str, Any], ...]
    known_logs: Mapping[str, CheckedLog]
    policy: Policy | None
    log_files: Mapping[str, tuple[Path, str]]
    key_files: Mapping[str, str]
    moderated: Mapping[str, Moderated] = field(default_factory=dict)
    registered: Mapping[str, Registered] = field(default_factory=dict)
    log_days: Sequence[LogDays] = ()
    moment: Moment | None = None
    removed_later: Mapping[str, Placed] = field(default_factory=dict)
    early: bool = False

    def open(self, digest: str) -> Result:
        """Read a verified result again, with everything its statement says.

        Raises:
            CheckError: the file changed since it was verified.
        """
        return opened(digest, self.sources[digest])


@dataclass(frozen=True, slots=True)
class Moderated:
    """Where a result stands that notices are about, and what they say."""

    log: str
    index: int
    state: ResultState


@dataclass(frozen=True, slots=True)
class _Log:
    """A verified log: the folder that has most of it, and what was read there."""

    folder: Path
    around: ArchiveContext

    def described(self, name: str) -> dict[str, Any]:
        """Say what binds the log's origin to its key."""
        writer = self.around.writer
        assert writer is not None, name
        return {
            "name": name,
            "origin": writer.origin,
            "public": writer.key.hex(),
            "known": writer.known,
            "entries": len(self.around.places or {}),
        }

    def days(self, clocks: Mapping[str, str]) -> LogDays:
        """Tell when it grew; clocks say when each result was measured."""
        assert self.around.writer is not None, self.folder
        return log_days(self.around.writer.origin, self.around, lambda entry: clocks.get(entry, ""))


@dataclass(slots=True)
class _Gathered:
    """What the folders read so far hold.

    Attributes:
        unchanged: of the rows of the last build those that stand; tables: rows of new results.
        entered: whose keys the known logs register.
        logs: by name.
        moderated: by log and digest.
        removed_later: by digest.
    """

    unchanged: np.ndarray
    keys: KeyFiles = field(default_factory=KeyFiles)
    tables: list[pd.DataFrame] = field(default_factory=list)
    sources: dict[str, FoundEnvelope] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    entered: list[Runner] = field(default_factory=list)
    logs: dict[str, _Log] = field(default_factory=dict)
    moderated: dict[tuple[str, str], Moderated] = field(default_factory=dict)
    removed_later: dict[str, Placed] = field(default_factory=dict)


def read(
    folders: Sequence[Path],
    sheet: PriceSheet | None,
    workers: Workers,
    policy: Policy | None = None,
    moment: Moment | None = None,
    *,
    clock: datetime | None = None,
) -> Archive:
    """Verify and read every envelope of the folders, or take its rows from the last build.

    What is broken is named and hides nothing else.

    Args:
        sheet: prices the rows are costed with.
        policy: witnesses that must have cosigned each log.
        moment: leaves out what the logs entered later.
        clock: of the reader, UTC; by default this machine's. What it says is never kept.

    Raises:
        UserError: a folder does not exist, or a log never had so many entries.
    """
    kept = Kept(folders, sheet)
    before = kept.load()
    known = _Gathered(np.zeros(len(before), bool))
    known.keys.read(identity.REGISTERED, registered=True)
    for folder in folders:
        if not folder.is_dir():
            raise UserError("is not a folder", where=str(folder), expected="an archive of results")
        _gather(folder, known, before, sheet, workers, policy=policy, moment=moment)
    table = _together([_kept(before, known.unchanged), *known.tables])
    if moment is None and (len(table) != len(before) or _state(table) != _state(before)):
        workers.beside(partial(kept.store, table))
    moderated = _moderated(known)
    table = _kept(table, _among(table["digest"], known.sources))
    early = _early(table, clock or datetime.now(UTC))
    sources = _flagged(_flagged(known.sources, _repeated(table, known.sources)), early)
    sources = _confirmed(table, sources, known.logs)
    of_rows = [sources[digest] for digest in table["digest"].tolist()]
    more = [len(source.flags) for source in of_rows]
    tiers = [source.tier for source in of_rows]
    marked = [source.state.mark for source in of_rows]
    clocks = dict(zip(table["digest"].tolist(), table["finished_at"].tolist(), strict=True))
    return Archive(
        rows=table.assign(tier=tiers, flags=table["flags"] + more, moderated=marked).reset_index(
            drop=True
        ),
        sources=sources,
        refused=(*known.keys.refused, *known.refused),
        left_out=(*known.keys.left_out, *known.left_out),
        keys=keys(
            [*known.entered, *known.keys.runners],
            {name: log.around for name, log in known.logs.items()},
        ),
        logs=tuple(log.described(name) for name, log in sorted(known.logs.items())),
        policy=policy,
        known_logs={name: known_log(log.around) for name, log in known.logs.items()},
        log_files={
            f"logs/{name}/{path}": (log.folder / "log" / path, digest)
            for name, log in known.logs.items()
            for path, digest in log.around.log_files.items()
        },
        key_files=known.keys.texts,
        moderated=moderated,
        registered=registered((log.around for log in known.logs.values()), known.keys.runners),
        log_days=[log.days(clocks) for _, log in sorted(known.logs.items())],
        moment=moment,
        removed_later=known.removed_later,
        early=bool(early),
    )


def _moderated(known: _Gathered) -> dict[str, Moderated]:
    """Apply what the log of each result says of it, and no other's; return it by digest."""
    moderated, sources = {}, dict(known.sources)
    for (log, digest), stated in known.moderated.items():
        source = sources.get(digest)
        if source and source.log != log:
            continue
        moderated[digest] = stated
        if source and stated.state.removed:
            del known.sources[digest]
        elif source:
            known.sources[digest] = replace(source, state=stated.state)
    return moderated


def _state(table: pd.DataFrame) -> set[tuple[str, str]]:
    """Results, and what they did not prove: raw samples may be there that were not."""
    return set(zip(table["digest"].tolist(), table["doubts"].tolist(), strict=True))


def _gather(
    folder: Path,
    known: _Gathered,
    before: pd.DataFrame,
    sheet: PriceSheet | None,
    workers: Workers,
    *,
    policy: Policy | None,
    moment: Moment | None,
) -> None:
    """Read one folder; a result that an earlier folder holds is that one's."""
    paths, unread = _envelopes(folder)
    known.refused += unread
    try:
        own = known.keys.read(folder / "runners")
        around = archive.surroundings(folder, policy=policy, own=own)
    except UserError as error:  # two keys made to share a name: whose results these are is open
        known.refused.append((str(folder), str(error)))
        return
    if moment:
        around = archive.as_of(folder, around, moment)
    log, problem = _log(folder, around, known)
    if problem:
        known.refused.append(
            (str(folder / "log"), f"{problem}; {len(paths)} results beside it are not shown")
        )
        return
    if moment:
        paths = _had_then(paths, around, known)
    here = {digest: path for digest, path in paths.items() if digest not in known.sources}
    examined = partial(_examined, around.runners, sheet)
    unchanged, table, problems = _rows(folder, here, before, examined, workers)
    known.unchanged |= unchanged
    known.tables.append(table)
    known.refused += problems
    heads = pd.concat([before.loc[unchanged, _HEAD], table[_HEAD]])
    for digest, source, problem in _placed(heads, here, around, log):
        if problem:
            known.refused.append((digest, problem))
        else:
            known.sources[digest] = source
    known.refused += [
        (digest, "logged, but its envelope is missing")
        for digest in sorted((around.places or {}).keys() - paths.keys() - around.missable)
    ]
    known.refused += around.refused
    for digest, state in around.moderated.items():
        told = Moderated(log, (around.places or {})[digest], state)
        before_it = known.moderated.get((log, digest), told)
        longer = len(state.notices) > len(before_it.state.notices)
        known.moderated[log, digest] = told if longer else before_it
    if around.writer and around.writer.known:
        known.entered += [runner for _, runner in around.keys.registered.values()]


def _had_then(
    paths: Mapping[str, Path], around: ArchiveContext, known: _Gathered
) -> dict[str, Path]:
    """Leave out what entered the log later, what was removed later, and what no log dates."""
    if around.past is None:
        undated = "no log says when it was entered"
        known.left_out += [(str(path), undated) for path in paths.values()]
        return {}
    known.removed_later |= around.past.removed
    other = around.past.later | around.past.removed.keys()
    return {digest: path for digest, path in paths.items() if digest not in other}


def _envelopes(folder: Path) -> tuple[dict[str, Path], list[tuple[str, str]]]:
    """Find the envelopes of a folder by their digest, and what of them cannot be read."""
    paths: dict[str, Path] = {}
    unread = []
    seen = Seen(folder)
    submissions = folder / "submissions"
    if linked := submissions.is_symlink():
        unread.append((str(submissions), "is a link"))
    for path in archive.envelopes(folder):
        if linked and path.parent == submissions:
            continue
        try:
            digest = seen.digest(path)
        except OSError as error:
            unread.append((str(path), f"cannot be read: {error.strerror}"))
            continue
        # A copy under another name does not hide the envelope.
        if digest not in paths or path.name == digest + archive.SUFFIX:
            paths[digest] = path
    seen.store()
    return paths, unread


def _log(folder: Path, around: ArchiveContext, known: _Gathered) -> tuple[str, str]:
    """Take a folder's verified log for the site; of two copies of one log the longer.

    Returns:
        Its name, empty where there is none; and what speaks against it.
    """
    home = folder / "log"
    plain, odd = listed(home)
    if around.problem or not around.head:
        return "", around.problem or odd.get("", "")
    if linked := sorted(around.log_files.keys() - set(plain)):
        why = next((why for path, why in odd.items() if _leads(path, linked[0])), "is a link")
        return "", f"{home / linked[0]}: {why}"
    name = _log_name(around.head)
    here = _Log(folder, around)
    if before := known.logs.get(name):  # reads both to the end: only where there are two
        try:
            here = here if archive.one_log([before.folder, folder]) == folder else before
        except UserError as error:
            return "", str(error)
    known.logs[name] = here
    size = around.head.size
    foreign = dict.fromkeys(plain, f"not part of a log of size {size}") | odd
    known.left_out += [
        (str(home / path), why)
        for path, why in foreign.items()
        if path not in around.log_files and path != _SETTLED and not tiles.is_outgrown(path, size)
    ]
    return name, ""


def _leads(path: str, to: str) -> bool:
    """Say whether a path is another one or a folder above it."""
    return not path or f"{to}/".startswith(f"{path}/")


def _rows(
    folder: Path,
    paths: Mapping[str, Path],
    before: pd.DataFrame,
    examined: partial[tuple[pd.DataFrame, list[tuple[str, str]]]],
    workers: Workers,
) -> tuple[np.ndarray, pd.DataFrame, list[tuple[str, str]]]:
    """Say which kept rows stand; return the rows of the others, and what is wrong with them."""
    named = {digest for digest, path in paths.items() if path.name == digest + archive.SUFFIX}
    # A key that is gone from the archive takes its results with it.
    keyids = {runner.key.keyid for runner in examined.args[0]}
    signed = _among(before["digest"], named) & _among(before["keyid"], keyids)
    unchanged = signed & _as_checked(before, archive.home_of(folder / archive.SUFFIX))
    old = before.loc[unchanged, "digest"].tolist()
    new = [paths[digest] for digest in sorted(paths.keys() - set(old))]
    batches = [new[at : at + _BATCH] for at in range(0, len(new), _BATCH)]
    read = list(workers.map(examined, batches, worth_it=len(new) >= _WORTH_PROCESSES))
    table = _together([table for table, _ in read])
    return unchanged, table, [problem for _, problems in read for problem in problems]


def _together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables below one another; one alone is not copied, for a row has a hundred columns."""
    filled = [table for table in tables if len(table)]
    if len(filled) == 1:
        return filled[0].reset_index(drop=True)
    return pd.concat(filled, ignore_index=True) if filled else rows.frame([])


def _kept(table: pd.DataFrame, wanted: np.ndarray) -> pd.DataFrame:
    """Return the rows that are wanted; likewise no copy where all are."""
    return table if wanted.all() else table[wanted]


def _as_checked(kept: pd.DataFrame, home: Path) -> np.ndarray:
    """Say which rows were made with the raw samples that lie there, or without where none do."""
    here = {path.stem for path in (home / "samples").glob("*.json")}
    pairs = zip(kept["samples"].tolist(), kept["doubts"].tolist(), strict=True)
    same = ((NO_SAMPLES in doubts) == here.isdisjoint(named.split()) for named, doubts in pairs)
    return np.fromiter(same, bool, len(kept))


def _among(column: pd.Series[str], names: Container[str]) -> np.ndarray:
    """Say which values are among many names, for which `isin` takes ten times as long."""
    return np.fromiter((value in names for value in column.tolist()), bool, len(column))


def _examined(
    runners: Sequence[Runner], sheet: PriceSheet | None, paths: Sequence[Path]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Verify envelopes and break them into rows; whatever one says, the others are read."""
    records, problems = [], []
    for path in paths:
        try:
            records += _drawn(_result(path, runners), sheet)
        except Exception as error:  # noqa: BLE001 - a bug of ours takes one result, not the site
            problems.append((path.name.removesuffix(archive.SUFFIX), _reason(error, path)))
    return rows.frame(records), problems


def _drawn(result: Result, sheet: PriceSheet | None) -> list[dict[str, Any]]:
    """Return the rows of a result, once all has been made that the site makes of it alone.

    The schema lets a stranger say more than was thought of: what cannot be drawn is found here,
    where it can still be left out.
    """
    records = rows.rows_of(result, sheet)
    list(tables.rows_of(result))
    plots.roofline(_ENGLISH, [point for point in points_of(result) if point.suite == "kernels"], "")
    return records


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, UserError):
        return str(error)
    return f"{path}: cannot be drawn: {type(error).__name__}: {error}"


def _result(path: Path, runners: Sequence[Runner]) -> Result:
    verified = archive.open_result(path, runners)
    return Result(
        digest=verified.digest,
        keyid=verified.keyid,
        runner=verified.runner.name,
        key_tier=verified.key_tier,
        log="",
        index=None,
        flags=_lines(verified.findings),
        predicate=verified.predicate,
        prints=tuple(fingerprints(verified.statement).values()),
        samples=tuple(file.digest.sha256 for file in verified.statement.subject),
        recomputed=bool(verified.evidence.rows),
    )


def opened(digest: str, source: FoundEnvelope, *, with_flags: bool = True) -> Result:
    """Read a result whose envelope was verified under this digest.

    Args:
        with_flags: whether to ask the physical checks again.

    Raises:
        CheckError: the file changed since.
    """
    data = _envelope(digest, source)
    statement = _statement(data)
    claims = _claims(data, source.runner)
    given = beside(archive.home_of(source.path), statement) if with_flags else None
    context = Context(claims=claims, evidence=given)  # `read` asked the clock
    judged = judge(statement, context) if with_flags else None
    return Result(
        digest=digest,
        keyid=source.runner.key.keyid,
        runner=source.runner.name,
        key_tier=source.standing.tier,
        log=source.log,
        index=source.index,
        flags=_lines(judged.findings) + source.flags if judged else (),
        unchecked=tuple(map(clean, judged.unchecked)) if judged else (),
        predicate=statement.predicate,
        confirmed_by=source.confirmed_by,
        state=source.state,
        recomputed=given is None or bool(given.rows),
        environment=claims["runner_environment"]
        if claims.get("runner_environment") in _ENVIRONMENTS
        else "",
    )


def statement_of(digest: str, source: FoundEnvelope) -> Statement:
    """Read what a verified envelope says.

    Raises:
        CheckError: the file changed since.
    """
    return _statement(_envelope(digest, source))


def _envelope(digest: str, source: FoundEnvelope) -> bytes:
    data = files.read_limited(source.path, follow=False)
    if hashlib.sha256(data).hexdigest() != digest:
        raise CheckError("changed while the site was built", where=str(source.path))
    return data


def _statement(data: bytes) -> Statement:
    # Either base64 alphabet, as DSSE allows.
    payload = base64.b64decode(json.loads(data)["payload"].translate(_URL_SAFE) + "==")
    return read_statement(json.loads(payload))


def _claims(data: bytes, runner: Runner) -> Mapping[str, str]:
    """What the certificate of a keyless signature says of the job that signed."""
    if not isinstance(runner.key, KeylessKey):
        return {}
    return envelope.verify(data, [runner.key], runner.id).claims


def _lines(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(clean(str(finding)) for finding in findings)


def _placed(
    heads: pd.DataFrame, paths: Mapping[str, Path], around: ArchiveContext, log: str
) -> Iterator[tuple[str, FoundEnvelope, str]]:
    """Yield (digest, where it lies, what speaks against it) of each result of the rows.

    Args:
        heads: their columns `_HEAD`.
    """
    # The catalogue's keys come first: one that is in both counts as registered.
    runners = {runner.key.keyid: runner for runner in reversed(around.runners)}
    first = heads.drop_duplicates("digest")
    for digest, keyid, finished_at in zip(*(first[name].tolist() for name in _HEAD), strict=True):
        path, runner = paths[digest], around.signer(runners[keyid], digest)
        index = (around.places or {}).get(digest)
        entered = tuple(around.logged_flags.get(digest, ()))
        source = FoundEnvelope(
            path=path,
            runner=runner,
            standing=_standing(path, runner),
            log=log if index is not None else "",
            index=index,
            entered=entered,
            flags=tuple(f"{rule}: when it entered the log" for rule in entered),
        )
        yield digest, source, "; ".join(around.problems(digest, runner, finished_at, str(path)))


def _flagged(
    sources: Mapping[str, FoundEnvelope], more: Mapping[str, tuple[str, ...]]
) -> dict[str, FoundEnvelope]:
    """Note what more speaks against some results."""
    marked = {
        digest: replace(sources[digest], flags=sources[digest].flags + lines)
        for digest, lines in more.items()
    }
    return {**sources, **marked}


def _repeated(
    table: pd.DataFrame, sources: Mapping[str, FoundEnvelope]
) -> dict[str, tuple[str, ...]]:
    """Tell which results repeat what an earlier one of its log, or another log, brought."""
    told = dict(zip(table["digest"].tolist(), table["prints"].tolist(), strict=True))
    prints = {digest: dict.fromkeys(own.split()) for digest, own in told.items()}
    times = Counter(chain.from_iterable(prints.values()))
    # Of 20,000 hardly any: only those are put in order.
    alike = [digest for digest, own in prints.items() if any(times[mark] > 1 for mark in own)]
    known: dict[str, str] = {}
    repeated: dict[str, tuple[str, ...]] = {}
    for digest in sorted(alike, key=lambda entry: _entered(sources[entry])):
        own = prints[digest]
        if copies := copied({f"evidence {print_[:12]}…": print_ for print_ in own}, known):
            repeated[digest] = _lines(copies)
        for print_ in own:
            known.setdefault(print_, digest)
    return repeated


def _early(table: pd.DataFrame, clock: datetime) -> dict[str, tuple[str, ...]]:
    """Tell which runs lie ahead of the reader's clock; they will not for long."""
    today = clock.date().isoformat()
    early = dict[str, tuple[str, ...]]()
    ends = zip(table["digest"].tolist(), table["finished_at"].tolist(), strict=True)
    for digest, ended in dict(ends).items():
        # Dates sort as texts, and no zone is more than a day ahead: few are read.
        if ended[: len(today)] >= today and (told := ahead(ended, clock)):
            early[digest] = _lines(told)
    return early


def _entered(source: FoundEnvelope) -> tuple[bool, int]:
    """Order in a log; what none holds comes last."""
    return source.index is None, source.index or 0


def _standing(path: Path, runner: Runner) -> Standing:
    """Tell the tier; where a workflow signed it hangs on what the certificate and the code say."""
    if isinstance(runner.key, KeylessKey):
        return archive.open_result(path, [runner]).standing
    return Standing(tier=runner.tier, reason=runner.doubt)


def _confirmed(
    table: pd.DataFrame, sources: Mapping[str, FoundEnvelope], logs: Mapping[str, _Log]
) -> dict[str, FoundEnvelope]:
    """Note which results others reproduce, log by log; only those concerned are read again."""
    repeats = table[table["reproduces"] != ""]
    named = {*repeats["digest"], *repeats["reproduces"]} & sources.keys()
    standing = {digest for digest in named if sources[digest].state.confirms}
    repeats = repeats[_among(repeats["reproduces"], standing) & _among(repeats["digest"], standing)]
    by_log = defaultdict[str, list[Entered]](list)
    for digest in sorted({*repeats["digest"], *repeats["reproduces"]}):
        source = sources[digest]
        if source.index is not None:
            again = archive.open_result(source.path, [source.runner])
            by_log[source.log].append(again.entered(source.index))
    judged = [
        repetition
        for log, results in by_log.items()
        for repetition in archive.repetitions_in(Ledger(logs[log].folder / "log"), results)
    ]
    return {
        **sources,
        **{
            digest: replace(sources[digest], confirmed_by=by)
            for digest, by in confirmed(judged).items()
        },
    }


def _log_name(head: Checkpoint) -> str:
    """Name a log after its writer, so that logs of several archives lie side by side."""
    return slug(head.origin.rpartition("/")[2])
