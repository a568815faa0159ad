"""`fenmark cost`: what a million tokens cost in every result of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.catalog import PriceSheet
    from results.economics import CostRow

    # Where a row comes from, the chip's name, and what it costs.
    _Costed = tuple[dict[str, Any], str, CostRow]

__all__ = ["cost"]


def cost(
    results: Annotated[Path, typer.Option(help="Archive folder.")],
    price_sheet: Annotated[
        Path | None, typer.Option(help="Your own sheet instead of the newest of the catalogue.")
    ] = None,
    currency: Annotated[Literal["USD", "CNY"], typer.Option(help="Of the table.")] = "USD",
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Derive rent and electricity per million tokens of signed and of reported results.

    Example: fenmark cost --results results/public --currency CNY
    """
    import json

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from results import catalog
    from results.catalog.prices_data import read_sheet
    from results.plain import span
    from suites.errors import UserError

    sheet = read_sheet(price_sheet) if price_sheet else catalog.latest_prices()
    rows = [*_signed(results, sheet), *_reported(results, sheet)]
    if not rows:
        expected = "*.dsse.json of `fenmark run` or *.reported.json of `fenmark import`"
        raise UserError("holds no result to cost", where=str(results), expected=expected)
    if json_:
        print(json.dumps([_flat(*item) for item in rows], allow_nan=False))
        return
    factor = 1.0 if currency == "USD" else sheet.cny_per_usd.value
    rent = f"rental, {currency}"
    columns = ("chip", "case", "tokens", rent, "x one fen", "kWh", "energy is", "rate is")
    table = Table(*columns, box=None, title=f"A million tokens, price sheet {sheet.id}")
    footnotes: dict[str, None] = {}
    for origin, chip_name, row in rows:
        rental = row.rental_usd.times(factor) if row.rental_usd else None
        spans = (escape(span(part)) for part in (rental, row.fen, row.energy_kwh))
        if "footnote" in origin:
            footnotes.setdefault(str(origin["footnote"]))
        table.add_row(
            escape(chip_name),
            escape(row.case),
            row.tokens,
            *spans,
            row.energy_method or "unknown",
            row.method,
        )
    Console().print(table)
    for footnote in footnotes:
        Console().print(f"reported: {footnote}", markup=False, style="dim")


def _signed(folder: Path, sheet: PriceSheet) -> Iterator[_Costed]:
    from results import archive
    from results.economics import cost_rows

    for file in archive.envelopes(folder):
        opened = archive.open_result(file)
        predicate = opened.statement.predicate
        chip = predicate.machine.chip
        origin = {"digest": opened.digest, "view": "general"}
        for row in cost_rows(
            predicate.measurements, chip=chip.catalog_id, count=chip.count, sheet=sheet
        ):
            yield origin, chip.catalog_id or chip.name, row


def _reported(folder: Path, sheet: PriceSheet) -> Iterator[_Costed]:
    """Cost others' results. Where they do not say how many chips, there is no rent."""
    from results.economics import cost_rows
    from results.imports import read_folder

    for found in read_folder(folder):
        for result in found.results:
            chip = result.chip
            origin = {
                "digest": None,
                "view": found.source.view,
                "reported_by": found.source.kind,
                "reported_id": result.id,
                "footnote": found.source.footnote,
            }
            priced = chip.catalog_id if chip.count else None
            for row in cost_rows(
                result.measurements, chip=priced, count=chip.count or 1, sheet=sheet
            ):
                yield origin, chip.catalog_id or chip.name, row


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
        "kwh_per_mtok": row.energy_kwh.value if row.energy_kwh else None,
        "kwh_per_mtok_low": row.energy_kwh.low if row.energy_kwh else None,
        "kwh_per_mtok_high": row.energy_kwh.high if row.energy_kwh else None,
        "energy_method": row.energy_method,
        "energy_meter": row.energy_meter,
        "fen_multiple": row.fen.value if row.fen else None,
        "method": row.method,
        "price_sheet": row.price_sheet,
    }
