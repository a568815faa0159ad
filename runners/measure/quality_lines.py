"""What questions gave, said in a few lines at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from results.economy.economics import Measured as Row

__all__ = ["quality_lines", "says_no"]

_NO = {"different", "worse", "worse under load"}


def says_no(rows: Iterable[Row]) -> bool:
    """Whether a reference calls the weights different or worse, or answers are worse under load."""
    return any(row.labels.get("verdict") in _NO for row in rows)


def quality_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Say how many answers were right, and what each comparison gave."""
    for row in rows:
        verdict, about = row.labels.get("verdict"), row.case.partition("/")[2]
        ends = f"[{row.low:.1%}, {row.high:.1%}]" if None not in {row.low, row.high} else ""
        if row.case == "questions/all" and row.metric == "score":
            yield f"{row.value:.1%} {ends} of {row.n} questions answered right"
        elif row.metric == "tokens_per_solved":
            yield f"{row.value:.0f} output tokens for each right answer"
        elif row.metric == "score_drop":
            yield f"reference, by answers: {verdict}; {row.value:.1%} {ends} of right answers lost"
        elif row.metric == "divergence":
            yield f"reference, by next tokens: {verdict}; {row.value:.3g} nats a token"
        elif row.metric == "hidden_drop":
            yield f"hidden in {about}: {verdict}; {row.value:.1%} {ends} of right answers lost"
