"""Verify an archive, offline: every signature, the whole log, and that each result is in it.

Envelopes are read one at a time and forgotten, by a process for each core where there are many;
what stays is a verdict of a few hundred bytes each.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from results.agreement.confirmation import confirmed
from results.archive import archive
from results.archive.beside import other_samples
from results.checks import Finding, copied, fingerprints, rules
from results.proof import envelope
from results.proof.ledger import Ledger
from results.proof.moderation import ResultState
from suites.base.errors import CheckError, UserError
from suites.base.garbage import look_rarely, rarely

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from securesystemslib.signer import Key

    from results.archive.archive import ArchiveContext, OpenedResult
    from results.proof.cosignature import Policy
    from results.proof.envelope import Verified

    # File and digest of an envelope, and what came of its signature, then of its payload.
    _Sealed = tuple[Path, str, Verified | UserError]
    _Opened = tuple[Path, str, OpenedResult | UserError]

__all__ = ["Verdict", "forks", "verify"]

_CHUNK = 500  # envelopes: about a tenth of a second of work
_FEW = 25  # envelopes of 1 MiB, and what they hold, are in memory at once
_MOST_BYTES = 2**20  # of payloads whose laws are held together; an object takes tenfold
_STRAY = "the result it repeats is not in this log, or does not verify"
_WORTH_PROCESSES = 2000  # starting one takes as long as some thousand envelopes


_NOTHING: Mapping[str, str] = {}


class Verdict(NamedTuple):
    """What verification found for one envelope; a tuple, which is made and sent fast.

    Attributes:
        signature: a known key signed exactly these bytes, and they are a statement.
        inclusion: the log's checkpoint covers it; None where no log lies beside the file.
        keyid: of the key that verified, None if none did.
        tier: "CI-attested" (a workflow of the catalogue, at a commit that a maintainer has read),
            "registered" (key in the catalogue) or "self-signed" (key from the archive itself).
        tier_reason: why it is no higher, where the key might have given more; else empty.
        registered_by: "log" or "catalogue", where the key is registered; else empty.
        problems: one line each, refused figures among them; empty when all is well.
        findings: what the laws (`results.checks`) have against the figures. A flag is no reason
            to distrust the proof.
        reproduces: digest of the result that this one says it repeats.
        confirmed_by: digests of results of this archive that reproduce it.
        objections: why it does not confirm the result it says it repeats.
        claims: what a keyless signature's certificate says of the job that signed.
        prints: digests of what no two results share, by name.
        unchecked: laws that could not be held, and why, one line each.
        moderation: what notices in the log say of it.
    """

    digest: str
    signature: bool
    inclusion: bool | None
    keyid: str | None
    tier: str | None
    tier_reason: str = ""
    registered_by: str = ""
    problems: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    reproduces: str | None = None
    confirmed_by: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    claims: Mapping[str, str] = _NOTHING
    prints: Mapping[str, str] = _NOTHING
    unchecked: tuple[str, ...] = ()
    moderation: ResultState = ResultState()

    @property
    def flags(self) -> list[str]:
        """Rules that flag it."""
        return rules(self.findings, "flagged")

    @property
    def refused(self) -> list[str]:
        """Rules that refuse it."""
        return rules(self.findings, "refused")

    def to_json(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "signature": self.signature,
            "inclusion": self.inclusion,
            "keyid": self.keyid,
            "tier": self.tier,
            "tier_reason": self.tier_reason,
            "registered_by": self.registered_by,
            "problems": list(self.problems),
            "flags": self.flags,
            "refused": self.refused,
            "findings": [finding.to_json() for finding in self.findings],
            "unchecked": list(self.unchecked),
            "reproduces": self.reproduces,
            "confirmed_by": list(self.confirmed_by),
            "objections": list(self.objections),
            "claims": dict(self.claims),
            "moderation": self.moderation.to_json(),
        }


def verify(
    path: Path,
    earlier: Path | None = None,
    policy: Policy | None = None,
    *,
    clock: datetime | None = None,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Verdict]:
    """Check an archive folder, or one envelope against the log beside it.

    Every signature, every entry and tile of the log, the checkpoint's signature, and that each
    envelope is in the log. Never touches the network.

    Args:
        earlier: file of a checkpoint of the same log seen before: the log must extend it.
        policy: witnesses that must have cosigned the log's `cosigned` checkpoint.
        clock: of the reader, UTC: a run that lies ahead of it is flagged; by default none is asked.
        tell: called with the number of envelopes judged so far, and of all.

    Raises:
        UserError: nothing to verify is there.
    """
    if not path.exists():
        raise UserError("does not exist", where=str(path), expected="an archive or a *.dsse.json")
    files = archive.envelopes(path) if path.is_dir() else [path]
    home = path if path.is_dir() else archive.home_of(path)
    if not files and not Ledger(home / "log").exists():
        raise UserError("holds no result", where=str(path), expected=f"*{archive.SUFFIX} or log/")
    around = replace(archive.surroundings(home, earlier, policy), clock=clock)
    verdicts: list[Verdict] = []
    with rarely():
        for verdict in _judge_all(files, around):
            if len(verdicts) % _CHUNK == 0:
                tell(len(verdicts), len(files))
            verdicts.append(verdict)
    verdicts = _with_copies(verdicts, around.places or {})
    verdicts = _with_confirmations(verdicts, files, around, Ledger(home / "log"))
    if around.problem and not verdicts:
        raise CheckError(around.problem)
    if path.is_dir() and around.places is not None:
        absent = set(around.places) - {verdict.digest for verdict in verdicts}
        verdicts += [_removed(digest, around) for digest in sorted(absent & around.missable)]
        verdicts += _missing(absent - around.missable)
        verdicts += [_without(digest, fault) for digest, fault in around.refused]
    return verdicts


def forks(paths: Sequence[Path]) -> Iterator[str]:
    """Yield why archives that name one log do not hold one log; broken ones are judged alone."""
    homes = dict.fromkeys(path if path.is_dir() else archive.home_of(path) for path in paths)
    named: dict[str, list[Path]] = {}
    for home in homes:
        with suppress(UserError):
            named.setdefault(Ledger(home / "log").unverified().origin, []).append(home)
    for origin, same in named.items():
        try:
            if origin and len(same) > 1:
                archive.one_log(same)
        except UserError as error:
            yield str(error)


def _judge_all(files: Sequence[Path], around: ArchiveContext) -> Iterator[Verdict]:
    cores = os.cpu_count() or 1
    if cores == 1 or len(files) < _WORTH_PROCESSES:
        yield from chain.from_iterable(_judge_chunk(chunk, around) for chunk in _chunks(files))
        return
    context = multiprocessing.get_context("spawn")  # forks of a process with threads may hang
    with ProcessPoolExecutor(
        cores, mp_context=context, initializer=_keep, initargs=(around,)
    ) as pool:
        yield from chain.from_iterable(pool.map(_judge_kept, _chunks(files)))


def _chunks(files: Sequence[Path]) -> list[Sequence[Path]]:
    return [files[at : at + _CHUNK] for at in range(0, len(files), _CHUNK)]


_KEPT: list[ArchiveContext] = []  # of this worker process


def _keep(around: ArchiveContext) -> None:
    _KEPT[:] = [around]
    look_rarely()


def _judge_kept(files: Sequence[Path]) -> list[Verdict]:
    [around] = _KEPT
    return _judge_chunk(files, around)


def _judge_chunk(files: Sequence[Path], around: ArchiveContext) -> list[Verdict]:
    """Judge envelopes, a few at a time.

    All signatures of those few are checked first, then all payloads are read, then each law is
    applied to all: tables of libsodium, code and objects drive each other out of the processor's
    first cache.
    """
    keys = [runner.key for runner in around.runners]
    return [
        verdict
        for at in range(0, len(files), _FEW)
        for few in _opened([_sealed(file, keys) for file in files[at : at + _FEW]], around)
        for verdict in _judge_few(few, around)
    ]


def _sealed(path: Path, keys: Sequence[Key]) -> Verdict | _Sealed:
    """Read an envelope and check its signature: its file, its digest, and what was signed."""
    try:
        data = archive.read(path)
    except UserError as error:
        return _unreadable(path, error)
    digest = envelope.digest(data)
    try:
        return path, digest, envelope.verify(data, keys, str(path))
    except UserError as error:
        return path, digest, error


def _opened(
    sealed: Sequence[Verdict | _Sealed], around: ArchiveContext
) -> Iterator[list[Verdict | _Opened]]:
    """Read what was signed; yield so many at once as take little memory."""
    batch: list[Verdict | _Opened] = []
    weight = 0
    for item in sealed:
        if isinstance(item, Verdict):
            batch.append(item)
            continue
        path, digest, verified = item
        result: OpenedResult | UserError
        try:
            if isinstance(verified, UserError):
                raise verified
            weight += len(verified.payload)
            home = archive.home_of(path)
            result = archive.open_unjudged(verified, path, around.runners, digest, home)
            weight += _MOST_BYTES if result.evidence.rows else 0
        except UserError as error:
            result = error
        batch.append((path, digest, result))
        if weight >= _MOST_BYTES:
            yield batch
            batch, weight = [], 0
    yield batch


def _judge_few(few: Sequence[Verdict | _Opened], around: ArchiveContext) -> Iterator[Verdict]:
    results = [item[2] for item in few if not isinstance(item, Verdict)]
    opened = [result for result in results if not isinstance(result, UserError)]
    judged = iter(archive.judged(opened, around.clock))
    for item in few:
        if isinstance(item, Verdict):
            yield item
        else:
            path, digest, result = item
            told = result if isinstance(result, UserError) else next(judged)
            yield _verdict(path, digest, told, around)


def _verdict(
    path: Path, digest: str, opened: OpenedResult | UserError, around: ArchiveContext
) -> Verdict:
    problems: list[str] = []
    keyid = tier = reproduces = None
    reason = source = ""
    findings: list[Finding] = []
    claims = prints = _NOTHING
    unchecked: Sequence[str] = ()
    try:
        if isinstance(opened, UserError):
            raise opened
        opened = around.placed(opened)
        keyid, claims = opened.keyid, opened.claims
        standing = opened.standing
        tier, reason = standing.tier, standing.reason
        source = opened.runner.registered_by
        findings = around.findings(opened)
        problems += archive.refusals(findings, str(path))
        prints, unchecked = fingerprints(opened.statement), opened.unchecked
        home = archive.home_of(path)
        problems += other_samples(home, opened.statement, opened.evidence)
        run = opened.predicate.run
        reproduces = run.reproduces
        problems += around.problems(digest, opened.runner, run.finished_at, str(path))
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
        tier_reason=reason,
        registered_by=source,
        problems=tuple(problems),
        findings=tuple(findings),
        reproduces=reproduces,
        claims=claims,
        prints=prints,
        unchecked=tuple(unchecked),
        moderation=around.state(digest),
    )


def _unreadable(path: Path, error: UserError) -> Verdict:
    return Verdict(
        digest=path.name.removesuffix(archive.SUFFIX),
        signature=False,
        inclusion=None,
        keyid=None,
        tier=None,
        problems=(str(error),),
    )


def _with_copies(verdicts: Sequence[Verdict], places: Mapping[str, int]) -> list[Verdict]:
    """Note which results repeat what an earlier one brought, as a log does on entry."""
    known: dict[str, str] = {}
    more: dict[str, list[Finding]] = {}
    for verdict in sorted(verdicts, key=lambda verdict: places.get(verdict.digest, len(places))):
        copies = copied(verdict.prints, known)
        more[verdict.digest] = [finding for finding in copies if finding.rule not in verdict.flags]
        for print_ in verdict.prints.values():
            known.setdefault(print_, verdict.digest)
    return [
        verdict._replace(findings=(*verdict.findings, *more[verdict.digest]))
        if more.get(verdict.digest)
        else verdict
        for verdict in verdicts
    ]


def _with_confirmations(
    verdicts: Sequence[Verdict], files: Sequence[Path], around: ArchiveContext, log: Ledger
) -> list[Verdict]:
    """Note which results others reproduce; only those concerned are read again."""
    places = around.places or {}
    sound = {
        verdict.digest: file
        for verdict, file in zip(verdicts, files, strict=True)
        if not verdict.problems and verdict.digest in places and verdict.moderation.confirms
    }
    pairs = {
        verdict.digest: verdict.reproduces for verdict in verdicts if verdict.reproduces in sound
    }
    concerned = [
        around.placed(archive.open_result(sound[digest], around.runners)).entered(places[digest])
        for digest in sorted(sound.keys() & {*pairs, *pairs.values()})
    ]
    judged = archive.repetitions_in(log, concerned)
    strays = {verdict.digest: (_STRAY,) for verdict in verdicts if verdict.reproduces}
    objections = strays | {repetition.second: repetition.objections for repetition in judged}
    confirming = confirmed(judged)
    told = confirming.keys() | objections.keys()
    return [
        verdict._replace(
            confirmed_by=confirming.get(verdict.digest, ()),
            objections=objections.get(verdict.digest, ()),
        )
        if verdict.digest in told
        else verdict
        for verdict in verdicts
    ]


def _removed(digest: str, around: ArchiveContext) -> Verdict:
    """The verdict on a result that was removed and whose envelope is gone: its entry stays."""
    return Verdict(
        digest=digest,
        signature=False,
        inclusion=True,
        keyid=None,
        tier=None,
        moderation=around.state(digest),
    )


def _missing(absent: set[str]) -> Iterator[Verdict]:
    for digest in sorted(absent):
        yield _without(digest, "logged, but its envelope is missing")


def _without(digest: str, problem: str) -> Verdict:
    """The verdict on an entry whose envelope proves nothing."""
    return Verdict(
        digest=digest,
        signature=False,
        inclusion=True,
        keyid=None,
        tier=None,
        problems=(f"{digest}: {problem}",),
    )
