"""Rates with intervals, and whether one model is worse than another. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "MARGIN",
    "QualityScore",
    "ScoreComparison",
    "Solved",
    "compared",
    "in_points",
    "tokens_per_solved",
    "wilson",
]

_Z95 = 1.959963984540054
# How much worse still counts as the same: a hundredth more than what two sets of six hundred
# questions can tell apart nine times in ten.
MARGIN = 0.03
Stratum = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityScore:
    """A share of right answers with its 95% interval."""

    score: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreComparison:
    """A model against its reference, question for question of the same kind and level.

    Attributes:
        drop: reference less measured, mean over all questions, with its 95% interval.
        verdict: "not worse": the whole interval lies below the margin; "worse": above zero, and
            not below the margin; else "undecided".
    """

    drop: float
    low: float
    high: float
    verdict: Literal["not worse", "worse", "undecided"]


def in_points(drop: float, low: float, high: float) -> str:
    """Write a loss of right answers in points of a hundred questions: "5.1 [2.0, 8.2]"."""
    return f"{100 * drop:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def wilson(right: int, n: int) -> QualityScore:
    """Return a share with Wilson's score interval (1927).

    (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) ÷ (1 + z²/n).

    Raises:
        ValueError: there is no answer, or more right ones than answers.
    """
    if not 0 <= right <= n or n == 0:
        raise ValueError(f"{right} right of {n}")
    share, z2 = right / n, _Z95**2
    middle = share + z2 / (2 * n)
    reach = _Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return QualityScore(
        score=share,
        low=max(0.0, min(share, (middle - reach) / (1 + z2 / n))),
        high=min(1.0, max(share, (middle + reach) / (1 + z2 / n))),
        n=n,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """Output tokens spent for each right answer, with its 95% interval."""

    value: float
    low: float
    high: float


def tokens_per_solved(tokens: Sequence[int], rights: Sequence[bool]) -> Solved | None:
    """Tokens of all answers by right ones; None where nothing was right or no token counted.

    The interval is the delta method's on the logarithm of a ratio of means (Cochran 1977, 6.4):
    variance (Σ(t/t̄ − r/r̄)²) ÷ n².
    """
    n, spent, right = len(tokens), sum(tokens), sum(rights)
    if not spent or not right:
        return None
    mean_tokens, mean_right = spent / n, right / n
    off = ((t / mean_tokens - r / mean_right) ** 2 for t, r in zip(tokens, rights, strict=True))
    reach = math.exp(_Z95 * math.sqrt(math.fsum(off)) / n)
    value = spent / right
    return Solved(value=value, low=value / reach, high=value * reach)


def compared(
    measured: Mapping[Stratum, tuple[int, int]],
    reference: Mapping[Stratum, tuple[int, int]],
    margin: float = MARGIN,
    *,
    looks: int = 1,
) -> ScoreComparison:
    """Compare right answers by family and level: variance between strata is none of the drop's.

    Σ w·(p_ref − p), w the measured share of the stratum; variance Σ w²·(v + v_ref), with
    v = p̃(1−p̃)/n at Agresti and Caffo's p̃ = (x + 1)/(n + 2) (2000).

    Args:
        measured, reference: right answers and answers of each (family, level).
        looks: comparisons that are made together: each is given so much less chance to be wrong
            (Bonferroni).

    Raises:
        ValueError: they have no stratum in common.
    """
    shared = [
        key for key in measured if key in reference and measured[key][1] and reference[key][1]
    ]
    total = sum(measured[key][1] for key in shared)
    if not total:
        raise ValueError("the reference has none of these questions")
    drop = variance = 0.0
    for key in shared:
        (right, n), (right_ref, n_ref) = measured[key], reference[key]
        weight = n / total
        drop += weight * (right_ref / n_ref - right / n)
        variance += weight**2 * (_variance(right, n) + _variance(right_ref, n_ref))
    reach = NormalDist().inv_cdf(1 - 0.025 / looks) * math.sqrt(variance)
    low, high = max(-1.0, drop - reach), min(1.0, drop + reach)
    verdict: Literal["not worse", "worse", "undecided"] = "undecided"
    if high < margin:
        verdict = "not worse"
    elif low > 0:
        verdict = "worse"
    return ScoreComparison(drop=drop, low=low, high=high, verdict=verdict)


def _variance(right: int, n: int) -> float:
    share = (right + 1) / (n + 2)
    return share * (1 - share) / n
