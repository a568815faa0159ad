"""Repeat a published result: the same plan, versions and seed, here, and the figures compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from results.agreement.confirmation import agreement, differences, shortcomings
from runners.machine import machine
from runners.measure import provenance
from runners.measure.pipeline import measure
from runners.measure.subject import chip_under_test, with_subject
from runners.options.in_statement import from_statement
from suites.base.errors import CheckError

if TYPE_CHECKING:
    from pathlib import Path

    from results.agreement.confirmation import Agreement, Difference
    from results.archive.archive import OpenedResult
    from results.service.challenge import Challenge
    from results.statement.statement import Predicate
    from runners.measure.outcome import FinishedRun
    from runners.options.options import RunOptions
    from suites.base.terminal import Terminal

__all__ = ["Reproduction", "reproduce"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """A second run beside the first.

    Attributes:
        first: digest of the result that was repeated.
        differences: conditions that were not the same; a decisive one leaves nothing to compare.
        hindrances: why the second run cannot confirm the first, so far as this machine can tell;
            who owns the keys, and what the log held when, is for `fenmark verify` to say.
    """

    first: str
    outcome: FinishedRun
    agreement: Agreement
    differences: tuple[Difference, ...]
    hindrances: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """The figures agree, and they are about the same thing."""
        return self.agreement.holds and not any(
            difference.decisive for difference in self.differences
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "reproduces": self.first,
            "digest": self.outcome.digest,
            "agrees": self.agrees,
            "hindrances": list(self.hindrances),
            "figures": [
                {**asdict(figure.change), "verdict": figure.verdict}
                for figure in self.agreement.figures
            ],
            "missing": list(self.agreement.missing),
            "differences": [asdict(difference) for difference in self.differences],
        }


def reproduce(
    first: OpenedResult,
    out: Path,
    *,
    force: bool,
    resume: bool,
    terminal: Terminal,
    flags_allowed: bool = False,
    challenge: Challenge | None = None,
    **local: Any,
) -> Reproduction:
    """Run what a verified result states, sign the new result as its repetition, compare.

    Args:
        force: run although a condition differs so that the figures are not comparable.
        flags_allowed: the reader wants the engine flags that the statement names.
        challenge: of the log that holds the first result; without one nothing is confirmed.
        local: `endpoint`, `weights`, `api_key_env` where the run needs them.

    Raises:
        UserError: the run needs what only this machine's owner can give.
        CheckError: a decisive condition differs and `force` is not set; or a cell failed.
    """
    predicate = first.statement.predicate
    options = with_subject(from_statement(predicate, out, flags_allowed=flags_allowed, **local))
    unlike = differences(predicate, _as_here(predicate, options))
    for difference in unlike:
        terminal.say(str(difference), indent=2)
    if not force:
        _refuse(first.digest, predicate, unlike)
    for line in first.unchecked:
        if line.startswith("samples:"):
            terminal.say(f"of the first result: {line}", indent=2)
    outcome = measure(
        options,
        out,
        resume=resume,
        terminal=terminal,
        challenge=challenge,
        reproduces=first.digest,
    )
    second = outcome.statement.predicate
    one_key = ["one key signed both"] if second.run.runner == predicate.run.runner else []
    return Reproduction(
        first=first.digest,
        outcome=outcome,
        agreement=agreement(predicate, second),
        differences=tuple(differences(predicate, second)),
        hindrances=(*one_key, *shortcomings(predicate, second)),
    )


def _as_here(first: Predicate, options: RunOptions) -> Predicate:
    """Return the first statement as this machine would write it, so far as that is known before."""
    run = first.run.model_copy(update={"suite_version": provenance.suite_version()})
    here = machine.describe(chip_under_test(options))
    return first.model_copy(
        update={
            "run": run,
            "machine": here,
            "software": provenance.software({}),
            "source": provenance.source(),
        }
    )


def _refuse(digest: str, predicate: Predicate, unlike: list[Difference]) -> None:
    if predicate.run.options is None:
        raise CheckError(
            "does not state its options, so that nobody can tell what to repeat",
            where=digest,
            remedy="--force runs with the defaults of today",
        )
    decisive = [str(difference) for difference in unlike if difference.decisive]
    if decisive:
        raise CheckError(
            f"cannot be compared with a run here ({'; '.join(decisive)})",
            where=digest,
            expected="the same chip and versions",
            remedy="--force runs all the same; the result will confirm nothing",
        )
