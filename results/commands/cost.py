"""`fenmark cost`: what a million tokens cost in every result of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.table import Table

    from results.catalog import PriceSheet
    from results.economy.costs import CostRow
    from suites.base.errors import UserError
    from suites.models import Geometry

    # Where a row comes from, the chip's name, and what it costs.
    _Costed = tuple[dict[str, Any], str, CostRow]

__all__ = ["cost"]


def cost(
    results: Annotated[Path, typer.Option(help="Archive folder.")],
    price_sheet: Annotated[
        Path | None, typer.Option(help="Your own sheet instead of the newest of the catalogue.")
    ] = None,
    currency: Annotated[Literal["USD", "CNY"], typer.Option(help="Of the table.")] = "USD",
    rental: Annotated[
        str | None,
        typer.Option(help="Class of rental, such as marketplace; else the sheet's first."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Id, config.json, .gguf or .toml of models whose name is unknown here."),
    ] = None,
    count: Annotated[
        bool, typer.Option("--count", help="Only count, by source, the rows with each figure.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Derive what a million tokens cost in signed and in reported results.

    Rent; capital and electricity of chips of one's own; kWh; the distance to one fen, and the
    physical floor: the datasheet's roofline time at nameplate power. Exits 1 if a result does
    not verify or a file is broken; the others are costed all the same.

    Example: fenmark cost --results results/public --currency CNY
    """
    from results import catalog
    from results.archive import archive
    from results.catalog.prices_data import RENTAL_KINDS, read_sheet
    from suites import models
    from suites.base.errors import CheckError, UserError
    from suites.base.terminal import Terminal, complain, print_json, styled

    if rental not in {None, *RENTAL_KINDS}:
        raise UserError(f"no class {rental!r}", where="--rental", expected=", ".join(RENTAL_KINDS))
    sheet = read_sheet(price_sheet) if price_sheet else catalog.latest_prices()
    own = models.load(model) if model else None
    broken: list[UserError] = []
    rows = [
        *_signed(results, sheet, rental, own, broken.append),
        *_reported(results, sheet, rental, own, broken.append),
    ]
    broken += archive.broken_keys(results)
    for error in broken:
        complain(f"fenmark: {error}")
    if not rows and not broken:
        expected = "*.dsse.json of `fenmark run` or *.reported.json of `fenmark import`"
        raise UserError("holds no result to cost", where=str(results), expected=expected)
    if json_:
        found = _counts(rows) if count else [_flat(*item) for item in rows]
        print_json(found, allow_nan=False)
    elif rows:
        terminal = Terminal(piped=200)
        terminal.show(_count_table(rows) if count else _table(rows, currency, sheet))
        for footnote in dict.fromkeys(_footnotes(rows)):
            terminal.say(styled(footnote, "dim"))
    if broken:
        raise CheckError(f"left out broken files: {len(broken)}", where=str(results))


def _footnotes(rows: Sequence[_Costed]) -> Iterator[str]:
    """Say what is behind the columns: repeated, for the caller to fold."""
    for origin, _, row in rows:
        if row.rental_kind:
            yield f"rental: {row.rental_kind}"
        if row.owned:
            yield f"owned: {row.owned.basis}, power {row.owned.power}"
        if row.floor_method:
            yield f"floor: {row.floor_method}"
        if "footnote" in origin:
            yield f"reported: {origin['footnote']}"


def _table(rows: Sequence[_Costed], currency: str, sheet: PriceSheet) -> Table:
    from rich.table import Table

    from results.economy.economics import Span
    from results.economy.number_format import span

    factor = 1.0 if currency == "USD" else sheet.cny_per_usd.value
    columns = (
        *("chip", "case", "tokens", f"rental, {currency}", "x one fen", f"owned, {currency}"),
        *("kWh", f"floor, {currency}", "energy is", "rate is"),
    )
    table = Table(*columns, box=None, title=f"A million tokens, price sheet {sheet.id}")
    for _, chip, row in rows:
        money = (
            row.rental_usd.times(factor) if row.rental_usd else None,
            row.fen,
            row.owned.usd.times(factor) if row.owned else None,
            row.energy_kwh,
            None if row.floor_usd is None else Span(row.floor_usd * factor, None, None),
        )
        known = (*map(span, money), row.energy_method or "unknown", row.method)
        table.add_row(chip, row.case, row.tokens, *known)
    return table


# What a row may have: its name in the counts, and how to tell.
_FIGURES: dict[str, Callable[[CostRow], object]] = {
    "rental": lambda row: row.rental_usd,
    "owned": lambda row: row.owned,
    "kwh": lambda row: row.energy_kwh,
    "floor": lambda row: row.floor_usd,
}


def _counts(rows: Sequence[_Costed]) -> list[dict[str, Any]]:
    """Count the rows with each figure, by who measured them."""
    by_source: dict[str, list[CostRow]] = {}
    for origin, _, row in rows:
        by_source.setdefault(origin.get("reported_by", "measured"), []).append(row)
    return [
        {
            "source": source,
            "rows": len(found),
            **{name: sum(has(row) is not None for row in found) for name, has in _FIGURES.items()},
        }
        for source, found in by_source.items()
    ]


def _count_table(rows: Sequence[_Costed]) -> Table:
    from rich.table import Table

    table = Table("source", "rows", *_FIGURES, box=None, title="Rows with each figure")
    for counted in _counts(rows):
        table.add_row(*map(str, counted.values()))
    return table


def _signed(
    folder: Path,
    sheet: PriceSheet,
    rental: str | None,
    own: Geometry | None,
    on_broken: Callable[[UserError], None],
) -> Iterator[_Costed]:
    from results.archive import archive
    from results.economy.costs import cost_rows
    from results.statement.precision import served_of

    for opened in archive.open_each(archive.envelopes(folder), on_broken):
        predicate = opened.statement.predicate
        chip = predicate.machine.chip
        origin = {"digest": opened.digest, "view": "general"}
        for row in cost_rows(
            predicate.measurements,
            chip=chip.catalog_id,
            count=chip.count,
            sheet=sheet,
            served=served_of(predicate.engines, own),
            rental=rental,
        ):
            yield origin, chip.catalog_id or chip.name, row


def _reported(
    folder: Path,
    sheet: PriceSheet,
    rental: str | None,
    own: Geometry | None,
    on_broken: Callable[[UserError], None],
) -> Iterator[_Costed]:
    from results.reported import read_folder
    from results.reported.costing import reported_cost_rows

    for found in read_folder(folder, on_broken):
        for result in found.results:
            origin = {
                "digest": None,
                "view": found.source.view,
                "reported_by": found.source.kind,
                "reported_id": result.id,
                "footnote": found.source.footnote,
            }
            for row in reported_cost_rows(result, sheet, rental, own):
                yield origin, result.chip.catalog_id or result.chip.name, row


def _flat(origin: dict[str, Any], chip: str, row: CostRow) -> dict[str, Any]:
    """One JSON row; the price of the tokens the row counts, null for the other kind."""
    usd = row.rental_usd.value if row.rental_usd else None
    return {
        **origin,
        "chip": chip,
        "suite": row.suite,
        "case": row.case,
        "usd_per_mtok_output": usd if row.tokens == "output" else None,
        "usd_per_mtok_input": usd if row.tokens == "input" else None,
        "usd_per_mtok_low": row.rental_usd.low if row.rental_usd else None,
        "usd_per_mtok_high": row.rental_usd.high if row.rental_usd else None,
        "rental": row.rental_kind,
        "owned_usd_per_mtok": row.owned.usd.value if row.owned else None,
        "owned_usd_per_mtok_low": row.owned.usd.low if row.owned else None,
        "owned_usd_per_mtok_high": row.owned.usd.high if row.owned else None,
        "owned_power": row.owned.power if row.owned else None,
        "owned_basis": row.owned.basis if row.owned else None,
        "kwh_per_mtok": row.energy_kwh.value if row.energy_kwh else None,
        "kwh_per_mtok_low": row.energy_kwh.low if row.energy_kwh else None,
        "kwh_per_mtok_high": row.energy_kwh.high if row.energy_kwh else None,
        "energy_method": row.energy_method,
        "energy_meter": row.energy_meter,
        "fen_multiple": row.fen.value if row.fen else None,
        "energy_fen_multiple": row.energy_fen.value if row.energy_fen else None,
        "floor_kwh_per_mtok": row.floor_kwh,
        "floor_usd_per_mtok": row.floor_usd,
        "floor_fen_multiple": row.floor_fen,
        "floor_method": row.floor_method,
        "method": row.method,
        "price_sheet": row.price_sheet,
    }
