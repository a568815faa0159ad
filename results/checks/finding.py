"""What a law is given besides a result, what it is, and what it finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from random import Random

    from results.checks.claim import Claim
    from results.checks.evidence import SampleFigures
    from results.statement.nonce import Nonce
    from suites.models import Geometry

__all__ = ["TOLERANCE", "CheckedFigure", "Context", "Finding", "Law", "Outcome", "at_most"]

Outcome = Literal["accepted", "flagged", "refused"]

# A chip may boost a little above its stated clock, and power caps are held on average only.
TOLERANCE = 1.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a result is checked against besides itself.

    Attributes:
        now: UTC, when the result was received; None where nobody can tell (an archive).
        clock: UTC, what a reader's clock says; None where none is asked.
        nonce: what became of the challenge it names; None where nobody can tell.
        samples: digests of raw samples and of figures already known, and the result that
            brought them.
        choose: picks the kernel outputs to compute again; None where none are.
        claims: what the certificate of a keyless signature says of the job that signed.
        evidence: what its raw samples give; None where nobody looked for them.
        model: sizes of a model whose name is unknown here, as the reader brings them.
    """

    now: datetime | None = None
    clock: datetime | None = None
    nonce: Nonce | None = None
    samples: Mapping[str, str] = field(default_factory=dict)
    choose: Random | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    evidence: SampleFigures | None = None
    model: Geometry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a law has against a result.

    Attributes:
        rule: name of the law.
        outcome: "flagged" or "refused".
        where: field of the predicate, or case and metric of the figure.
        reason: one line for people, with both numbers.
        formula: of the law.
        left, right: the two numbers that do not fit, None where they are not numbers.
    """

    rule: str
    outcome: Outcome
    where: str
    reason: str
    formula: str = ""
    left: float | None = None
    right: float | None = None

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.rule}: {self.where} {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Return all fields."""
        return asdict(self)


class CheckedFigure(NamedTuple):
    """One figure that was checked against a law; a result has hundreds, and tuples are made fast.

    Attributes:
        where: case and metric of the figure, or a field of the predicate.
        reason: what is wrong with it, None where it holds.
        left, right: the two numbers that were compared.
    """

    where: str
    reason: str | None = None
    left: float | None = None
    right: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """One line of the table of laws.

    Attributes:
        name: of the rule; several lines may share one.
        outcome: of what it finds in a signed result; others' figures are only ever flagged.
        formula, source, tolerance: for people.
        needs: metrics without any of which there is nothing to check; empty: it looks at every
            result. Most results lack most metrics, and an archive has 100,000 of them.
        given: field of the context without which there is nothing to check; empty: none is needed.
        find: yields every figure it could check against the law.
    """

    name: str
    outcome: Outcome = "flagged"
    formula: str
    source: str
    tolerance: str = "none"
    needs: frozenset[str] = frozenset()
    given: str = ""
    find: Callable[[Claim, Context], Iterator[CheckedFigure]]


def at_most(where: str, left: float, right: float, reason: str) -> CheckedFigure:
    """Hold `left` ≤ `right`; the reason says {left} and {right} where the numbers stand."""
    if left <= right:
        return CheckedFigure(where=where, left=left, right=right)
    # No format: a unit or a name in the reason is a stranger's.
    told = reason.replace("{left}", f"{left:.4g}").replace("{right}", f"{right:.4g}")
    return CheckedFigure(where=where, reason=told, left=left, right=right)
