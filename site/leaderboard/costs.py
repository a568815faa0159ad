"""Money beside the facts: what output tokens cost at a dated price sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.costs import CostRow, cost_rows

if TYPE_CHECKING:
    from leaderboard.figures import Result
    from results.catalog import PriceSheet
    from results.economics import Span

__all__ = ["Cost", "Electricity", "Rent", "costs_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rent:
    """Rent of the chips for a million output tokens, electricity included.

    Attributes:
        fens: multiples of CNY 0.01.
        price: class and date of the price.
    """

    usd: Span
    cny: Span
    fens: Span
    price: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Electricity:
    """Electricity alone for a million output tokens.

    Attributes:
        method: "measured" or "modelled"; of a modelled one only the bounds mean anything.
    """

    usd: Span
    fens: Span
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a million output tokens cost, derived at build time and never signed.

    Attributes:
        rent: None where the sheet has no price for the chip.
        electricity: None without energy.
        sheet: id of the price sheet.
    """

    rent: Rent | None
    electricity: Electricity | None
    sheet: str


def costs_of(result: Result, sheet: PriceSheet) -> dict[tuple[str, str], Cost]:
    """Derive the cost of output tokens of every case, by suite and case."""
    chip = result.predicate.machine.chip
    rows = cost_rows(result.measurements, chip=chip.catalog_id, count=chip.count, sheet=sheet)
    return {(row.suite, row.case): _cost(row) for row in rows if row.tokens == "output"}


def _cost(row: CostRow) -> Cost:
    rent = electricity = None
    if row.rental_usd and row.fen:
        rent = Rent(
            usd=row.rental_usd,
            cny=row.rental_usd.times(row.cny_per_usd),
            fens=row.fen,
            price=row.rental_kind or "",
        )
    if row.energy_usd and row.energy_fen and row.energy_method:
        electricity = Electricity(usd=row.energy_usd, fens=row.energy_fen, method=row.energy_method)
    return Cost(rent=rent, electricity=electricity, sheet=row.price_sheet)
