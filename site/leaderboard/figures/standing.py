"""How good the answers behind each row are, against the same model at full width: who may rank."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from leaderboard.words import Words
from results.agreement.quality import (
    QualityAnswers,
    from_text,
    is_full_width,
    pooled,
    standing,
    without,
)
from results.economy.economics import Span
from results.economy.solved import equal_quality_usd
from suites.models.names import known_as
from suites.quality.scores import in_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import pandas as pd

    from results.agreement.quality import QualityStanding
    from suites.quality.scores import Stratum

__all__ = ["RANDOM", "with_standing"]

RANDOM = "random weights"

_WORDS = {lang: Words.load(lang) for lang in ("en", "zh")}
_ENDS = ("", "_low", "_high")
_OF_RESULT = [
    *("digest", "model", "precision", "weights", "terms", "strata"),
    *(f"solved_tokens{end}" for end in _ENDS),
]
_SAID = {
    "reference": "at full width, nobody to compare with",
    "kept": "quality kept: {lost} points lost",
    "worse": "worse by {lost} points",
    "unknown": "quality unknown",
}
_COMPARED = {
    **_SAID,
    "reference": "at full width: {lost} points lost",
    "unknown": "quality unknown: {lost} points lost",
}


@dataclass(frozen=True, slots=True)
class _Result:
    """What is known of one result's weights."""

    digest: str
    model: str
    weights: str
    asked: QualityAnswers | None
    full_width: bool
    solved_tokens: Span | None

    @classmethod
    def of(cls, flat: Mapping[Any, Any]) -> Self:
        return cls(
            digest=flat["digest"],
            model=known_as(flat["model"]) or flat["model"],
            weights=flat["weights"],
            asked=from_text(flat["strata"], flat["terms"]),
            full_width=is_full_width(flat["model"], flat["precision"]),
            solved_tokens=_span(flat, "solved_tokens"),
        )

    @property
    def alike(self) -> tuple[object, ...]:
        """Results of one model that were asked on one set of terms."""
        return (self.model, self.asked.terms if self.asked else None)


@dataclass(frozen=True, slots=True)
class _References:
    """Sound results at full width that are alike, and their answers together."""

    results: Sequence[_Result]
    digests: AbstractSet[str]
    strata: Mapping[Stratum, tuple[int, int]]

    @classmethod
    def of(cls, results: Sequence[_Result]) -> Self:
        strata = pooled(result.asked for result in results if result.asked)
        return cls(results, {result.digest for result in results}, strata)

    def standing(self, own: _Result) -> QualityStanding:
        """Hold a result against the others."""
        among = own.digest in self.digests
        others = without(self.strata, own.asked) if among and own.asked else self.strata
        # One at full width that is left out is worse than those that stand.
        full_width = among or (own.full_width and not self.digests)
        return standing(own.asked, others, full_width=full_width)

    @property
    def tokens(self) -> Span | None:
        """Tokens of a right answer: those of the result that is surest of them."""
        known = [result.solved_tokens for result in self.results if result.solved_tokens]
        return min(known, key=lambda span: (span.high or math.inf) / span.value, default=None)


_NONE = _References((), frozenset(), {})


def with_standing(rows: pd.DataFrame, sound: pd.Series[bool]) -> pd.DataFrame:
    """Add `quality` in both languages, `barred`, and the cost of tokens of equal quality.

    A row with random weights says so, and is compared with its like. Any other is barred unless
    its result answered questions, and surely not much worse than the model at full width.

    Args:
        sound: rows that may be a reference: nothing speaks against them.
    """
    # A result without an engine, or without any row, has no weights to judge.
    judged = rows.loc[rows["weights"] != "", _OF_RESULT].drop_duplicates("digest")
    results = [_Result.of(row) for row in judged.to_dict("records")]
    references = _references(results, set(rows.loc[sound, "digest"]))
    stands = {
        result.digest: references.get(result.alike, _NONE).standing(result) for result in results
    }
    words = {result.digest: _words(result, stands[result.digest]) for result in results}
    barred = {
        result.digest: result.weights != "random" and not stands[result.digest].ranks
        for result in results
    }
    silent = ("", "")
    table = rows.assign(
        quality=[words.get(digest, silent)[0] for digest in rows["digest"]],
        quality_zh=[words.get(digest, silent)[1] for digest in rows["digest"]],
        barred=rows["digest"].map(barred).eq(True),
    )
    return _with_equal(table, results, references)


def _references(
    results: Sequence[_Result], sound: AbstractSet[str]
) -> Mapping[tuple[object, ...], _References]:
    """Results at full width that others are held against; none that is worse than the rest."""
    groups: defaultdict[tuple[object, ...], list[_Result]] = defaultdict(list)
    for result in results:
        real = result.weights != "random"
        if real and result.full_width and result.asked and result.digest in sound:
            groups[result.alike].append(result)
    return {alike: _those_that_stand(group) for alike, group in groups.items()}


def _those_that_stand(group: Sequence[_Result]) -> _References:
    together = _References.of(group)
    return _References.of([result for result in group if together.standing(result).ranks])


def _words(own: _Result, stands: QualityStanding) -> tuple[str, str]:
    if own.weights == "random":
        text, lost = RANDOM, ""
    else:
        drop = stands.comparison
        lost = in_points(drop.drop, drop.low, drop.high) if drop else ""
        text = (_COMPARED if drop else _SAID)[stands.kind]
    return _WORDS["en"](text, lost=lost), _WORDS["zh"](text, lost=lost)


def _with_equal(
    rows: pd.DataFrame,
    results: Sequence[_Result],
    references: Mapping[tuple[object, ...], _References],
) -> pd.DataFrame:
    """Add what tokens cost that give as many right answers as a million at full width.

    Only where full width and another precision of a model were asked the same.
    """
    others = {result.alike for result in results if result.asked and not result.full_width}
    compared = {
        result.digest: (result, references[result.alike])
        for result in results
        if result.alike in others and result.alike in references
    }
    for at in rows.index[rows["digest"].isin(list(compared))]:
        own, of = compared[rows.loc[at, "digest"]]
        usd, tokens, base = _span(rows.loc[at], "rent_usd"), own.solved_tokens, of.tokens
        if usd and tokens and base:
            same = own.digest in of.digests
            equal = usd if same else equal_quality_usd(usd, tokens, base)
            ends = [equal.value, equal.low, equal.high]
            rows.loc[at, [f"equal_usd{end}" for end in _ENDS]] = ends
    return rows


def _span(row: Mapping[Any, Any] | pd.Series[Any], name: str) -> Span | None:
    value, low, high = (row[f"{name}{end}"] for end in _ENDS)
    if math.isnan(value):
        return None
    return Span(value, *(None if math.isnan(end) else end for end in (low, high)))
