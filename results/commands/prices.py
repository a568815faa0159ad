"""`fenmark prices`: dated price sheets, listed and made from the catalogues the field keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.catalog import PriceSheet, RentalPrice

__all__ = ["prices"]

prices = typer.Typer(
    help="Dated price sheets. Example: fenmark prices list --chip h100-sxm",
    no_args_is_help=True,
)
_JSON = Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")]


@prices.command("list")
def list_(
    chip: Annotated[str | None, typer.Option(help="Catalogue id; every chip without it.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="The sheet that was the newest on this day: 2026-11-28.")
    ] = None,
    price_sheet: Annotated[Path | None, typer.Option(help="Your own sheet.")] = None,
    history: Annotated[bool, typer.Option(help="Of every sheet, oldest first.")] = False,
    json_: _JSON = False,
) -> None:
    """List prices by the hour: median, range, offers, date and source, class by class.

    Example: fenmark prices list --chip h100-sxm --as-of 2026-11-28 --json
    """
    from rich.table import Table

    from results import catalog
    from results.catalog.prices_data import chosen_sheet
    from suites.base.terminal import Terminal, print_json, styled

    if chip is not None:
        catalog.require(chip, "--chip")
    chosen = chosen_sheet(price_sheet, as_of)
    sheets = list(catalog.price_sheets().values()) if history else [chosen]
    rows = [row for sheet in sheets for row in _rows(sheet, chip)]
    if json_:
        print_json(rows)
        return
    table = Table("sheet", "chip", "class", "USD/h", "range", "per", "offers", "date", box=None)
    for row in rows:
        spread = f"{row['price_low']:.4g} to {row['price_high']:.4g}"
        figures = (f"{row['usd_per_hour']:.4g}", spread, row["per"], str(row["offers"] or "-"))
        table.add_row(row["price_sheet"], row["chip"], row["price_class"], *figures, row["as_of"])
    terminal = Terminal(piped=200)
    terminal.show(table)
    for sheet in sheets:
        for line in sheet.thin:
            if chip is None or line.startswith(f"{chip},"):
                terminal.say(styled(f"too thin to price: {line}", "dim"))


@prices.command("import")
def import_(
    kind: Annotated[str, typer.Argument(help="skypilot, gpuhunt or gpu-price-feed.")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="SkyPilot's vms.csv, or the feed's JSON lines.")
    ] = None,
    date: Annotated[str, typer.Option(help="Day the offers stood: 2026-11-28.")] = "",
    out: Annotated[Path | None, typer.Option(help="Sheet to write: 2026-11-28.toml.")] = None,
    json_: _JSON = False,
) -> None:
    """Make a dated sheet of a catalogue's offers: median and 10-90% range over three or more.

    Thinner markets are refused and named. Tariffs, rates, purchases, and classes the offers say
    nothing of are as on our newest sheet, at their dates.

    Example: fenmark prices import skypilot aws/vms.csv --date 2026-11-28 --out 2026-11-28.toml
    """
    from results import catalog
    from results.catalog.prices_data import id_of, require_day
    from results.economy.offers import markets, sheet_of, toml_of
    from results.economy.price_sources import read_offers
    from suites.base.errors import CheckError, UserError
    from suites.base.files import write_atomically
    from suites.base.terminal import Terminal, print_json

    require_day(date, "--date")
    if out is None:
        raise UserError("is missing", where="--out", expected=f"a sheet to write: {date}.toml")
    if out.exists():
        raise UserError("is there already", where=str(out), expected="a new file: old sheets stay")
    offers = read_offers(kind, files or [])
    source = f"{kind}, read {date}"
    sheet = sheet_of(offers, catalog.latest_prices(), name=id_of(out), day=date, source=source)
    offered = markets(offers)
    priced = [market for market in offered if not market.is_thin]
    if not priced:
        raise CheckError(
            f"gives no market of three offers: {len(offers)} offers read",
            where=", ".join(map(str, files or ())) or kind,
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, toml_of(sheet).encode())
    if json_:
        print_json({"offers": len(offers), "priced": len(priced), "thin": sheet.thin})
        return
    terminal = Terminal(stderr=True)
    terminal.say(f"{len(offers)} offers, {len(priced)} prices, {len(sheet.thin)} markets too thin")
    for line in sheet.thin:
        terminal.say(f"refused: {line}", indent=2)


def _rows(sheet: PriceSheet, chip: str | None) -> Iterator[dict[str, Any]]:
    generic = [sheet.generic] if sheet.generic and chip is None else []
    for price in (*sheet.rentals, *generic):
        if chip in {None, price.chip}:
            yield _flat(sheet, price)


def _flat(sheet: PriceSheet, price: RentalPrice) -> dict[str, Any]:
    return {
        "price_sheet": sheet.id,
        "chip": price.chip,
        "price_class": price.price_class,
        "kind": price.kind,
        "usd_per_hour": price.usd_per_hour,
        "price_low": price.usd_per_hour_low,
        "price_high": price.usd_per_hour_high,
        "per": price.per,
        "offers": price.offers,
        "as_of": price.date,
        "source": price.source,
    }
