"""The table of `fenmark cost`: which columns a reader asked for, and a row of each cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.economy.apart import blended
from results.economy.economics import Span
from results.economy.number_format import figure, span

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from rich.table import Table

    from results.catalog.carbon_data import PowerGrid
    from results.economy.apart import Kinds
    from results.economy.costs import CostRow

__all__ = ["CostView", "carbon", "cost_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostView:
    """How costs are shown.

    Attributes:
        per_usd: units of the currency for a dollar.
        mix: tokens whose blended price is shown; None for no such column.
        grid: whose greenhouse gas is counted.
        shows_grid: whether the table has a column of it.
    """

    currency: str
    per_usd: float
    mix: Kinds | None
    grid: PowerGrid
    shows_grid: bool


def cost_table(
    rows: Iterable[tuple[dict[str, Any], str, CostRow]], view: CostView, sheet: str
) -> Table:
    """Show what a million tokens of each row cost.

    Args:
        rows: where a row is from, its chip, and its costs.
        sheet: id of the price sheet.
    """
    from rich.table import Table

    rows = list(rows)
    title = f"A million tokens, price sheet {sheet}"
    answers = any(row.solved_usd for _, _, row in rows)
    table = Table(*_columns(view, answers=answers), box=None, title=title)
    for _, chip, row in rows:
        table.add_row(chip, row.case, row.tokens, *_cells(row, view, answers=answers))
    return table


def carbon(row: CostRow, grid: PowerGrid) -> Span | None:
    """Kilograms of CO₂ equivalent per million tokens, PUE included; None without energy."""
    return row.energy_kwh.times(grid.kg(1.0, row.pue)) if row.energy_kwh else None


def _columns(view: CostView, *, answers: bool) -> tuple[str, ...]:
    money = view.currency
    return (
        *("chip", "case", "tokens", f"rental, {money}", "price range", "x one fen"),
        *([f"blended {view.mix.label}, {money}"] if view.mix else []),
        *([f"1,000 right answers, {money}"] if answers else []),
        *(f"owned, {money}", "kWh"),
        *([f"kg CO2e, {view.grid.code}"] if view.shows_grid else []),
        *(f"floor, {money}", "energy is", "rate is"),
    )


def _cells(row: CostRow, view: CostView, *, answers: bool) -> tuple[str, ...]:
    def money(usd: Span | None) -> str:
        return span(usd.times(view.per_usd) if usd else None)

    mixed = blended(row.apart, view.mix) if view.mix and row.apart else None
    alone = [None if usd is None else Span(usd, None, None) for usd in (mixed, row.floor_usd)]
    return (
        *(money(row.rental_usd), _range(row, view.per_usd), span(row.fen)),
        *([money(alone[0])] if view.mix else []),
        *([money(row.solved_usd.times(1e3) if row.solved_usd else None)] if answers else []),
        *(money(row.owned.usd if row.owned else None), span(row.energy_kwh)),
        *([span(carbon(row, view.grid))] if view.shows_grid else []),
        *(money(alone[1]), row.energy_method or "unknown", row.method),
    )


def _range(row: CostRow, per_usd: float) -> str:
    """The rent at the ends of the price's range: named apart, for it is not an interval."""
    price, rent = row.price, row.rental_usd
    if not price or not rent or price.low == price.high:
        return ""
    scale = rent.value * per_usd / price.usd
    return f"{figure(price.low * scale)} to {figure(price.high * scale)}"
