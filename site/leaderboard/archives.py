"""Read archives of signed results: verified ones become rows, the rest become problems."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leaderboard import known, rows
from leaderboard.figures import Result
from leaderboard.kept import Kept
from leaderboard.text import slug
from results import archive, bounded, envelope, identity
from results.checks import Context, check
from results.confirmation import confirmed
from results.keyless import KeylessKey
from results.ledger import Ledger
from results.statement import Statement
from suites.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence
    from pathlib import Path

    from leaderboard.known import KnownLog
    from leaderboard.workers import Workers
    from results.archive import Surroundings
    from results.catalog import PriceSheet
    from results.identity import Runner

__all__ = ["Archive", "Source", "opened", "read"]

# One process verifies some 2,000 small envelopes in the time that others take to start.
_WORTH_PROCESSES = 4000
_BATCH = 250
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a verified envelope lies and what is known of it.

    Attributes:
        runner: whose key signed.
        log: name of the log that holds it, empty when it is not logged.
        index: position in that log.
        confirmed_by: digests of the results that reproduce it.
    """

    path: Path
    runner: Runner
    log: str
    index: int | None
    confirmed_by: tuple[str, ...] = ()

    @property
    def tier(self) -> str:
        """How much is known beyond the signature."""
        return "reproduced" if self.confirmed_by else self.runner.tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What lies in the given folders.

    Attributes:
        rows: of all verified results, as `leaderboard.rows` has them, with their `tier`.
        sources: by digest, newest result first.
        refused: (digest, why) of what does not verify; never shown as a result.
        keys: public keys of the runners, as the verify page reads them.
        logs: what the verify page knows of the logs that hold, by their folder on the site.
        files: logs and runner keys to publish, by their path on the site.
    """

    rows: pd.DataFrame
    sources: Mapping[str, Source]
    refused: tuple[tuple[str, str], ...]
    keys: tuple[dict[str, Any], ...]
    logs: Mapping[str, KnownLog]
    files: Mapping[str, Path]

    def open(self, digest: str) -> Result:
        """Read a verified result again, with everything its statement says.

        Raises:
            CheckError: the file changed since it was verified.
        """
        return opened(digest, self.sources[digest])


def read(folders: Sequence[Path], sheet: PriceSheet | None, workers: Workers) -> Archive:
    """Verify and read every envelope of the folders, or take its rows from the last build.

    Args:
        sheet: prices the rows are reckoned with.

    Raises:
        UserError: a folder does not exist.
        CheckError: a folder has a log that does not hold, and nothing else.
    """
    kept = Kept(folders)
    before = kept.load()
    tables: list[pd.DataFrame] = []
    sources: dict[str, Source] = {}
    refused: list[tuple[str, str]] = []
    files: dict[str, Path] = {}
    runners = [*identity.read_folder(identity.REGISTERED, registered=True)]
    ended: dict[str, dict[str, int]] = {}
    logs: dict[str, KnownLog] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError("is no folder", where=str(folder), expected="an archive of results")
        paths = {_digest(path): path for path in archive.envelopes(folder)}
        here = {digest: path for digest, path in paths.items() if digest not in sources}
        if not paths and not Ledger(folder / "log").exists():
            continue
        around = archive.surroundings(folder)
        if around.problem and not paths:
            raise CheckError(around.problem)
        examined = partial(_examined, around.runners, sheet)
        table, problems = _rows(here, before, examined, workers)
        tables.append(table)
        refused += problems
        log = _log_name(folder)
        for digest, source, problem in _placed(table, here, around, log):
            if problem:
                refused.append((digest, problem))
            else:
                sources[digest] = source
        refused += [
            (digest, "logged, but its envelope is missing")
            for digest in sorted((around.places or {}).keys() - paths.keys())
        ]
        runners += identity.read_folder(folder / "runners")
        ended[log] = around.keys.ended
        if around.places is not None:
            logs[log] = known.log(folder / "log", around.runners)
        files.update(_published(folder, log))
    table = pd.concat(tables, ignore_index=True) if tables else rows.frame([])
    if len(table) != len(before) or set(table["digest"]) != set(before["digest"]):
        workers.beside(partial(kept.store, table))
    table = table[_among(table["digest"], sources)]
    sources = _confirmed(table, sources)
    tiers = table["digest"].map({digest: source.tier for digest, source in sources.items()})
    return Archive(
        rows=table.assign(tier=tiers).reset_index(drop=True),
        sources=sources,
        refused=tuple(refused),
        keys=known.keys(runners, ended),
        logs=logs,
        files=files,
    )


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(bounded.read(path)).hexdigest()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _rows(
    paths: Mapping[str, Path],
    before: pd.DataFrame,
    examined: partial[tuple[pd.DataFrame, list[tuple[str, str]]]],
    workers: Workers,
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Return the rows of all envelopes, old ones as they were kept, and what is wrong with new."""
    named = {digest for digest, path in paths.items() if path.name == digest + archive.SUFFIX}
    # A key that is gone from the archive takes its results with it.
    keyids = {runner.key.keyid for runner in examined.args[0]}
    old = before[_among(before["digest"], named) & before["keyid"].isin(keyids)]
    new = [paths[digest] for digest in sorted(paths.keys() - set(old["digest"]))]
    batches = [new[at : at + _BATCH] for at in range(0, len(new), _BATCH)]
    found = list(workers.map(examined, batches, worth_it=len(new) >= _WORTH_PROCESSES))
    tables = [old, *(table for table, _ in found)]
    filled = [table for table in tables if len(table)]
    table = pd.concat(filled, ignore_index=True) if filled else old
    return table, [problem for _, problems in found for problem in problems]


def _among(column: pd.Series[str], names: Container[str]) -> np.ndarray:
    """Say which values are among many names, for which `isin` takes ten times as long."""
    return np.fromiter((value in names for value in column.tolist()), bool, len(column))


def _examined(
    runners: Sequence[Runner], sheet: PriceSheet | None, paths: Sequence[Path]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Verify envelopes and break them into rows."""
    records, problems = [], []
    for path in paths:
        try:
            records += rows.rows_of(_result(path, runners), sheet)
        except UserError as error:
            problems.append((path.name.removesuffix(archive.SUFFIX), str(error)))
    return rows.frame(records), problems


def _result(path: Path, runners: Sequence[Runner]) -> Result:
    verified = archive.open_result(path, runners)
    return Result(
        digest=verified.digest,
        keyid=verified.keyid,
        runner=verified.runner.name,
        key_tier=verified.key_tier,
        log="",
        index=None,
        flags=_flags(verified.statement, verified.claims),
        predicate=verified.predicate,
    )


def opened(digest: str, source: Source, *, with_flags: bool = True) -> Result:
    """Read a result whose envelope was verified under this digest.

    Args:
        with_flags: whether to ask the physical checks again.

    Raises:
        CheckError: the file changed since.
    """
    data = source.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise CheckError("changed while the site was built", where=str(source.path))
    # Either base64 alphabet, as DSSE allows.
    payload = base64.b64decode(json.loads(data)["payload"].translate(_URL_SAFE) + "==")
    statement = Statement.model_validate_json(payload)
    claims = _claims(data, source.runner)
    return Result(
        digest=digest,
        keyid=source.runner.key.keyid,
        runner=source.runner.name,
        key_tier=source.runner.tier,
        log=source.log,
        index=source.index,
        flags=_flags(statement, claims) if with_flags else (),
        predicate=statement.predicate,
        confirmed_by=source.confirmed_by,
        environment=claims.get("runner_environment", ""),
    )


def _claims(data: bytes, runner: Runner) -> Mapping[str, str]:
    """What the certificate of a keyless signature says of the job that signed."""
    if not isinstance(runner.key, KeylessKey):
        return {}
    return envelope.verify(data, [runner.key], runner.id).claims


def _flags(statement: Statement, claims: Mapping[str, str]) -> tuple[str, ...]:
    found = check(statement, Context(claims=claims))
    return tuple(f"{flag.rule}: {flag.where} {flag.reason}" for flag in found)


def _placed(
    table: pd.DataFrame, paths: Mapping[str, Path], around: Surroundings, log: str
) -> Iterator[tuple[str, Source, str]]:
    """Yield (digest, where it lies, what speaks against it) of each result of the rows."""
    # The catalogue's keys come first: one that is in both counts as registered.
    runners = {runner.key.keyid: runner for runner in reversed(around.runners)}
    heads = table[["digest", "keyid", "finished_at"]].drop_duplicates("digest")
    for digest, keyid, finished_at in heads.itertuples(index=False, name=None):
        path, runner = paths[digest], runners[keyid]
        index = (around.places or {}).get(digest)
        source = Source(path=path, runner=runner, log=log if index is not None else "", index=index)
        yield digest, source, "; ".join(around.problems(digest, runner, finished_at, str(path)))


def _confirmed(table: pd.DataFrame, sources: Mapping[str, Source]) -> dict[str, Source]:
    """Note which results others reproduce, across all folders; only those concerned are read."""
    repeats = table[table["reproduces"] != ""]
    repeats = repeats[_among(repeats["reproduces"], sources)]
    concerned = sorted({*repeats["digest"], *repeats["reproduces"]})
    found = confirmed([opened(digest, sources[digest]) for digest in concerned])
    return {
        **sources,
        **{digest: replace(sources[digest], confirmed_by=by) for digest, by in found.items()},
    }


def _log_name(folder: Path) -> str:
    """Name a log after its writer, so that logs of several archives lie side by side."""
    return slug(Ledger(folder / "log").unverified().origin.rpartition("/")[2])


def _published(folder: Path, log: str) -> Iterator[tuple[str, Path]]:
    for part, target in (("log", f"logs/{log}"), ("runners", "runners/keys")):
        home = folder / part
        for path in sorted(home.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield f"{target}/{path.relative_to(home).as_posix()}", path
