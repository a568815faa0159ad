"""The overview's three answers in words: a figure with its conditions, or what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.base.text import figure
from leaderboard.figures import ranking
from leaderboard.figures.rows import as_shown

if TYPE_CHECKING:
    from leaderboard.figures.ranking import Answers
    from leaderboard.figures.rows import PageRow
    from leaderboard.words import Words
    from results.economy.economics import Span

__all__ = ["QuestionCard", "answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The figure of an answer and the row it is from.

    Attributes:
        usd: where the figure is money: dollars, in place of `value` and `interval`.
    """

    row: PageRow
    value: str
    unit: str
    interval: str
    method: str
    price: str = ""
    usd: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionCard:
    """One card.

    Attributes:
        conditions: under which the answer holds.
        missing: what it takes to have an answer, shown when there is none.
        query: state of the leaderboard that shows the ranking behind it.
    """

    question: str
    conditions: str
    missing: str
    query: str
    shown: Shown | None


def answers(_: Words, best: Answers) -> list[QuestionCard]:
    """Return the three cards of the overview."""
    cheapest, thriftiest, nearest = (
        as_shown(row, _.lang) if row else None
        for row in (best.cheapest, best.most_tokens_per_joule, best.nearest_to_one_fen)
    )
    return [
        QuestionCard(
            question=_("Cheapest million output tokens, while a user waits"),
            conditions=_within(_, cheapest),
            missing=_("It takes a measured serving point within these limits, and a price."),
            query="?suite=serving&sort=cost",
            shown=_rent(_, cheapest),
        ),
        QuestionCard(
            question=_("Most output tokens per joule"),
            conditions=_("read from a power meter; a model of the energy does not count"),
            missing=_("It takes a run on a machine whose meter can be read."),
            query="?suite=&sort=energy",
            shown=_tokens_per_joule(_, thriftiest),
        ),
        QuestionCard(
            question=_("Nearest to one fen"),
            conditions=_("serving under any load: prompts included, latency not limited"),
            missing=_("It takes a measured throughput and a price for the chip."),
            query="?sort=cost",
            shown=_fens(_, nearest),
        ),
    ]


def _within(_: Words, row: PageRow | None) -> str:
    """State the limits, and the percentile that a row keeps them at."""
    told = "p99" if row and "tpot_p99" in row.figures else "p90"
    return _(
        "TTFT ≤ {ttft} s and TPOT ≤ {tpot} ms at {percentile}, upper bound where the run gives one",
        ttft=figure(ranking.INTERACTIVE_TTFT_MS / 1000, 1),
        tpot=figure(ranking.INTERACTIVE_TPOT_MS),
        percentile=told if row else _("p99, or p90 of a short run"),
    )


def _rent(_: Words, row: PageRow | None) -> Shown | None:
    if not row or not row.rent:
        return None
    return Shown(
        row=row,
        value=figure(row.rent.usd.value),
        unit=_("per million output tokens"),
        interval=_ends(row.rent.usd),
        usd=row.rent.usd,
        price=_sheet(_, row),
        method="derived",
    )


def _fens(_: Words, row: PageRow | None) -> Shown | None:
    if not row or not row.rent:
        return None
    return Shown(
        row=row,
        value=_("{n}× one fen", n=figure(row.rent.fens.value)),
        unit=_("per million output tokens"),
        interval=_("{n}× one fen", n=_ends(row.rent.fens)),
        price=_sheet(_, row),
        method="derived",
    )


def _tokens_per_joule(_: Words, row: PageRow | None) -> Shown | None:
    if not row:
        return None
    energy = row.figures["energy"]
    bounds = (
        f"{figure(1 / energy.high)} – {figure(1 / energy.low)}"
        if energy.low and energy.high
        else _("n = {n}", n=energy.n)
    )
    return Shown(
        row=row,
        value=figure(1 / energy.value),
        unit=_("output tokens per joule"),
        interval=f"{bounds} · {figure(energy.value)} {_('J/token')} · {row.meter}",
        method=energy.method,
    )


def _ends(span: Span) -> str:
    return f"{figure(span.low)} – {figure(span.high)}"


def _sheet(_: Words, row: PageRow) -> str:
    price = row.rent.price if row.rent else ""
    return _("{price}; price sheet {sheet}", price=price, sheet=row.price_sheet)
