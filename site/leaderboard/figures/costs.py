"""Money beside the facts: what output tokens cost at a dated price sheet, and at the least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.economy.costs import CostRow, cost_rows
from results.statement.precision import served_of

if TYPE_CHECKING:
    from leaderboard.figures.figures import Result
    from results.catalog import PriceSheet
    from results.catalog.api_data import ApiPrice
    from results.economy.economics import Span

__all__ = ["Cost", "Electricity", "Floor", "Owned", "Rent", "costs_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rent:
    """Rent of the chips for a million output tokens, electricity included.

    Attributes:
        fens: multiples of CNY 0.01.
        price: class, date and offers of the price; what makes it doubtful.
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
class Owned:
    """Chips of your own for a million output tokens: capital and electricity.

    Attributes:
        basis: what was bought and when, and where the power came from.
        purchase_usd: a chip's price, the middle of the sheet's range.
        full_usd: the same as `usd`, were the chips never idle.
    """

    usd: Span
    fens: Span
    basis: str
    purchase_usd: float
    full_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The least electricity a million output tokens could take on this chip, by its datasheet.

    Attributes:
        method: what it was computed from.
    """

    usd: float
    fens: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a million output tokens cost, derived at build time and never signed.

    Attributes:
        rent: None where the sheet has no price of its default class for the chip.
        solved: rent of one right answer, in USD; None where no question was asked.
        missing: which price there is not, where there is no rent.
        owned: None where the sheet has no purchase price, or the power is not known.
        electricity: None without energy.
        draw_usd: electricity at the power that owning is computed with; None where it is unknown.
        per: "chip", or "core" of a CPU: what is rented.
        floor: None where model or chip is not known well enough.
        api: what hosts ask for output tokens of the model, a price; None where too few sell it.
        sheet: id of the price sheet.
    """

    rent: Rent | None
    solved: Span | None
    missing: str
    owned: Owned | None
    electricity: Electricity | None
    draw_usd: float | None
    per: str
    floor: Floor | None
    api: ApiPrice | None
    sheet: str


def costs_of(result: Result, sheet: PriceSheet) -> dict[tuple[str, str], Cost]:
    """Derive the cost of output tokens of every case, by suite and case.

    All are of the sheet's default class, also where its reader priced a chip in another: what is
    ranked together is of one class.
    """
    chip = result.predicate.machine.chip
    rows = cost_rows(
        result.measurements,
        chip=chip.catalog_id,
        count=chip.count,
        sheet=sheet,
        rental=sheet.default_class,
        served=served_of(result.predicate.engines),
        kind=chip.kind,
    )
    bought = sheet.purchase(chip.catalog_id) if chip.catalog_id else None
    purchase_usd = (bought.usd_low + bought.usd_high) / 2 if bought else 0.0
    return {
        (row.suite, row.case): Cost(
            rent=_rent(row),
            solved=row.solved_usd,
            missing=row.missing,
            owned=_owned(row, purchase_usd),
            electricity=_electricity(row),
            draw_usd=row.draw_usd,
            per="core" if chip.kind == "cpu" else "chip",
            floor=_floor(row),
            api=row.api,
            sheet=row.price_sheet,
        )
        for row in rows
        if row.tokens == "output"
    }


def _rent(row: CostRow) -> Rent | None:
    if not row.rental_usd or not row.fen:
        return None
    cny = row.rental_usd.times(row.cny_per_usd)
    price = "; ".join([row.rental_kind or "", *row.flags])
    return Rent(usd=row.rental_usd, cny=cny, fens=row.fen, price=price)


def _owned(row: CostRow, purchase_usd: float) -> Owned | None:
    fens = row.fens(row.owned.usd) if row.owned else None
    if not row.owned or not fens:
        return None
    basis = f"{row.owned.basis}, {row.owned.power} power"
    return Owned(
        usd=row.owned.usd,
        fens=fens,
        basis=basis,
        purchase_usd=purchase_usd,
        full_usd=row.owned.full_usd,
    )


def _electricity(row: CostRow) -> Electricity | None:
    if not row.energy_usd or not row.energy_fen or not row.energy_method:
        return None
    return Electricity(usd=row.energy_usd, fens=row.energy_fen, method=row.energy_method)


def _floor(row: CostRow) -> Floor | None:
    if row.floor_usd is None or row.floor_fen is None:
        return None
    return Floor(usd=row.floor_usd, fens=row.floor_fen, method=row.floor_method or "")
