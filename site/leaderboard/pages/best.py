"""The best that is known of each model on each chip: what the front page answers with."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from suites import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from results.economy.claims import Evidence

__all__ = ["LIMITS", "MEASURES", "Best", "best_known", "context", "flat"]

# Tokens/s that each user sees at least; 0 asks for none.
LIMITS = (0, 20, 50, 100)
# What is compared -> whether less is better.
MEASURES: Mapping[str, bool] = {
    "rented": True,
    "owned": True,
    "energy": True,
    "rate": False,
}
_MARKS = {"measured": "●", "reported": "◇"}
_MOST_MODELS, _MOST_CHIPS = 12, 8
# Measured stands before reported, whichever is the better figure: they are never merged.
_ORDER = {"measured": 0, "reported": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """One figure and the row it is from.

    Attributes:
        ratio: to the best of its model; 1 for that one.
    """

    value: float
    ratio: float
    evidence: Evidence

    @property
    def mark(self) -> str:
        return _MARKS[self.evidence.kind]


Table = dict[str, dict[str, Best]]


def best_known(evidence: Iterable[Evidence], measure: str, limit: float = 0) -> Table:
    """Return the best of output tokens by model and chip.

    Args:
        measure: one of `MEASURES`.
        limit: tokens/s per user that a row must show; a row that does not say meets none above 0.
    """
    less = MEASURES[measure]
    kept: defaultdict[str, dict[str, tuple[tuple[int, float, str], Evidence, float]]]
    kept = defaultdict(dict)
    for row in evidence:
        value = _value(row, measure)
        if row.tokens != "output" or not value or (row.tokens_per_s_per_user or 0) < limit:
            continue
        place = (_ORDER[row.kind], value if less else -value, row.where)
        held = kept[row.model].get(row.chip)
        if held is None or place < held[0]:
            kept[row.model][row.chip] = (place, row, value)
    return {model: _with_ratios(cells, less=less) for model, cells in kept.items()}


def _with_ratios(
    cells: Mapping[str, tuple[tuple[int, float, str], Evidence, float]], *, less: bool
) -> dict[str, Best]:
    values = [value for _, _, value in cells.values()]
    top = min(values) if less else max(values)
    return {
        chip: Best(value=value, ratio=value / top if less else top / value, evidence=row)
        for chip, (_, row, value) in cells.items()
    }


def _value(row: Evidence, measure: str) -> float | None:
    figures: Mapping[str, float | None] = {
        "rented": row.rented_usd,
        "owned": row.owned_usd,
        "energy": row.joules_per_token,
        "rate": row.tokens_per_s_per_chip,
    }
    return figures[measure]


def context(evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return the table the front page opens with: owned cost, which most chips have."""
    table = best_known(evidence, "owned")
    shown = sorted(table.items(), key=lambda item: (-len(item[1]), item[0]))[:_MOST_MODELS]
    by_chip: defaultdict[str, int] = defaultdict(int)
    names = {}
    for _, cells in shown:
        for chip, best in cells.items():
            by_chip[chip] += 1
            names[chip] = best.evidence.chip_name
    chips = sorted(by_chip, key=lambda chip: (-by_chip[chip], names[chip]))[:_MOST_CHIPS]
    return {
        "chips": [(chip, names[chip]) for chip in chips],
        "models": [
            (model, models.load(model).name, [cells.get(chip) for chip in chips])
            for model, cells in shown
            if any(chip in cells for chip in chips)
        ],
    }


def flat(evidence: Sequence[Evidence], price_class: str) -> list[dict[str, Any]]:
    """Return every best figure as a record, for programs and for the live table."""
    return [
        {
            "model": model,
            "chip": chip,
            "chip_name": best.evidence.chip_name,
            "measure": measure,
            "tokens_per_s_per_user_at_least": limit,
            "value": float(f"{best.value:.5g}"),
            "low": None,
            "high": None,
            "evidence": best.evidence.kind,
            "price_class": {"rented": price_class, "owned": "owned"}.get(measure),
            "statistic": best.evidence.statistic or None,
            "date": best.evidence.date,
            "quick": best.evidence.quick,
            "id": best.evidence.where,
            "words": best.evidence.words,
        }
        for measure in MEASURES
        for limit in LIMITS
        for model, cells in sorted(best_known(evidence, measure, limit).items())
        for chip, best in sorted(cells.items())
    ]
