"""`fenmark cost`: what a million tokens cost in every result of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from results.economy.money_options import with_money

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.table import Table

    from results.commands.cost_table import CostView
    from results.economy.apart import Kinds
    from results.economy.costs import CostRow
    from results.economy.own_prices import Money
    from suites.base.errors import UserError
    from suites.models import Geometry

    # Where a row comes from, the chip's name, and what it costs.
    _Costed = tuple[dict[str, Any], str, CostRow]

__all__ = ["cost"]


@with_money
def cost(
    results: Annotated[Path, typer.Option(help="Archive folder.")],
    rental: Annotated[
        str | None,
        typer.Option(
            "--rental",
            "--class",
            help="Class of rental: on-demand, spot, marketplace, reserved-1y, reserved-3y; "
            "else the one most chips have.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Id, config.json, .gguf or .toml of models whose name is unknown here."),
    ] = None,
    mix: Annotated[
        str | None,
        typer.Option(help="Blend a price of input:output tokens, 3:1, or input:cached:output."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="What input:cached:output tokens cost beside each other where no prefill and "
            "decode were measured; else 1:0.1:4."
        ),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(help="Count the CO2e of this grid: USA, CHN, DEU, ... (JSON: else USA)."),
    ] = None,
    volume: Annotated[
        str | None,
        typer.Option(help="Tokens a month, for machines against an API: 2e9, 500M."),
    ] = None,
    count: Annotated[
        bool, typer.Option("--count", help="Only count, by source, the rows with each figure.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
    **given: Any,
) -> None:
    """Derive what a million tokens cost in signed and in reported results.

    Rent; capital and electricity of chips of your own; kWh; the distance to one fen, and the
    physical floor: the datasheet's roofline time at nameplate power. All rows are of one class of
    rental; a chip without a price in it says so. Exits 1 if a result does not verify or a file is
    broken; the others are costed all the same.

    Example: fenmark cost --results results/public --currency CNY
    """
    from results.archive import archive
    from results.catalog.carbon_data import grid as grid_of
    from results.catalog.prices_data import RENTAL_KINDS
    from results.commands.api_lines import api_lines, tokens_of
    from results.commands.cost_table import CostView, cost_table
    from results.economy.apart import STATED, read_kinds
    from results.economy.money_options import money_of
    from suites import models
    from suites.base.errors import CheckError, UserError
    from suites.base.terminal import Terminal, complain, print_json, styled

    if rental not in {None, *RENTAL_KINDS}:
        raise UserError(f"no class {rental!r}", where="--rental", expected=", ".join(RENTAL_KINDS))
    monthly = tokens_of(volume)
    shared = read_kinds(split, "--split") if split else STATED
    money = money_of(given)
    currency = money.currency or "USD"
    sizes = models.load(model) if model else None
    view = CostView(
        currency=currency,
        per_usd=money.sheet.per_usd(currency),
        mix=read_kinds(mix, "--mix") if mix else None,
        grid=grid_of(grid or "USA"),
        shows_grid=grid is not None,
    )
    broken: list[UserError] = []
    rows = [
        *_signed(results, money, rental, sizes, shared, broken.append),
        *_reported(results, money, rental, sizes, shared, broken.append),
    ]
    broken += archive.broken_keys(results)
    for error in broken:
        complain(f"fenmark: {error}")
    if not rows and not broken:
        expected = "*.dsse.json of `fenmark run` or *.reported.json of `fenmark import`"
        raise UserError("holds no result to cost", where=str(results), expected=expected)
    if json_:
        rows_json = _counts(rows) if count else [_flat(*item, view) for item in rows]
        print_json(rows_json, allow_nan=False)
    elif rows:
        terminal = Terminal(piped=200)
        terminal.show(_count_table(rows) if count else cost_table(rows, view, money.sheet.id))
        for footnote in dict.fromkeys(_footnotes(rows, view)):
            terminal.say(styled(footnote, "dim"))
        for line in api_lines(rows, monthly, currency, view.per_usd):
            terminal.say(line)
    if broken:
        raise CheckError(f"left out broken files: {len(broken)}", where=str(results))


def _footnotes(rows: Sequence[_Costed], view: CostView) -> Iterator[str]:
    """Say what is behind the columns: repeated, for the caller to fold."""
    for origin, chip, row in rows:
        if row.rental_kind:
            yield f"rental: {row.rental_kind}"
        if row.missing:
            yield f"rental: {row.missing}"
        if view.mix and row.apart:
            yield f"blended: rent of input:cached:output {view.mix.label}, by {row.apart.by}"
        for flag in row.flags:
            yield f"look twice: the price of {chip} is {flag}"
        if row.owned:
            yield f"owned: {row.owned.basis}, power {row.owned.power}"
        if row.floor_method:
            yield f"floor: {row.floor_method}"
        if "footnote" in origin:
            yield f"reported: {origin['footnote']}"


_KINDS = ("input", "cached", "output")  # of tokens, as `apart` shares among them
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
            "rows": len(costed),
            **{name: sum(has(row) is not None for row in costed) for name, has in _FIGURES.items()},
        }
        for source, costed in by_source.items()
    ]


def _count_table(rows: Sequence[_Costed]) -> Table:
    from rich.table import Table

    table = Table("source", "rows", *_FIGURES, box=None, title="Rows with each figure")
    for counted in _counts(rows):
        table.add_row(*map(str, counted.values()))
    return table


def _signed(
    folder: Path,
    money: Money,
    rental: str | None,
    model: Geometry | None,
    split: Kinds,
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
            sheet=money.sheet,
            served=served_of(predicate.engines, model),
            rental=rental,
            kind=chip.kind,
            own=money.own,
            split=split,
        ):
            yield origin, chip.catalog_id or chip.name, row


def _reported(
    folder: Path,
    money: Money,
    rental: str | None,
    model: Geometry | None,
    split: Kinds,
    on_broken: Callable[[UserError], None],
) -> Iterator[_Costed]:
    from results.reported import read_folder
    from results.reported.costing import reported_cost_rows

    for file in read_folder(folder, on_broken):
        for result in file.results:
            origin = {
                "digest": None,
                "view": file.source.view,
                "reported_by": file.source.kind,
                "reported_id": result.id,
                "footnote": file.source.footnote,
            }
            for row in reported_cost_rows(
                result, money.sheet, rental, money.own, model=model, split=split
            ):
                yield origin, result.chip.catalog_id or result.chip.name, row


def _flat(origin: dict[str, Any], chip: str, row: CostRow, view: CostView) -> dict[str, Any]:
    """One JSON row; `usd_per_mtok_*` is of the tokens the row counts, null for the other kind.

    `input_usd`, `cached_usd` and `output_usd` share the same rent among all kinds; `apart_by` how;
    `owned_…` share what owning costs, `…_kwh` a metered energy.
    `usd_per_right_answer` is the rent of the tokens spent for one, where questions were asked.
    `usd_per_mtok_low` and `_high` are the interval of the throughput; `price_low` and `price_high`
    the range of the price by the hour; `api_usd` is what hosts ask for tokens of that kind. What
    nothing is known of is null.
    """
    from results.commands.cost_table import carbon
    from results.economy.apart import blended

    gas = carbon(row, view.grid)
    mix, grid = view.mix, view.grid
    usd = row.rental_usd.value if row.rental_usd else None
    output = usd if row.tokens == "output" else None
    input_ = usd if row.tokens == "input" else None
    price, apart, api = row.price, row.apart, row.api_apart
    owned, energy = row.owned.apart if row.owned else None, row.energy_apart
    return {
        **origin,
        "chip": chip,
        "suite": row.suite,
        "case": row.case,
        "usd_per_mtok_output": output,
        "usd_per_mtok_input": input_,
        "usd_per_mtok_low": row.rental_usd.low if row.rental_usd else None,
        "usd_per_mtok_high": row.rental_usd.high if row.rental_usd else None,
        "usd_per_right_answer": row.solved_usd.value if row.solved_usd else None,
        "usd_per_right_answer_low": row.solved_usd.low if row.solved_usd else None,
        "usd_per_right_answer_high": row.solved_usd.high if row.solved_usd else None,
        "rental": row.rental_kind,
        "rental_missing": row.missing or None,
        "price_class": price.price_class if price else None,
        "price_usd_per_hour": price.usd if price else None,
        "price_low": price.low if price else None,
        "price_high": price.high if price else None,
        "price_per": price.per if price else None,
        "price_generic": price.generic if price else None,
        "offers": price.offers if price else None,
        "as_of": price.as_of if price else None,
        "price_flags": list(row.flags),
        "input_usd": apart.input if apart else None,
        "cached_usd": apart.cached if apart else None,
        "output_usd": apart.output if apart else None,
        "apart_by": apart.by if apart else None,
        **{f"owned_{name}_usd": getattr(owned, name, None) for name in _KINDS},
        "owned_apart_by": owned.by if owned else None,
        **{f"{name}_kwh": getattr(energy, name, None) for name in _KINDS},
        "energy_apart_by": energy.by if energy else None,
        "mix": mix.label if mix else None,
        "blended_usd": blended(apart, mix) if mix and apart else None,
        "api_blended_usd": blended(api, mix) if mix and api else None,
        "api_usd": row.api.usd if row.api else None,
        "api_low": row.api.low if row.api else None,
        "api_high": row.api.high if row.api else None,
        "api_price_of": row.api.label if row.api else None,
        "breakeven_utilization": row.breakeven_utilization,
        "owned_breakeven_utilization": row.owned_breakeven_utilization,
        "owned_usd_per_mtok": row.owned.usd.value if row.owned else None,
        "owned_usd_per_mtok_low": row.owned.usd.low if row.owned else None,
        "owned_usd_per_mtok_high": row.owned.usd.high if row.owned else None,
        "owned_price_low": row.owned.usd_low if row.owned else None,
        "owned_price_high": row.owned.usd_high if row.owned else None,
        "owned_all_in_usd_per_mtok": row.owned.all_in_usd if row.owned else None,
        "owned_power": row.owned.power if row.owned else None,
        "owned_basis": row.owned.basis if row.owned else None,
        "kwh_per_mtok": row.energy_kwh.value if row.energy_kwh else None,
        "kwh_per_mtok_low": row.energy_kwh.low if row.energy_kwh else None,
        "kwh_per_mtok_high": row.energy_kwh.high if row.energy_kwh else None,
        "kgco2e_per_mtok": gas.value if gas else None,
        "kgco2e_per_mtok_low": gas.low if gas else None,
        "kgco2e_per_mtok_high": gas.high if gas else None,
        "grid": f"{grid.region}, {grid.year}: {grid.g_per_kwh:g} gCO2e/kWh",
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
