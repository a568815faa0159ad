"""How good the answers behind each row are, against the same model at full width: who may rank."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from leaderboard.words import Words
from results.agreement.quality import Asked, from_text, is_full_width, pooled, standing
from results.economy.economics import Span
from results.economy.solved import equal_quality_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from results.agreement.quality import Standing

__all__ = ["with_standing"]

_WORDS = {lang: Words.load(lang) for lang in ("en", "zh")}
_ENDS = ("", "_low", "_high")
_OF_RESULT = [
    *("digest", "model", "precision", "weights", "terms", "strata"),
    *(f"solved_tokens{end}" for end in _ENDS),
]
_SAID = {
    "reference": "at full width",
    "kept": "quality kept: {lost} of right answers lost",
    "worse": "worse by {lost}",
    "unknown": "quality unknown",
}
_UNDECIDED = "quality unknown: {lost} of right answers lost"


@dataclass(frozen=True, slots=True)
class _Result:
    """What is known of one result's weights."""

    digest: str
    model: str
    weights: str
    asked: Asked | None
    full_width: bool
    solved_tokens: Span | None

    @classmethod
    def of(cls, flat: Mapping[Any, Any]) -> Self:
        return cls(
            digest=flat["digest"],
            model=flat["model"],
            weights=flat["weights"],
            asked=from_text(flat["strata"], flat["terms"]),
            full_width=is_full_width(flat["model"], flat["precision"]),
            solved_tokens=_span(flat, "solved_tokens"),
        )

    @property
    def alike(self) -> tuple[object, ...]:
        """Results of one model that were asked on one set of terms."""
        return (self.model, self.asked.terms if self.asked else None)


def with_standing(rows: pd.DataFrame, sound: pd.Series[bool]) -> pd.DataFrame:
    """Add `quality` in both languages, `barred`, and the cost of tokens of equal quality.

    A row with random weights says so, and is compared with its like. Any other is barred unless
    its result answered questions, and surely not much worse than the model at full width.

    Args:
        sound: rows that may be a reference: nothing speaks against them.
    """
    # A result without an engine, or without any row, has no weights to judge.
    judged = rows.loc[rows["weights"] != "", _OF_RESULT].drop_duplicates("digest")
    results = [_Result.of(one) for one in judged.to_dict("records")]
    trusted = set(rows.loc[sound, "digest"])
    references: defaultdict[tuple[object, ...], list[_Result]] = defaultdict(list)
    for one in results:
        if one.full_width and one.asked and one.digest in trusted:
            references[one.alike].append(one)
    stands = {one.digest: _standing(one, references[one.alike]) for one in results}
    said = {one.digest: _said(one, stands[one.digest]) for one in results}
    barred = {
        one.digest: one.weights != "random" and not stands[one.digest].ranks for one in results
    }
    table = rows.assign(
        quality=rows["digest"].map({digest: told[0] for digest, told in said.items()}).fillna(""),
        quality_zh=rows["digest"].map({d: told[1] for d, told in said.items()}).fillna(""),
        barred=rows["digest"].map(barred).eq(True),
    )
    base = {
        one.digest: tokens
        for one in results
        if not one.full_width and (tokens := _tokens_at_full_width(references[one.alike]))
    }
    return _with_equal(table, base)


def _standing(own: _Result, references: Sequence[_Result]) -> Standing:
    parts = [one.asked for one in references if one.asked and one is not own]
    return standing(own.asked, pooled(parts), full_width=own in references)


def _said(own: _Result, found: Standing) -> tuple[str, str]:
    if own.weights == "random":
        text, lost = "random weights", ""
    else:
        drop = found.comparison
        lost = f"{drop.drop:.1%} [{drop.low:.1%}, {drop.high:.1%}]" if drop else ""
        text = _UNDECIDED if drop and found.kind == "unknown" else _SAID[found.kind]
    return _WORDS["en"](text, lost=lost), _WORDS["zh"](text, lost=lost)


def _tokens_at_full_width(references: Sequence[_Result]) -> Span | None:
    """Tokens of a right answer at full width: those of the result that is surest of them."""
    known = [one.solved_tokens for one in references if one.solved_tokens]
    return min(known, key=lambda span: (span.high or math.inf) / span.value, default=None)


def _with_equal(rows: pd.DataFrame, base: Mapping[str, Span]) -> pd.DataFrame:
    """Add what tokens cost that give as many right answers as a million at full width."""
    for at in rows.index[rows["digest"].isin(list(base))]:
        row = rows.loc[at]
        usd, tokens = (_span(row, name) for name in ("rent_usd", "solved_tokens"))
        if not usd or not tokens:
            continue
        equal = equal_quality_usd(usd, tokens, base[row["digest"]])
        rows.loc[at, [f"equal_usd{end}" for end in _ENDS]] = [equal.value, equal.low, equal.high]
    return rows


def _span(row: Mapping[Any, Any] | pd.Series[Any], name: str) -> Span | None:
    value, low, high = (row[f"{name}{end}"] for end in _ENDS)
    if math.isnan(value):
        return None
    return Span(value, *(None if math.isnan(end) else end for end in (low, high)))
