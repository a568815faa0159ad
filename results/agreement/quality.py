"""Is what a result serves as good as its model at full width? By its questions, against others'.

A cheaper token must be the same token. Results of one model that were asked on the same terms are
compared by right answers of the same kind and level; the reference are those at the precision that
the model's maker published, or wider. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from suites import models
from suites.models.names import known_as
from suites.models.widths import bits_of
from suites.quality.items import FAMILIES
from suites.quality.scores import ScoreComparison, compared
from suites.quality.summary import QUALITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from suites.quality.scores import Stratum

__all__ = [
    "BOARD_MARGIN",
    "QualityAnswers",
    "QualityStanding",
    "asked",
    "change_of_answers",
    "from_text",
    "in_text",
    "is_full_width",
    "pooled",
    "standing",
    "without",
]

# A row ranks whose right answers are surely less than so many points below the reference's. Six
# hundred questions against several thousand have an interval of three points to both sides.
BOARD_MARGIN = 0.05
_LEVELS = re.compile(r"\d{1,6}/\d{1,6}(?: \d{1,6}/\d{1,6}){0,9}", re.ASCII)
_USUAL_BITS = 16.0
_MOST_LEFT_OUT = 0.1
_TERMS = ("question_api", "answer_tokens", "temperature")


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityAnswers:
    """What a result answered.

    Attributes:
        terms: on which questions compare: interface, most tokens of an answer, temperature.
        strata: right answers and answers by family and level.
    """

    terms: tuple[str, ...]
    strata: Mapping[Stratum, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityStanding:
    """Whether a result may stand among others of its model.

    Attributes:
        kind: "reference" is at full width itself, "kept" surely within the margin, "worse" surely
            worse and not within it; "unknown" is none of these.
        comparison: with the reference; None where there is none.
    """

    kind: Literal["reference", "kept", "worse", "unknown"]
    comparison: ScoreComparison | None = None

    @property
    def ranks(self) -> bool:
        return self.kind in {"reference", "kept"}


def asked(figures: Iterable[tuple[object, object, Mapping[str, object]]]) -> QualityAnswers | None:
    """Read what a result answered; None where it says it oddly, or was not asked all the same.

    Who leaves the long questions out answers others: up to a tenth may be too long for a context.

    Args:
        figures: suite, metric and labels of each.
    """
    strata: dict[Stratum, tuple[int, int]] = {}
    terms: set[tuple[str, ...]] = set()
    left_out = 0
    for suite, metric, labels in figures:
        family, levels = labels.get("family"), labels.get("levels")
        if suite == QUALITY and isinstance(omitted := labels.get("left_out"), int):
            left_out += omitted
        if suite != QUALITY or metric != "score" or not isinstance(family, str):
            continue
        if family not in FAMILIES or not isinstance(levels, str) or not _LEVELS.fullmatch(levels):
            return None
        terms.add(tuple(f"{labels.get(name)}" for name in _TERMS))
        for level, text in enumerate(levels.split()):
            right, n = map(int, text.split("/"))
            if right > n:
                return None
            if n:
                strata[family, level] = (right, n)
    answers = sum(n for _, n in strata.values())
    if len(terms) != 1 or not strata or left_out > _MOST_LEFT_OUT * (answers + left_out):
        return None
    return QualityAnswers(terms=terms.pop(), strata=strata)


def change_of_answers(
    base: QualityAnswers | None, head: QualityAnswers | None
) -> ScoreComparison | None:
    """Say how many right answers a second run lost; None where they were not asked the same."""
    if base is None or head is None or base.terms != head.terms:
        return None
    return compared(head.strata, base.strata) if base.strata.keys() & head.strata.keys() else None


def in_text(answered: QualityAnswers) -> str:
    """Write right answers and answers as a text, for `from_text`."""
    return " ".join(
        f"{family}/{level}/{right}/{n}" for (family, level), (right, n) in answered.strata.items()
    )


def from_text(text: str, terms: str) -> QualityAnswers | None:
    """Read what `in_text` wrote; None of an empty text."""
    strata: dict[Stratum, tuple[int, int]] = {}
    for part in text.split():
        family, level, right, n = part.split("/")
        strata[family, int(level)] = (int(right), int(n))
    return QualityAnswers(terms=tuple(terms.split()), strata=strata) if strata else None


def is_full_width(model: str, precision: str) -> bool:
    """Whether weights are as wide as the model's maker published them, 16 bits where unknown."""
    bits = bits_of(precision)
    return bits is not None and bits >= _published_bits(model)


@cache
def _published_bits(model: str) -> float:
    known = known_as(model)
    published = models.load(known).published if known else None
    return (bits_of(published.precision) if published else None) or _USUAL_BITS


def pooled(parts: Iterable[QualityAnswers]) -> dict[Stratum, tuple[int, int]]:
    """Put the answers of several results together."""
    rights: Counter[Stratum] = Counter()
    answers: Counter[Stratum] = Counter()
    for part in parts:
        for key, (right, n) in part.strata.items():
            rights[key] += right
            answers[key] += n
    return {key: (rights[key], n) for key, n in answers.items()}


def without(
    strata: Mapping[Stratum, tuple[int, int]], part: QualityAnswers
) -> dict[Stratum, tuple[int, int]]:
    """Take the answers of one of them out again."""
    kept = {}
    for key, (right, n) in strata.items():
        own_right, own_n = part.strata.get(key, (0, 0))
        if n > own_n:
            kept[key] = (right - own_right, n - own_n)
    return kept


def standing(
    own: QualityAnswers | None, reference: Mapping[Stratum, tuple[int, int]], *, full_width: bool
) -> QualityStanding:
    """Compare a result with the reference, if it was asked and there is one.

    Args:
        reference: answers of other results of the model at full width, on the same terms.
        full_width: of this one: it stands for itself where there is no other.
    """
    if own is None:
        return QualityStanding(kind="unknown")
    if not reference.keys() & own.strata.keys():
        return QualityStanding(kind="reference" if full_width else "unknown")
    drop = compared(own.strata, reference, BOARD_MARGIN)
    kinds: dict[str, Literal["kept", "worse", "unknown"]] = {
        "not worse": "kept",
        "worse": "worse",
        "undecided": "unknown",
    }
    kind = kinds[drop.verdict]
    if full_width and kind != "worse":
        return QualityStanding(kind="reference", comparison=drop)
    return QualityStanding(kind=kind, comparison=drop)
