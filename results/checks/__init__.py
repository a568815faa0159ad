"""Is a result consistent with itself, with physics and with what came before it? Pure.

A document that contradicts itself is refused; a figure that physics or a datasheet speaks
against is flagged: shown with the flag, never deleted, because datasheets err too. Of others'
reported figures nothing is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING

from results.checks import machine, roofline, samples
from results.checks.claim import drafts, narrow_cache, of_reported, of_statement
from results.checks.evidence import SampleFigures, evidence
from results.checks.finding import CheckedFigure, Context, Finding, Law, Outcome
from results.checks.laws import AHEAD, LAWS, ONE_ANSWER, SAMPLES
from results.checks.machine import OWN_LENGTH
from results.checks.origin import NONCE, copies, fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from results.checks.claim import Claim
    from results.statement.reported import ReportedResult
    from results.statement.statement import Statement

__all__ = [
    "LAWS",
    "OWN_LENGTH",
    "Context",
    "Finding",
    "Judged",
    "Law",
    "Outcome",
    "SampleFigures",
    "ahead",
    "check",
    "copied",
    "drafts",
    "evidence",
    "fingerprints",
    "judge",
    "judge_all",
    "judge_reported",
    "narrow_cache",
    "outcome",
    "rules",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the laws say of a result.

    Attributes:
        held: how many comparisons were made.
        findings: those that do not hold.
        unchecked: laws that could not be held, and why, one line each.
    """

    held: int
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def judge(statement: Statement, context: Context | None = None) -> Judged:
    """Hold a signed result against every law."""
    return judge_all([(statement, context or Context())])[0]


def judge_all(results: Iterable[tuple[Statement, Context]]) -> list[Judged]:
    """Hold signed results against every law, a law after another: so its code stays at hand."""
    return _judged([(of_statement(statement), context) for statement, context in results])


def judge_reported(result: ReportedResult, context: Context | None = None) -> Judged:
    """Hold somebody else's result against every law that what it says allows to ask."""
    return _judged([(of_reported(result), context or Context())])[0]


def check(statement: Statement, context: Context | None = None) -> list[Finding]:
    """Return what the laws have against a statement whose signature holds."""
    return list(judge(statement, context).findings)


def copied(prints: Mapping[str, str], known: Mapping[str, str]) -> list[Finding]:
    """Apply the two laws whose answer depends on what was stored a moment ago.

    Args:
        prints: of a signed result, see `fingerprints`.
        known: such digests, and the result that brought them.
    """
    copied_figures = [
        (ONE_ANSWER if figure.where == NONCE else SAMPLES, figure)
        for figure in copies(prints, known)
    ]
    return [
        _finding(law, figure, figure.reason, law.outcome)
        for law, figure in copied_figures
        if figure.reason
    ]


def ahead(finished_at: str, clock: datetime) -> list[Finding]:
    """Apply the law whose answer changes as time goes on: no run lies ahead of its reader.

    Args:
        finished_at: of a run.
        clock: of the reader, UTC.
    """
    every = machine.before(finished_at, clock)
    return [
        _finding(AHEAD, figure, figure.reason, AHEAD.outcome) for figure in every if figure.reason
    ]


def outcome(findings: Sequence[Finding]) -> Outcome:
    """Return the worst outcome."""
    outcomes = {finding.outcome for finding in findings}
    return "refused" if "refused" in outcomes else "flagged" if outcomes else "accepted"


def rules(findings: Sequence[Finding], outcome: Outcome) -> list[str]:
    """Name the rules of one outcome, each once, in the order of the table."""
    return list(dict.fromkeys(finding.rule for finding in findings if finding.outcome == outcome))


def _judged(claims: Sequence[tuple[Claim, Context]]) -> list[Judged]:
    alike: dict[frozenset[str], list[_Judging]] = {}
    judging = [_Judging(*pair) for pair in claims]
    for pending in judging:
        metrics = frozenset([item.metric for item in pending.claim.measurements])
        alike.setdefault(metrics, []).append(pending)
    for metrics, several in alike.items():
        for law in _laws_of(metrics):
            for pending in several:
                if not law.given or getattr(pending.context, law.given):
                    pending.hold(law)
    return [pending.judged() for pending in judging]


class _Judging:
    """A claim that laws are applied to."""

    __slots__ = ("claim", "context", "findings", "held")

    def __init__(self, claim: Claim, context: Context) -> None:
        self.claim = replace(claim, own=context.model) if context.model else claim
        self.context = context
        self.held = 0
        self.findings: list[Finding] = []

    def hold(self, law: Law) -> None:
        for figure in law.find(self.claim, self.context):
            self.held += 1
            if figure.reason is not None:
                outcome = law.outcome if self.claim.statement else "flagged"
                self.findings.append(_finding(law, figure, figure.reason, outcome))

    def judged(self) -> Judged:
        unchecked = (
            *roofline.unchecked(self.claim),
            *samples.unchecked(self.claim, self.context),
        )
        return Judged(held=self.held, findings=tuple(self.findings), unchecked=unchecked)


@lru_cache(maxsize=1024)
def _laws_of(metrics: frozenset[str]) -> tuple[Law, ...]:
    return tuple(law for law in LAWS if not law.needs or law.needs & metrics)


def _finding(law: Law, held: CheckedFigure, reason: str, outcome: Outcome) -> Finding:
    return Finding(
        rule=law.name,
        outcome=outcome,
        where=held.where,
        reason=reason,
        formula=law.formula,
        left=_finite(held.left),
        right=_finite(held.right),
    )


def _finite(value: float | None) -> float | None:
    """JSON has no infinity, which products of two large figures reach."""
    return value if value is not None and isfinite(value) else None
