"""`fenmark choose`: which chips and set-ups serve a workload within its limits, by cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from results.economy.money_options import with_money
from results.prediction.cell_options import IslOption, OslOption  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from results.catalog import PriceSheet
    from results.catalog.carbon_data import PowerGrid
    from results.economy.own_prices import Own
    from results.prediction.choose import Demand, LatencyLimits, Options, Ranked, Ranking
    from results.prediction.market import ChipMarket, Drawn, HostedBill
    from results.prediction.predict import Predictor
    from suites.models import Geometry

__all__ = ["choose"]

_TOP = 10


@with_money
def choose(
    model: Annotated[
        str, typer.Argument(help="Id of `fenmark model list`, or a config.json or .gguf.")
    ],
    isl: IslOption = 1024,
    osl: OslOption = 1024,
    ttft: Annotated[
        float | None, typer.Option(min=0.001, help="Most ms to the first token.")
    ] = None,
    tpot: Annotated[
        float | None, typer.Option(min=0.001, help="Most ms between two tokens.")
    ] = None,
    percentile: Annotated[
        float | None,
        typer.Option(min=50, max=99.9, help="Of requests that hold the limits; else their mean."),
    ] = None,
    rps: Annotated[
        float | None, typer.Option(min=1e-6, max=1e9, help="Requests each second.")
    ] = None,
    users: Annotated[
        int | None, typer.Option(min=1, max=10**9, help="Requests under way at once.")
    ] = None,
    rental: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="Class of price: on-demand, spot, marketplace, reserved-1y, reserved-3y, owned.",
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Whose tariff and grid: USA, China, Iowa, ...")
    ] = None,
    chips: Annotated[
        str | None, typer.Option(help="Only these, and how many there are: h200-sxm:16,l40s.")
    ] = None,
    engine: Annotated[str, typer.Option(help="Of predictions: vllm, sglang, trtllm.")] = "vllm",
    precision: Annotated[
        str | None, typer.Option(help="Only weights of these: bf16,fp8,fp4.")
    ] = None,
    margin: Annotated[
        float, typer.Option(min=1, max=10, help="That predicted times keep from the limits.")
    ] = 1.2,
    results: Annotated[
        Path | None, typer.Option(help="An archive whose results count as evidence too.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=10_000, help="Configurations to list.")] = _TOP,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
    **given: Any,
) -> None:
    """Rank configurations of a model by the month's bill under limits of latency.

    Evidence keeps its mark: ● measured, ◐ attested, ◇ reported, ◈ predicted. What cannot be told
    apart shares a rank. Exits 1 if nothing holds the limits.

    Example: fenmark choose llama-3.1-70b --rps 10 --ttft 2000 --tpot 50 --percentile 90
    """
    from dataclasses import replace

    from results.catalog.api_data import api_sheet
    from results.economy.money_options import money_of
    from results.prediction.choose import Demand, LatencyLimits
    from results.prediction.choose import choose as ranked_by_cost
    from results.prediction.market import ChipMarket, at_hand_of, hosted, in_region
    from results.prediction.predict import predictor
    from suites import models
    from suites.base.errors import CheckError, UserError
    from suites.base.terminal import Terminal, print_json

    if (rps is None) == (users is None):
        raise UserError("one is needed", where="--rps, --users", expected="either of the two")
    geometry = models.load(model)
    demand = Demand(isl, osl, rps, users)
    limits = LatencyLimits(ttft, tpot, percentile)
    money = money_of(given)
    at_hand = at_hand_of(chips)
    kind = _class(rental or money.sheet.default_class)
    _one_price(given, at_hand, money.own)
    sheet, mix = in_region(money.sheet, region)
    market = ChipMarket(replace(money, sheet=sheet), kind, frozenset(at_hand))
    using = predictor()
    options, unseen = _options(using, geometry, demand, at_hand, engine, precision)
    options = options + _evidence(using, geometry, demand, limits, results)
    options = _only(options, at_hand, precision)
    choice = ranked_by_cost(
        options, demand, limits, market.price, at_hand=at_hand, unseen=unseen, margin=margin
    )
    best = choice.ranked[0] if choice.ranked else None
    api = hosted(api_sheet(sheet.id), geometry.id, demand, best)
    view = _View(
        using=using,
        geometry=geometry,
        demand=demand,
        limits=limits,
        market=market,
        mix=mix,
        margin=margin,
        top=top,
    )
    if json_:
        print_json(view.as_json(choice, api), allow_nan=False)
    else:
        view.show(Terminal(piped=200), choice, api)
    if not choice.ranked:
        raise CheckError(
            "no configuration holds the limits at a price",
            where=geometry.id,
            remedy="see the reason of each chip; wider limits, or --class or --price",
        )


def _class(name: str) -> str:
    from results.catalog.prices_data import RENTAL_CLASSES
    from results.prediction.market import OWNED
    from suites.base.errors import UserError

    if name not in {*RENTAL_CLASSES, OWNED}:
        expected = ", ".join((*RENTAL_CLASSES, OWNED))
        raise UserError(f"no class {name[:40]!r}", where="--class", expected=expected)
    return name


def _one_price(given: dict[str, Any], at_hand: dict[str, int | None], own: Own) -> None:
    """A reader's own price is of one chip of one kind: of which, `--chips` says."""
    from suites.base.errors import UserError

    if given.get("owned"):
        raise UserError(
            "is of a machine, which is not chosen yet",
            where="--owned",
            expected="--class owned, with purchases of --price-sheet",
        )
    asked = given.get("price") or (own.usd_per_hour and at_hand)
    if asked and (own.per != "unit" or len(at_hand) != 1):
        raise UserError(
            "is not of each chip of one kind",
            where="--price",
            expected="such as 2.5/chip/h, with --chips of one kind",
        )


def _options(
    using: Predictor,
    geometry: Geometry,
    demand: Demand,
    at_hand: dict[str, int | None],
    engine: str,
    precision: str | None,
) -> tuple[Options, list[tuple[str, str]]]:
    from results.prediction.deployments import PRECISIONS, accelerators, predicted

    chosen = at_hand or accelerators()
    widths = _precisions(precision) or PRECISIONS
    return predicted(using, geometry, demand, chosen, engine=engine.lower(), precisions=widths)


def _precisions(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in (text or "").split(",") if part.strip())


def _evidence(
    using: Predictor, geometry: Geometry, demand: Demand, limits: LatencyLimits, folder: Path | None
) -> Options:
    """What ships of others' figures, and what an archive holds."""
    from results.archive.evidence import sound_records
    from results.prediction.deployments import learnt
    from results.prediction.observed import observed, reported_records
    from results.reported.shipping import shipped_files
    from results.statement.reported import read_folder
    from suites.base.terminal import complain

    def say(error: Exception) -> None:
        complain(f"fenmark: {error}")

    # AIConfigurator's rows are those that predictions learn from, faults left out.
    files = [file for file in shipped_files() if file.source.kind != "aiconfigurator"]
    records = []
    if folder is not None:
        files += read_folder(folder, say)
        records = sound_records(folder, say)
    records += [record for file in files for record in reported_records(file, {geometry.id})]
    return learnt(using, geometry, demand) + observed(
        records, geometry.id, demand, limits.percentile
    )


def _only(options: Options, at_hand: dict[str, int | None], precision: str | None) -> Options:
    wanted = _precisions(precision)
    return options.where(
        [
            (not at_hand or option.setup.chip in at_hand)
            and (not wanted or option.setup.precision in wanted)
            for option in options.options
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """How a choice is told: of what, at which prices, and how many configurations of it."""

    using: Predictor
    geometry: Geometry
    demand: Demand
    limits: LatencyLimits
    market: ChipMarket
    mix: PowerGrid
    margin: float
    top: int

    @property
    def sheet(self) -> PriceSheet:
        return self.market.money.sheet

    @property
    def currency(self) -> str:
        return self.market.money.currency or "USD"

    @property
    def per_usd(self) -> float:
        return self.sheet.per_usd(self.currency)

    def _drawn(self, ranked: Ranked) -> Drawn | None:
        from results.prediction.market import Building, drawn

        building = Building(self.sheet.pue.value, self.mix)
        return drawn(self.using, self.geometry, ranked, self.demand, building)

    def as_json(self, choice: Ranking, api: HostedBill | None) -> dict[str, Any]:
        """All of it; money in the currency that is named."""
        return {
            "model": self.geometry.id,
            "isl": self.demand.isl,
            "osl": self.demand.osl,
            "rps": self.demand.rps,
            "users": self.demand.users,
            "ttft_limit_ms": self.limits.ttft_ms,
            "tpot_limit_ms": self.limits.tpot_ms,
            "percentile": self.limits.percentile,
            "margin": self.margin,
            "class": self.market.kind,
            "price_sheet": self.sheet.id,
            "tariff_usd_per_kwh": self.sheet.usd_per_kwh,
            "grid": self.mix.code,
            "currency": self.currency,
            "ranked": [self._row(own) for own in choice.ranked[: self.top]],
            "measure": [own.option.setup.words() for own in choice.measure],
            "losers": [{"chip": own.chip, "why": own.why} for own in choice.losers],
            "api": api
            and {
                "monthly": api.monthly_usd * self.per_usd,
                "monthly_low": api.low * self.per_usd,
                "monthly_high": api.high * self.per_usd,
                "prices": api.label,
                "fleet_utilization": api.utilization,
            },
        }

    def _row(self, own: Ranked) -> dict[str, Any]:
        from dataclasses import asdict

        from results.prediction.choose import MARKS

        option, power = own.option, self._drawn(own)
        layout = option.setup.layout
        bill = {
            name: (getattr(own.monthly_usd, name) or 0.0) * self.per_usd
            for name in ("value", "low", "high")
        }
        return {
            "rank": own.rank,
            "tied": own.tied,
            "evidence": option.kind,
            "mark": MARKS[option.kind],
            "basis": option.basis,
            "chip": option.setup.chip,
            "engine": option.setup.engine,
            "precision": option.setup.precision,
            "tp": layout.tp,
            "dp": layout.dp,
            "ep": layout.ep,
            "concurrency": option.concurrency,
            "prefill_per_decode": option.apart,
            "ttft_ms": asdict(own.ttft_ms),
            "tpot_ms": asdict(own.tpot_ms),
            "rps_engine": own.rps,
            "engines": own.engines,
            "chips": own.chips,
            "monthly": bill,
            "per_mtok_output": own.usd_per_mtok * self.per_usd,
            "price_usd_per_chip_hour": own.price.usd_per_hour,
            "price": own.price.label,
            "kw": power.kw if power else None,
            "kg_co2e_month": power.kg_co2e if power else None,
        }

    def show(self, terminal: Any, choice: Ranking, api: HostedBill | None) -> None:
        """A table, and what is behind it."""
        from suites.base.terminal import styled

        if choice.ranked:
            terminal.show(self._table(choice.ranked[: self.top]))
        for line in (*self._notes(choice), *self._others(choice, api)):
            terminal.say(line)
        if choice.losers:
            terminal.say("not ranked:")
        for loser in choice.losers:
            terminal.say(styled(f"{loser.chip}: {loser.why}", "dim"), indent=2)

    def _table(self, ranked: Sequence[Ranked]) -> Any:
        from rich.table import Table

        from results.economy.number_format import figure
        from results.prediction.choose import MARKS

        of = f" p{self.limits.percentile:g}" if self.limits.percentile else ""
        table = Table(
            "rank", "", "configuration", "at once", f"TTFT{of} ms", f"TPOT{of} ms", "chips", "kW",
            f"{self.currency} a month", f"{self.currency}/Mtok out", "t CO2e a month", box=None,
        )  # fmt: skip
        for own in ranked:
            power = self._drawn(own)
            bill = own.monthly_usd
            table.add_row(
                f"{own.rank}=" if own.tied else str(own.rank),
                MARKS[own.option.kind],
                own.option.setup.words(),
                f"{own.option.concurrency:g}",
                figure(own.ttft_ms.value),
                figure(own.tpot_ms.value),
                str(own.chips),
                figure(power.kw) if power else "?",
                _range(bill.value, bill.low, bill.high, self.per_usd),
                figure(own.usd_per_mtok * self.per_usd),
                figure(power.kg_co2e / 1e3) if power else "?",
            )
        return table

    def _notes(self, choice: Ranking) -> Iterator[str]:
        from results.prediction.choose import METRICS, spread

        rest = len(choice.ranked) - self.top
        if rest > 0:
            yield f"{rest} more hold the limits: --top"
        if self.market.own and self.market.money.own.usd_per_hour:
            yield "price: your own"
        else:
            yield f"price: {self.market.kind}, sheet {self.sheet.id}; one class for all chips"
        if any(own.tied for own in choice.ranked):
            yield "= intervals overlap: a tie, better evidence first"
        yield f"◈ predicted times are held to the limits with a margin of ×{self.margin:g}"
        if self.limits.percentile:
            factors = ", ".join(
                f"{name.upper()} ×{spread(name, self.limits.percentile):.3g}" for name in METRICS
            )
            yield f"p{self.limits.percentile:g} of a mean where nobody measured it: {factors}"
        yield (
            f"power of the chips at full load all month; CO2e at {self.mix.g_per_kwh:g} g/kWh "
            f"({self.mix.region}), PUE {self.sheet.pue.value:g}"
        )

    def _others(self, choice: Ranking, api: HostedBill | None) -> Iterable[str]:
        from results.economy.number_format import figure

        if api:
            yield (
                f"a hosted API for the same tokens: "
                f"{_range(api.monthly_usd, api.low, api.high, self.per_usd)} {self.currency} a "
                f"month; {api.label}"
            )
        else:
            yield "a hosted API: fewer than three hosts sell this model, or nothing is ranked"
        best = next((own for own in choice.ranked if own.option.apart), None)
        if best and best.option.apart:
            prefill, decode = max(best.option.apart, 1.0), max(1 / best.option.apart, 1.0)
            yield (
                f"served apart, {best.option.setup.words()}: {figure(prefill)} prefill : "
                f"{figure(decode)} decode engines, the cache's way between them not counted"
            )
        for place, own in enumerate(choice.measure, 1):
            words = f"{own.option.setup.words()}, {own.option.concurrency:g} at once"
            yield f"worth measuring {place}: {words}"


def _range(value: float, low: float | None, high: float | None, per_usd: float) -> str:
    from results.economy.number_format import figure

    middle = figure(value * per_usd)
    if low is None or high is None or low == high:
        return middle
    return f"{middle} ({figure(low * per_usd)} to {figure(high * per_usd)})"
