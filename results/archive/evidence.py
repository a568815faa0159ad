"""Signed results of an archive that count as evidence: nothing speaks against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.agreement.quality import asked
from results.agreement.references import Answering, references, standings
from results.archive import archive
from results.prediction.observed import signed_record
from results.proof.moderation import ResultState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from results.archive.archive import OpenedResult
    from results.prediction.observed import Record
    from suites.base.errors import UserError

__all__ = ["sound_records", "unmarked"]


def unmarked(directory: Path, on_broken: Callable[[UserError], None]) -> Iterator[OpenedResult]:
    """Results that no law flags and no notice marks.

    Args:
        on_broken: called for each result that does not open.
    """
    states = archive.moderated(directory)
    for own in archive.open_each(archive.envelopes(directory), on_broken):
        if not own.findings and not states.get(own.digest, ResultState()).mark:
            yield own


def sound_records(directory: Path, on_broken: Callable[[UserError], None]) -> list[Record]:
    """Records of unmarked results whose answers do not bar them.

    The rule of answers is the board's: real weights rank that answer as well as the model at full
    width, among the results of this archive; random ones stand for themselves.

    Args:
        on_broken: as for `unmarked`.
    """
    opened = list(unmarked(directory, on_broken))
    answering = [_answering(own) for own in opened if own.predicate.engines]
    stands = standings(answering, references(answering, {own.digest for own in opened}))
    barred = {own.digest for own in answering if own.barred(stands[own.digest])}
    records = (
        signed_record(own.predicate, own.digest) for own in opened if own.digest not in barred
    )
    return [record for record in records if record]


def _answering(opened: OpenedResult) -> Answering:
    engine, rows = opened.predicate.engines[0], opened.predicate.measurements
    # Answers that are not there to be graded again say nothing.
    graded = bool(opened.evidence.rows)
    figures = ((row.suite, row.metric, row.labels) for row in rows)
    return Answering(
        digest=opened.digest,
        model=engine.model,
        precision=engine.precision,
        weights=engine.weights,
        asked=asked(figures) if graded else None,
    )
