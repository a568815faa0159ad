"""What an answer costs, not a token: tokens spent for each right one, at the tokens' cost. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from results.economy.economics import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from results.economy.economics import Measured

__all__ = ["equal_quality_usd", "solved_tokens", "solved_usd"]

_MTOK = 1e6


def solved_tokens(rows: Iterable[Measured]) -> Span | None:
    """Output tokens for each right answer, as a result states them; None where it was not asked."""
    stated = next((row for row in rows if row.metric == "tokens_per_solved"), None)
    return Span(stated.value, stated.low, stated.high) if stated and stated.value > 0 else None


def solved_usd(usd_per_mtok: Span, tokens: Span) -> Span:
    """Cost of one right answer: tokens per right answer × cost per token."""
    return _product(usd_per_mtok, tokens).times(1 / _MTOK)


def equal_quality_usd(usd_per_mtok: Span, tokens: Span, reference: Span) -> Span:
    """Cost of as many right answers as a million tokens of the reference give.

    Cost per million tokens × tokens per right answer ÷ those of the reference: a precision that
    answers fewer questions, or says more for each, has to make more tokens for the same.
    """
    turned = Span(
        1 / reference.value,
        1 / reference.high if reference.high else None,
        1 / reference.low if reference.low else None,
    )
    return _product(_product(usd_per_mtok, tokens), turned)


def _product(left: Span, right: Span) -> Span:
    """Multiply two independent figures: relative reaches add in quadrature, on the logarithm."""
    value = left.value * right.value
    low = _reach((left.value, left.low), (right.value, right.low))
    high = _reach((left.value, left.high), (right.value, right.high))
    return Span(
        value,
        None if low is None else value / math.exp(low),
        None if high is None else value * math.exp(high),
    )


def _reach(*ends: tuple[float, float | None]) -> float | None:
    logs = [math.log(end / value) if end and end > 0 else None for value, end in ends]
    known = [log for log in logs if log is not None]
    return math.hypot(*known) if len(known) == len(logs) else None
