"""The overview's three answers in words: a figure with its conditions, or what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard import ranking
from leaderboard.text import figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaderboard.costs import Cost, Rent
    from leaderboard.figures import Point
    from leaderboard.ranking import BoardRow
    from leaderboard.words import Words
    from results.economics import Span

__all__ = ["Answer", "answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The figure of an answer and the point it is from."""

    point: Point
    chip: str
    value: str
    unit: str
    interval: str
    method: str
    price: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
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


def answers(words: Words, rows: Sequence[BoardRow]) -> list[Answer]:
    """Return the three cards of the overview."""
    found = ranking.answers(rows)
    return [
        _cheapest(words, found.cheapest),
        _most_tokens(words, found.most_tokens_per_joule),
        _nearest(words, found.nearest_to_one_fen),
    ]


def _cheapest(_: Words, row: BoardRow | None) -> Answer:
    shown = None
    if row and row.cost and row.cost.rent:
        rent = row.cost.rent
        shown = Shown(
            point=row.point,
            chip=row.chip,
            value=figure(rent.cny.value),
            unit=_("CNY per million output tokens"),
            interval=f"{_ends(rent.cny)} CNY · {figure(rent.usd.value)} USD",
            price=_sheet(_, rent, row.cost),
            method="measured",
        )
    return Answer(
        question=_("Cheapest million output tokens, while a user waits"),
        conditions=_(
            "TTFT ≤ {ttft} s and TPOT ≤ {tpot} ms, at p99 or, in a short run, the median",
            ttft=figure(ranking.INTERACTIVE_TTFT_MS / 1000, 1),
            tpot=figure(ranking.INTERACTIVE_TPOT_MS),
        ),
        missing=_("It takes a measured serving point within these limits, and a price."),
        query="?suite=serving&sort=cost",
        shown=shown,
    )


def _most_tokens(_: Words, row: BoardRow | None) -> Answer:
    shown = None
    if row and row.energy and row.energy.value:
        energy = row.energy
        bounds = (
            f"{figure(1 / energy.high)} – {figure(1 / energy.low)}"
            if energy.low and energy.high
            else f"n = {energy.n}"
        )
        shown = Shown(
            point=row.point,
            chip=row.chip,
            value=figure(1 / energy.value),
            unit=_("output tokens per joule"),
            interval=f"{bounds} · {figure(energy.value)} J/token",
            method=energy.method,
        )
    return Answer(
        question=_("Most output tokens per joule"),
        conditions=_("read from a power meter; a model of the energy does not count"),
        missing=_("It takes a run on a machine whose meter can be read."),
        query="?suite=&sort=energy",
        shown=shown,
    )


def _nearest(_: Words, row: BoardRow | None) -> Answer:
    shown = None
    if row and row.cost and row.cost.rent:
        rent = row.cost.rent
        shown = Shown(
            point=row.point,
            chip=row.chip,
            value=f"{figure(rent.fens.value)}×",
            unit=_("one fen per million output tokens"),
            interval=f"{_ends(rent.fens)} ×",
            price=_sheet(_, rent, row.cost),
            method="measured",
        )
    return Answer(
        question=_("Nearest to one fen"),
        conditions=_("serving under any load: prompts included, latency not limited"),
        missing=_("It takes a measured throughput and a price for the chip."),
        query="?sort=cost",
        shown=shown,
    )


def _ends(span: Span) -> str:
    return f"{figure(span.low)} – {figure(span.high)}"


def _sheet(_: Words, rent: Rent, cost: Cost) -> str:
    return _("{price}; price sheet {sheet}", price=rent.price, sheet=cost.sheet)
