"""What a choice costs besides: a chip's hour by class, power and CO2e of a fleet, a hosted API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results import catalog
from results.catalog.api_data import api_price
from results.catalog.carbon_data import grid
from results.catalog.power_data import all_in
from results.economy.breakeven import HOURS_PER_MONTH
from results.prediction.cells import ServingCell
from results.prediction.choose import Price
from results.prediction.predict import Prediction
from suites.base.errors import UserError

if TYPE_CHECKING:
    from results.catalog import PriceSheet
    from results.catalog.api_data import ApiSheet
    from results.catalog.carbon_data import PowerGrid
    from results.economy.own_prices import Money
    from results.prediction.choose import Demand, Ranked
    from results.prediction.predict import Predictor
    from suites.models import Geometry

__all__ = [
    "OWNED",
    "Building",
    "ChipMarket",
    "Drawn",
    "HostedBill",
    "Owning",
    "at_hand_of",
    "drawn",
    "hosted",
    "in_region",
    "owning",
]

OWNED = "owned"
_HOURS_PER_YEAR = 8766.0
_SECONDS_PER_HOUR = 3600.0
_MTOK = 1e6
_MOST_CHIPS = 1_000_000


@dataclass(frozen=True, slots=True)
class ChipMarket:
    """Prices of chips by the hour.

    Attributes:
        kind: class of rental, or "owned"; of all chips alike.
        own: chips that the reader's own price is of.
    """

    money: Money
    kind: str
    own: frozenset[str] = frozenset()

    def price(self, chip: str) -> Price | None:
        """Price of a chip; None where it has none in this class."""
        own = self.money.own.usd_per_hour
        if own is not None and chip in self.own:
            return Price(usd_per_hour=own, label="your own price")
        if self.kind == OWNED:
            return _owned(chip, self.money.sheet)
        rental = self.money.sheet.rental(chip, self.kind)
        return Price(usd_per_hour=rental.usd_per_hour, label=rental.label) if rental else None


@dataclass(frozen=True, slots=True)
class Owning:
    """What an hour of an owned chip costs: dollars besides electricity, and kilowatts drawn."""

    usd_per_hour: float
    kw: float
    label: str


def owning(chip: str, sheet: PriceSheet) -> Owning | None:
    """Purchase over its life, staff, space, and what it draws in every hour, busy or not.

    It draws what it draws all in where that is published, else its nameplate. Of a CPU results
    count cores, and sheets sockets.
    """
    entry = catalog.chips()[chip]
    if entry.kind == "cpu":
        return None
    bought, terms, tdp = sheet.purchase(chip), sheet.ownership, entry.tdp_w
    kw = all_in().kw.get(chip) or (tdp / 1e3 if tdp else None)
    if bought is None or terms is None or kw is None:
        return None
    staff, space = terms.staff_usd_per_chip_year, terms.space_usd_per_kw_year
    middle = (bought.usd_low + bought.usd_high) / 2
    yearly = (
        middle / terms.life_years.value
        + (staff.value if staff else 0.0)
        + (space.value * kw if space else 0.0)
    )
    label = f"owned, {bought.basis}, {bought.date}, {terms.life_years.value:g} years"
    return Owning(yearly / _HOURS_PER_YEAR, kw, label)


def _owned(chip: str, sheet: PriceSheet) -> Price | None:
    own = owning(chip, sheet)
    if own is None:
        return None
    usd = own.usd_per_hour + own.kw * sheet.pue.value * sheet.usd_per_kwh
    return Price(usd_per_hour=usd, label=own.label)


def in_region(sheet: PriceSheet, region: str | None) -> tuple[PriceSheet, PowerGrid]:
    """A sheet at the tariff of a region, and the grid of its country: else the sheet's, and USA.

    Raises:
        UserError: neither a tariff nor a grid is of that name.
    """
    if region is None:
        return sheet, grid("USA")
    wanted = region.strip().casefold()
    tariff = next((t.region for t in sheet.tariffs if wanted in t.region.casefold()), None)
    try:
        mix = grid(region, "--region")
    except UserError:
        if tariff is None:
            listed = "; ".join(sorted({t.region for t in sheet.tariffs}))
            raise UserError(
                f"no region {region[:40]!r}",
                where="--region",
                expected=f"a country such as USA or CHN, or one of: {listed}",
            ) from None
        mix = grid("USA" if tariff.startswith("US ") else tariff.partition(",")[0], "--region")
    if tariff is None:
        return sheet, mix
    return sheet.model_copy(update={"reference_tariff": tariff}), mix


def at_hand_of(text: str | None) -> dict[str, int | None]:
    """Read chips at hand, such as "h200-sxm:16,l40s"; None where no count is said.

    Raises:
        UserError: a count is none, or the catalogue lists no such chip.
    """
    from results.prediction.chip import entry_of

    counts: dict[str, int | None] = {}
    for part in (text or "").split(","):
        name, colon, digits = part.strip().partition(":")
        if not name:
            continue
        count = int(digits) if digits.isascii() and digits.isdigit() else 0
        if colon and not 1 <= count <= _MOST_CHIPS:
            raise UserError(
                f"{digits[:20]!r} is not a count of {name[:40]!r}",
                where="--chips",
                expected="chips at hand, such as h200-sxm:16,l40s",
            )
        counts[entry_of(name).id] = count or None
    return counts


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a fleet at full load draws: kilowatts of its chips, and CO2e of a month with PUE."""

    kw: float
    kg_co2e: float


@dataclass(frozen=True, slots=True)
class Building:
    """Where a fleet stands: energy of the building per energy of the machines, and its grid."""

    pue: float
    grid: PowerGrid


def drawn(
    using: Predictor, geometry: Geometry, ranked: Ranked, demand: Demand, building: Building
) -> Drawn | None:
    """Power of a fleet by the model of power (`results.prediction.power`); None without nameplate.

    Mean power under full load, in every hour of the month: never too little.
    """
    option = ranked.option
    setup = option.setup
    cell = ServingCell(
        id="", chip=setup.chip, model=geometry.id, engine=setup.engine,
        precision=setup.precision, isl=demand.isl, osl=demand.osl,
        concurrency=option.concurrency, layout=setup.layout,
    )  # fmt: skip
    rate = ranked.rps * demand.osl / setup.layout.chips
    step = Prediction(id="", tpot_ms=ranked.mean_tpot_ms, tokens_per_s_chip=rate)
    power = using.power(step, cell, geometry)
    if power is None:
        return None
    kw = power.watts[0] * ranked.chips / 1e3
    return Drawn(kw, building.grid.kg(kw * HOURS_PER_MONTH, building.pue))


@dataclass(frozen=True, slots=True)
class HostedBill:
    """The month's bill for the same tokens from a hosted API: median of hosts, dearest, cheapest.

    Attributes:
        utilization: share of a fleet's time that this workload takes; None without a fleet.
    """

    monthly_usd: float
    low: float
    high: float
    label: str
    utilization: float | None


def hosted(
    sheet: ApiSheet | None, model: str, demand: Demand, best: Ranked | None
) -> HostedBill | None:
    """Price a workload at an API; None where fewer than three hosts sell the model's tokens.

    Of users, as many requests as they send to the fleet that is ranked first.
    """
    prices = [api_price(sheet, model, kind) for kind in ("input", "output")]
    rps = demand.rps or (
        best.rps * (demand.users or 0.0) / best.option.concurrency if best else None
    )
    if rps is None or None in prices:
        return None
    monthly = rps * _SECONDS_PER_HOUR * HOURS_PER_MONTH
    tokens = (monthly * demand.isl / _MTOK, monthly * demand.osl / _MTOK)
    usd, low, high = (
        sum(count * getattr(price, name) for count, price in zip(tokens, prices, strict=True))
        for name in ("usd", "low", "high")
    )
    labels = "; ".join(price.label for price in prices if price)
    busy = None if best is None else rps / (best.rps * best.engines)
    return HostedBill(usd, low, high, labels, busy)
