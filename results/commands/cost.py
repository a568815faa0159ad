"""`fenmark cost`: what a million tokens cost in every verified result of an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from results.economics import CostRow

__all__ = ["cost"]


def cost(
    results: Annotated[Path, typer.Option(help="Archive folder.")],
    price_sheet: Annotated[
        Path | None, typer.Option(help="Your own sheet instead of the newest of the catalogue.")
    ] = None,
    currency: Annotated[Literal["USD", "CNY"], typer.Option(help="Of the table.")] = "USD",
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Derive rent and electricity per million tokens from signed results and a price sheet.

    Example: fenmark cost --results results/public --currency CNY
    """
    import json

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from results import archive, catalog
    from results.catalog.prices_data import read_sheet
    from results.economics import cost_rows
    from results.plain import span
    from suites.errors import UserError

    files = archive.envelopes(results)
    if not files:
        raise UserError("holds no result", where=str(results), expected="*.dsse.json")
    sheet = read_sheet(price_sheet) if price_sheet else catalog.latest_prices()
    rows = []
    for file in files:
        opened = archive.open_result(file)
        predicate = opened.statement.predicate
        chip = predicate.machine.chip
        derived = cost_rows(
            predicate.measurements, chip=chip.catalog_id, count=chip.count, sheet=sheet
        )
        rows += [(opened.digest, chip.catalog_id or chip.name, row) for row in derived]
    if json_:
        print(json.dumps([_flat(*item) for item in rows], allow_nan=False))
        return
    factor = 1.0 if currency == "USD" else sheet.cny_per_usd.value
    columns = ("chip", "case", "tokens", f"rental, {currency}", "x one fen", "kWh", "energy is")
    table = Table(*columns, box=None, title=f"A million tokens, price sheet {sheet.id}")
    for _, chip_name, row in rows:
        rental = row.rental_usd.times(factor) if row.rental_usd else None
        spans = (escape(span(part)) for part in (rental, row.fen, row.energy_kwh))
        table.add_row(chip_name, row.case, row.tokens, *spans, row.energy_method or "unknown")
    Console().print(table)


def _flat(digest: str, chip: str, row: CostRow) -> dict[str, Any]:
    """One JSON row; the price of the tokens the row counts, null for the other kind."""
    usd = row.rental_usd.value if row.rental_usd else None
    return {
        "digest": digest,
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
