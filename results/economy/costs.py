"""What a million tokens cost in each case of a result: derived when shown, never signed. Pure.

A cost's interval is the throughput's alone. The range of a price stands beside it, as a range: of
two costs at one price it cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from results import catalog
from results.catalog.api_data import api_price, api_sheet
from results.catalog.power_data import all_in
from results.catalog.prices_data import GENERIC, class_of
from results.economy.apart import STATED, Apart, apart, energy_apart
from results.economy.breakeven import breakeven_utilization
from results.economy.economics import (
    Span,
    energy_usd_per_mtok,
    fen_multiple,
    kwh_per_mtok,
    ownership_usd_per_mtok,
    rental_usd_per_mtok,
)
from results.economy.floor import floor
from results.economy.own_prices import OWN_CLASS, Own
from results.economy.solved import solved_tokens, solved_usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from results.catalog import ChipEntry, Ownership, PriceSheet, RentalPrice
    from results.catalog.api_data import ApiPrice
    from results.economy.apart import Kinds
    from results.economy.economics import Measured
    from results.economy.floor import EnergyFloor
    from results.economy.own_prices import Money
    from results.statement.precision import ServedModel
    from suites.base.records import Method

__all__ = ["CostRow", "OwnedCost", "PriceUsed", "cost_rows", "price_of"]

_HOURS_PER_YEAR = 8766  # 365.25 days
# Which tokens a rate counts, and which energy belongs to it.
_TOKENS: dict[str, Literal["input", "output"]] = {
    "prefill_throughput": "input",
    "decode_throughput": "output",
    "output_throughput": "output",
}
_ENERGY = {"input": "energy_per_input_token", "output": "energy_per_output_token"}


# A price below this share of its class's median is looked at twice.
_CHEAP = 0.5
_BELOW_OWNED = "below the cost of owning"
_BELOW_CLASS = "below half the median of its class"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceUsed:
    """The price by the hour that a cost was computed with.

    Attributes:
        label: as a row names it: class, date, offers; that it is generic, or the reader's own.
        price_class: the one class it may be ranked in; "own" of a reader's price.
        usd: the median, or the one price, per unit and hour.
        low, high: range of the offers; equal where one price was.
        per: "chip", "core" or "machine": the unit.
        units: how many were paid for.
        offers: how many there were; None where nobody counted.
        as_of: date of the price; None of a reader's.
        generic: whether it is of any core of a cloud, because the chip has no price.
    """

    label: str
    price_class: str
    usd: float
    low: float
    high: float
    per: str
    units: float
    offers: int | None
    as_of: str | None
    generic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedCost:
    """What a million tokens cost on chips of your own.

    Attributes:
        usd: per million tokens: capital and electricity; staff and space where the sheet has them.
        usd_low, usd_high: the same at the ends of the purchase price's range.
        full_usd: the same, were the chips never idle.
        all_in_usd: the same at what the chips draw all in, which no PUE comes on top of; None
            where no source says.
        apart: capital shared among input, cached and output tokens by time, electricity by energy.
        power: where it came from: "measured", "reported", "nameplate", "modelled", or "unknown",
            where capital alone is counted.
        basis: what was bought, as the sheet says.
    """

    usd: Span
    usd_low: float
    usd_high: float
    full_usd: float
    all_in_usd: float | None
    apart: Apart
    power: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What a million tokens of one kind cost in one case.

    Attributes:
        tokens: "input" or "output": the kind that is counted.
        rental_usd: USD per million tokens at the rental price; it includes electricity. None
            where the sheet has no price of the class for the chip.
        apart: the rent shared among input, cached and output tokens; None as `rental_usd`.
        energy_apart: kWh of a metered row, shared likewise.
        price: what was paid by the hour; None as `rental_usd`.
        missing: why there is none: the classes the chip has a price in.
        flags: what makes the price doubtful.
        owned: None where the sheet has no purchase price, or the power is not known.
        draw_usd: electricity of a million tokens at the power that owning is computed with, the
            meter's or the nameplate's; None of a CPU, whose cores are not a whole chip.
        solved_usd: rent of one right answer; None where no question was asked, or without a rent.
        energy_kwh: kWh per million tokens at the meter, without PUE; None without energy.
        energy_usd: USD per million tokens for electricity alone, with PUE, at the reference
            tariff.
        energy_method: "measured" or "modelled": a modelled row never ranks as measured.
        floor_kwh, floor_usd: the physical floor in the same terms; None where model or chip is
            not known well enough.
        floor_method: what the floor was computed from.
        api: what hosts ask for this kind of token of the model: a price, no cost; None where the
            model is not known or too few sell it.
        api_apart: the same of every kind of token.
        cny_per_usd: rate of the sheet.
        pue: of the sheet.
        price_sheet: id of the sheet.
        method: of the throughput.
    """

    suite: str
    case: str
    tokens: Literal["input", "output"]
    tokens_per_s: Span
    rental_usd: Span | None
    apart: Apart | None
    price: PriceUsed | None
    missing: str
    flags: tuple[str, ...]
    owned: OwnedCost | None
    draw_usd: float | None
    solved_usd: Span | None
    energy_kwh: Span | None
    energy_usd: Span | None
    energy_apart: Apart | None
    energy_method: Method | None
    energy_meter: str | None
    floor_kwh: float | None
    floor_usd: float | None
    floor_method: str | None
    api: ApiPrice | None
    api_apart: Apart | None
    cny_per_usd: float
    pue: float
    price_sheet: str
    method: Method

    def fens(self, usd: Span | None) -> Span | None:
        """Give a cost of this row as a multiple of one fen."""
        return usd.times(fen_multiple(1.0, self.cny_per_usd)) if usd else None

    @property
    def rental_kind(self) -> str | None:
        """Class, date and offers of the price."""
        return self.price.label if self.price else None

    @property
    def fen(self) -> Span | None:
        """Rental cost as a multiple of one fen."""
        return self.fens(self.rental_usd)

    @property
    def energy_fen(self) -> Span | None:
        """Electricity alone as a multiple of one fen."""
        return self.fens(self.energy_usd)

    @property
    def breakeven_utilization(self) -> float | None:
        """Share of the time at which renting costs what the API asks; above 1 it never does."""
        if not self.api or not self.rental_usd:
            return None
        return breakeven_utilization(self.rental_usd.value, self.api.usd)

    @property
    def owned_breakeven_utilization(self) -> float | None:
        """The same of owning; the chips are taken to draw their power when idle, too."""
        if not self.api or not self.owned:
            return None
        return breakeven_utilization(self.owned.full_usd, self.api.usd)

    @property
    def floor_fen(self) -> float | None:
        """The physical floor as a multiple of one fen."""
        return None if self.floor_usd is None else fen_multiple(self.floor_usd, self.cny_per_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What all rows of one result share."""

    rows: Sequence[Measured]
    entry: ChipEntry | None
    count: int
    served: ServedModel | None
    sheet: PriceSheet
    price: PriceUsed | None
    missing: str
    own: Own
    split: Kinds
    is_cpu: bool
    solved: Span | None


def cost_rows(
    measurements: Iterable[Measured],
    *,
    chip: str | None,
    count: int,
    sheet: PriceSheet,
    served: ServedModel | None = None,
    rental: str | None = None,
    kind: str = "",
    own: Own | None = None,
    any_class: bool = False,
    split: Kinds = STATED,
) -> list[CostRow]:
    """Derive a cost row from every throughput.

    Args:
        measurements: rows of one result.
        chip: catalogue id, None for an unlisted chip.
        count: chips, or cores of a CPU, that worked.
        sheet: prices to use.
        served: the model, for the physical floor.
        rental: class of rental; without it the sheet's default class.
        kind: of the chip, as a result states it: a "cpu" without a price of its own has that of
            any core that clouds rent.
        own: the reader's own price of the machine, before any of the sheet.
        any_class: whether a chip without a price of the class has one of another: for one result
            alone, where nothing is ranked.
        split: what input, cached and output tokens cost beside each other, where no window says.
    """
    entry = catalog.chips().get(chip or "")
    own = own or Own()
    is_cpu = _is_cpu(entry, kind)
    price = _price(entry, count, sheet, own, rental=rental, is_cpu=is_cpu, any_class=any_class)
    rows = list(measurements)
    case = _Case(
        rows=rows,
        entry=entry,
        count=count,
        served=served,
        sheet=sheet,
        price=price,
        missing="" if price else _missing(entry, sheet, rental),
        own=own,
        split=split,
        is_cpu=is_cpu,
        solved=solved_tokens(rows),
    )
    return [
        _cost_row(row, case)
        for row in case.rows
        if row.metric in _TOKENS and row.value > 0 and row.labels.get("valid", True)
    ]


def price_of(chip: str | None, kind: str, count: int, money: Money) -> PriceUsed | None:
    """Return the price by the hour that one result of a chip alone is costed with.

    Args:
        chip: catalogue id, None for an unlisted chip.
        kind: as a result states it.
        count: chips, or cores of a CPU.
    """
    entry = catalog.chips().get(chip or "")
    is_cpu, own = _is_cpu(entry, kind), money.own
    return _price(entry, count, money.sheet, own, rental=None, is_cpu=is_cpu, any_class=True)


def _is_cpu(entry: ChipEntry | None, kind: str) -> bool:
    """Whether cores are rented: by the result's word, or by the catalogue's."""
    return kind == "cpu" or (entry is not None and entry.kind == "cpu")


def _price(
    entry: ChipEntry | None,
    count: int,
    sheet: PriceSheet,
    own: Own,
    *,
    rental: str | None,
    is_cpu: bool,
    any_class: bool,
) -> PriceUsed | None:
    """Choose the price: the reader's, the chip's, or that of any core."""
    if own.usd_per_hour is not None:
        unit = "core" if is_cpu else "chip"
        whole = own.per == "machine"
        return PriceUsed(
            label="your own price",
            price_class=OWN_CLASS,
            usd=own.usd_per_hour,
            low=own.usd_per_hour,
            high=own.usd_per_hour,
            per="machine" if whole else unit,
            units=1 if whole else count,
            offers=None,
            as_of=None,
        )
    price = sheet.rental(entry.id, rental) if entry else None
    if price is None and entry and any_class and rental is None:
        price = sheet.any_rental(entry.id)
    # A chip of another kind that computes as a processor is rented by the chip, not by the core.
    if price and (price.per == "core") == is_cpu:
        return _used(price, count, price.label)
    generic = sheet.generic
    if is_cpu and generic and class_of(rental or generic.kind) == generic.price_class:
        return _used(generic, count, f"generic {GENERIC}, {generic.label}", generic=True)
    return None


def _used(price: RentalPrice, count: int, label: str, *, generic: bool = False) -> PriceUsed:
    return PriceUsed(
        label=label,
        price_class=price.price_class,
        usd=price.usd_per_hour,
        low=price.usd_per_hour_low,
        high=price.usd_per_hour_high,
        per=price.per,
        units=count,
        offers=price.offers,
        as_of=price.date,
        generic=generic,
    )


def _missing(entry: ChipEntry | None, sheet: PriceSheet, rental: str | None) -> str:
    """Say which price there is not, and which there are."""
    wanted = rental or sheet.default_class
    if entry is None:
        return f"no {wanted} price of an unlisted chip"
    others = sheet.classes(entry.id)
    has = f"; it has {', '.join(others)}" if others else ""
    return f"no {wanted} price of {entry.id}{has}"


def _cost_row(rate: Measured, case: _Case) -> CostRow:
    sheet, price = case.sheet, case.price
    rent = _rental(rate, price) if price else None
    owned = _owned(rate, case)
    energy = _energy_of(rate, case.rows)
    kwh = energy.joules.times(kwh_per_mtok(1.0)) if energy else None
    least = _floor(rate, case)
    floor_kwh = kwh_per_mtok(least.joules_per_token) if least else None
    usd_per_kwh = sheet.pue.value * sheet.usd_per_kwh
    return CostRow(
        suite=rate.suite,
        case=rate.case,
        tokens=_TOKENS[rate.metric],
        tokens_per_s=Span(rate.value, rate.low, rate.high),
        rental_usd=rent,
        apart=apart(rate, rent.value, case.rows, case.split) if rent else None,
        price=price,
        missing=case.missing,
        flags=tuple(_flags(case, rent, owned)),
        owned=owned,
        draw_usd=_draw_usd(rate, case),
        solved_usd=solved_usd(rent, case.solved)
        if rent and case.solved and _TOKENS[rate.metric] == "output"
        else None,
        energy_kwh=kwh,
        energy_usd=kwh.times(usd_per_kwh) if kwh else None,
        energy_apart=energy_apart(rate, kwh.value, case.rows, case.split)
        if kwh and energy and energy.method != "modelled"
        else None,
        energy_method=energy.method if energy else None,
        energy_meter=energy.meter if energy else None,
        floor_kwh=floor_kwh,
        floor_usd=None if floor_kwh is None else floor_kwh * usd_per_kwh,
        floor_method=least.method if least else None,
        api=_api(_TOKENS[rate.metric], case),
        api_apart=_api_apart(case),
        cny_per_usd=sheet.cny_per_usd.value,
        pue=sheet.pue.value,
        price_sheet=sheet.id,
        method=rate.method,
    )


def _floor(rate: Measured, case: _Case) -> EnergyFloor | None:
    if not case.served or not case.entry:
        return None
    return floor(rate, case.served, case.entry, case.count)


def _api(kind: Literal["input", "cached", "output"], case: _Case) -> ApiPrice | None:
    """What a kind of token is sold for, at the newest prices of the sheet's day."""
    model = case.served.id if case.served else ""
    return api_price(api_sheet(case.sheet.id), model, kind)


def _api_apart(case: _Case) -> Apart | None:
    """The API's prices; cached input without a price of its own is sold as input."""
    fresh, cached, output = (_api(kind, case) for kind in ("input", "cached", "output"))
    if not fresh or not output:
        return None
    return Apart(input=fresh.usd, cached=(cached or fresh).usd, output=output.usd, by="API")


def _rental(rate: Measured, price: PriceUsed) -> Span:
    """Compute the rent at the median price; its bounds are the rate's alone, turned around."""

    def usd(tokens_per_s: float) -> float:
        return rental_usd_per_mtok(price.usd, price.units, tokens_per_s)

    return Span(
        usd(rate.value),
        usd(rate.high) if rate.high else None,
        usd(rate.low) if rate.low else None,
    )


def _flags(case: _Case, rent: Span | None, owned: OwnedCost | None) -> Iterator[str]:
    """Say what makes a price doubtful: cheaper than owning, or than half of its like."""
    price = case.price
    if rent and owned and rent.value < owned.usd.value:
        yield _BELOW_OWNED
    if not price or not case.entry or price.generic or price.per == "machine":
        return
    wanted = case.sheet.default_class if price.price_class == OWN_CLASS else price.price_class
    usual = case.sheet.class_median(case.entry.id, wanted)
    if usual and price.usd < _CHEAP * usual:
        yield _BELOW_CLASS


def _owned(rate: Measured, case: _Case) -> OwnedCost | None:
    """Capital over the reference life, and electricity at the reference tariff.

    Life, utilization, tariff and PUE are the same for all results, so that those of any region
    compare. Of a CPU, cores are counted, and how many chips they are bought as is not known,
    unless a reader says what the machine cost.
    """
    terms = case.sheet.ownership
    bought = _bought(case)
    if not terms or not bought:
        return None
    low_usd, high_usd, basis = bought
    power_w, power = _power_w(rate, case)
    if power == "unknown" and case.own.purchase_usd is None:
        return None
    share = terms.utilization.value
    whole_kw = _all_in_kw(case)

    def usd(
        capex_usd: float, tokens_per_s: float, *, busy: float = share, whole: bool = False
    ) -> float:
        return ownership_usd_per_mtok(
            capex_usd=capex_usd,
            life_h=terms.life_years.value * _HOURS_PER_YEAR,
            utilization=busy,
            other_opex_usd_per_h=_other_usd_per_h(terms, case, whole_kw or power_w / 1e3) / busy,
            power_kw=whole_kw if whole else power_w / 1e3,
            pue=1.0 if whole else case.sheet.pue.value,
            usd_per_kwh=case.sheet.usd_per_kwh,
            tokens_per_s=tokens_per_s,
        )

    middle = low_usd / 2 + high_usd / 2
    whole_usd = usd(middle, rate.value)
    power_usd = energy_usd_per_mtok(
        power_w / rate.value, case.sheet.pue.value, case.sheet.usd_per_kwh
    )
    capital = apart(rate, whole_usd - power_usd, case.rows, case.split)
    return OwnedCost(
        usd=Span(
            whole_usd,
            usd(middle, rate.high) if rate.high else None,
            usd(middle, rate.low) if rate.low else None,
        ),
        usd_low=usd(low_usd, rate.value),
        usd_high=usd(high_usd, rate.value),
        full_usd=usd(middle, rate.value, busy=1.0),
        all_in_usd=usd(middle, rate.value, whole=True) if whole_kw else None,
        apart=capital.plus(energy_apart(rate, power_usd, case.rows, case.split)),
        power=power,
        basis=basis,
    )


def _all_in_kw(case: _Case) -> float:
    """What all chips draw with their share of host, network and cooling; 0 where nobody says."""
    return all_in().kw.get(case.entry.id, 0.0) * case.count if case.entry else 0.0


def _other_usd_per_h(terms: Ownership, case: _Case, kw: float) -> float:
    """Staff and space, spent in every hour, busy or not."""
    staff, space = terms.staff_usd_per_chip_year, terms.space_usd_per_kw_year
    yearly = (staff.value * case.count if staff else 0.0) + (space.value * kw if space else 0.0)
    return yearly / _HOURS_PER_YEAR


def _bought(case: _Case) -> tuple[float, float, str] | None:
    """Purchase of everything that worked: its range, and what was bought."""
    own = case.own.purchase_usd
    if own is not None:
        return own, own, "the machine, your own price"
    entry = case.entry
    bought = case.sheet.purchase(entry.id) if entry and entry.kind != "cpu" else None
    if not bought:
        return None
    basis = f"{bought.basis}, {bought.date}"
    return bought.usd_low * case.count, bought.usd_high * case.count, basis


def _power_w(rate: Measured, case: _Case) -> tuple[float, str]:
    """Mean power of the case and where it is from: a meter, the nameplate, or a model of it."""
    power = _of_case(rate, "power", case.rows)
    joules = _of_case(rate, _ENERGY[_TOKENS[rate.metric]], case.rows)
    for row, factor in ((power, 1.0), (joules, rate.value)):
        if row and row.method != "modelled":
            return row.value * factor, row.method
    entry = case.entry
    if entry and entry.tdp_w and entry.kind != "cpu":
        return entry.tdp_w * case.count, "nameplate"
    # Of a CPU the nameplate is the whole socket's: a model of the cores that worked is nearer.
    for row, factor in ((power, 1.0), (joules, rate.value)):
        if row:
            return row.value * factor, row.method
    return (entry.tdp_w, "nameplate") if entry and entry.tdp_w else (0.0, "unknown")


def _draw_usd(rate: Measured, case: _Case) -> float | None:
    power_w, power = _power_w(rate, case)
    if power == "unknown" or case.is_cpu:
        return None
    sheet = case.sheet
    return energy_usd_per_mtok(power_w / rate.value, sheet.pue.value, sheet.usd_per_kwh)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Energy:
    """Joules per token of the kind a rate counts, and how they were got."""

    joules: Span
    method: Method
    meter: str


def _energy_of(rate: Measured, rows: Sequence[Measured]) -> _Energy | None:
    """Find the energy per token of a case.

    Where a window held both kinds of token there is mean power alone: as the rent does, all of it
    is then borne by the tokens the rate counts.
    """
    row = _of_case(rate, _ENERGY[_TOKENS[rate.metric]], rows)
    if row:
        joules = Span(row.value, row.low, row.high)
    else:
        row = _of_case(rate, "power", rows)
        if not row:
            return None
        joules = Span(
            row.value / rate.value,
            None if row.low is None else row.low / (rate.high or rate.value),
            None if row.high is None else row.high / (rate.low or rate.value),
        )
    return _Energy(joules=joules, method=row.method, meter=str(row.labels.get("meter", "")))


def _of_case(rate: Measured, metric: str, rows: Sequence[Measured]) -> Measured | None:
    """Find a figure of the same case, a metered one before a modelled one."""
    candidates = [r for r in rows if (r.suite, r.case, r.metric) == (rate.suite, rate.case, metric)]
    return min(candidates, key=lambda row: row.method == "modelled", default=None)
