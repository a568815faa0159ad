"""How good the answers behind each row are, against the same model at full width: who may rank."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard.words import Words
from results.agreement.quality import from_text
from results.agreement.references import Answering, references, standings
from results.economy.economics import Span
from results.economy.solved import equal_quality_usd
from suites.quality.scores import in_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from results.agreement.quality import QualityStanding
    from results.agreement.references import References

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


def _answering(flat: Mapping[Any, Any]) -> Answering:
    return Answering(
        digest=flat["digest"],
        model=flat["model"],
        precision=flat["precision"],
        weights=flat["weights"],
        asked=from_text(flat["strata"], flat["terms"]),
        solved_tokens=_span(flat, "solved_tokens"),
    )


def with_standing(rows: pd.DataFrame, sound: pd.Series[bool]) -> pd.DataFrame:
    """Add `quality` in both languages, `barred`, and the cost of tokens of equal quality.

    A row with random weights says so, and is compared with its like. Any other is barred unless
    its result answered questions, and surely not much worse than the model at full width.

    Args:
        sound: rows that may be a reference: nothing speaks against them.
    """
    # A result without an engine, or without any row, has no weights to judge.
    heads = rows.loc[rows["weights"] != "", _OF_RESULT].drop_duplicates("digest")
    # What was asked nothing stands by its weights alone: once for all results of the same.
    weights = heads["model"] + "\0" + heads["precision"] + "\0" + heads["weights"]
    judged_as = heads["digest"].where(heads["strata"] != "", weights)
    names = dict(zip(heads["digest"].tolist(), judged_as.tolist(), strict=True))
    judged = heads.assign(digest=judged_as).drop_duplicates("digest")
    results = [_answering(record) for record in judged.to_dict("records")]
    among = references(results, set(rows.loc[sound, "digest"]))
    stands = standings(results, among)
    told = {}
    for result in results:
        own = stands[result.digest]
        told[result.digest] = (*_words(result, own), result.barred(own))
    silent = ("", "", False)
    every = [told.get(names.get(digest, ""), silent) for digest in rows["digest"].tolist()]
    table = rows.assign(
        quality=[words for words, _, _ in every],
        quality_zh=[words for _, words, _ in every],
        barred=np.array([barred for _, _, barred in every], bool),
    )
    return _with_equal(table, results, among)


def _words(own: Answering, stands: QualityStanding) -> tuple[str, str]:
    if own.weights == "random":
        text, lost = RANDOM, ""
    else:
        drop = stands.comparison
        lost = in_points(drop.drop, drop.low, drop.high) if drop else ""
        text = (_COMPARED if drop else _SAID)[stands.kind]
    return _WORDS["en"](text, lost=lost), _WORDS["zh"](text, lost=lost)


def _with_equal(
    rows: pd.DataFrame,
    results: Sequence[Answering],
    among: Mapping[tuple[object, ...], References],
) -> pd.DataFrame:
    """Add what tokens cost that give as many right answers as a million at full width.

    Only where full width and another precision of a model were asked the same.
    """
    others = {result.alike for result in results if result.asked and not result.full_width}
    compared = {
        result.digest: (result, among[result.alike])
        for result in results
        if result.alike in others and result.alike in among
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
