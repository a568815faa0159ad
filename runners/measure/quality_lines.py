"""What questions gave, said in a few lines at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.economy.number_format import span
from suites.quality.scores import in_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from results.economy.costs import CostRow
    from results.economy.economics import Measured as Row
    from results.economy.own_prices import Money

__all__ = ["cost_lines", "quality_lines", "says_no"]

_NO = {"different", "worse", "worse under load"}


def says_no(rows: Iterable[Row]) -> bool:
    """Whether a reference calls the weights different or worse, or answers are worse under load."""
    return any(row.labels.get("verdict") in _NO for row in rows)


def quality_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Say how many answers were right, and what each comparison gave."""
    for row in rows:
        verdict, about = row.labels.get("verdict"), row.case.partition("/")[2]
        if row.low is None or row.high is None:
            continue
        if row.case == "questions/all" and row.metric == "score":
            ends = f"[{row.low:.1%}, {row.high:.1%}]"
            yield f"{row.value:.1%} {ends} of {row.n} questions answered right"
        elif row.metric == "tokens_per_solved":
            yield f"{row.value:.0f} output tokens for each right answer"
        elif row.metric == "divergence":
            yield f"reference, by next tokens: {verdict}; {row.value:.3g} nats a token"
        elif row.metric in {"score_drop", "hidden_drop"}:
            what = "reference, by answers" if row.metric == "score_drop" else f"hidden in {about}"
            points = in_points(row.value, row.low, row.high)
            yield f"{what}: {verdict}; {points} points of right answers lost"


def cost_lines(costs: Iterable[CostRow], money: Money) -> Iterator[str]:
    """Say what right answers cost at each load, of tokens paid by the hour."""
    for row in costs:
        if row.solved_usd:
            amounts = [
                f"{span(row.solved_usd.times(1000 * money.sheet.per_usd(name)))} {name}"
                for name in ([money.currency] if money.currency else ["USD", "CNY"])
            ]
            yield f"{row.case}: 1,000 right answers cost {', '.join(amounts)} of rent"
