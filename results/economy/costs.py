"""What a million tokens cost in each case of a result: derived when shown, never signed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from results import catalog
from results.economy.economics import (
    Span,
    fen_multiple,
    kwh_per_mtok,
    ownership_usd_per_mtok,
    rental_usd_per_mtok,
)
from results.economy.floor import floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from results.catalog import ChipEntry, PriceSheet, RentalPrice
    from results.economy.economics import Measured
    from results.economy.floor import Floor
    from results.statement.precision import Served
    from suites.base.records import Method

__all__ = ["CostRow", "Owned", "cost_rows"]

_HOURS_PER_YEAR = 8766  # 365.25 days
# Which tokens a rate counts, and which energy belongs to it.
_TOKENS: dict[str, Literal["input", "output"]] = {
    "prefill_throughput": "input",
    "decode_throughput": "output",
    "output_throughput": "output",
}
_ENERGY = {"input": "energy_per_input_token", "output": "energy_per_output_token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What a million tokens cost on chips of one's own.

    Attributes:
        usd: per million tokens: capital and electricity; building and staff are not in it.
        power: where it came from: "measured", "reported" or "nameplate".
        basis: what was bought, as the sheet says.
    """

    usd: Span
    power: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What a million tokens of one kind cost in one case.

    Attributes:
        tokens: "input" or "output": the kind that is counted.
        rental_usd: USD per million tokens at the rental price; it includes electricity. None
            where the sheet has no price for the chip.
        rental_kind: class and date of that price.
        owned: None where the sheet has no purchase price, or the power is not known.
        energy_kwh: kWh per million tokens at the meter, without PUE; None without energy.
        energy_usd: USD per million tokens for electricity alone, with PUE, at the reference
            tariff.
        energy_method: "measured" or "modelled": a modelled row never ranks as measured.
        floor_kwh, floor_usd: the physical floor in the same terms; None where model or chip is
            not known well enough.
        floor_method: what the floor was computed from.
        cny_per_usd: rate of the sheet.
        price_sheet: id of the sheet.
        method: of the throughput.
    """

    suite: str
    case: str
    tokens: Literal["input", "output"]
    tokens_per_s: Span
    rental_usd: Span | None
    rental_kind: str | None
    owned: Owned | None
    energy_kwh: Span | None
    energy_usd: Span | None
    energy_method: Method | None
    energy_meter: str | None
    floor_kwh: float | None
    floor_usd: float | None
    floor_method: str | None
    cny_per_usd: float
    price_sheet: str
    method: Method

    def fens(self, usd: Span | None) -> Span | None:
        """Give a cost of this row as a multiple of one fen."""
        return usd.times(fen_multiple(1.0, self.cny_per_usd)) if usd else None

    @property
    def fen(self) -> Span | None:
        """Rental cost as a multiple of one fen."""
        return self.fens(self.rental_usd)

    @property
    def energy_fen(self) -> Span | None:
        """Electricity alone as a multiple of one fen."""
        return self.fens(self.energy_usd)

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
    served: Served | None
    sheet: PriceSheet
    price: RentalPrice | None


def cost_rows(
    measurements: Iterable[Measured],
    *,
    chip: str | None,
    count: int,
    sheet: PriceSheet,
    served: Served | None = None,
    rental: str | None = None,
) -> list[CostRow]:
    """Derive a cost row from every throughput.

    Args:
        measurements: rows of one result.
        chip: catalogue id, None for an unlisted chip: it has no price, and none is guessed.
        count: chips, or cores of a CPU, that worked.
        sheet: prices to use.
        served: the model, for the physical floor.
        rental: class of rental; without it the sheet's first for the chip.
    """
    case = _Case(
        rows=list(measurements),
        entry=catalog.chips().get(chip or ""),
        count=count,
        served=served,
        sheet=sheet,
        price=sheet.rental(chip, rental) if chip else None,
    )
    return [
        _cost_row(row, case)
        for row in case.rows
        if row.metric in _TOKENS and row.value > 0 and row.labels.get("valid", True)
    ]


def _cost_row(rate: Measured, case: _Case) -> CostRow:
    sheet, price = case.sheet, case.price
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
        rental_usd=_rental(rate, price, case.count) if price else None,
        rental_kind=f"{price.kind}, {price.date}" if price else None,
        owned=_owned(rate, case),
        energy_kwh=kwh,
        energy_usd=kwh.times(usd_per_kwh) if kwh else None,
        energy_method=energy.method if energy else None,
        energy_meter=energy.meter if energy else None,
        floor_kwh=floor_kwh,
        floor_usd=None if floor_kwh is None else floor_kwh * usd_per_kwh,
        floor_method=least.method if least else None,
        cny_per_usd=sheet.cny_per_usd.value,
        price_sheet=sheet.id,
        method=rate.method,
    )


def _floor(rate: Measured, case: _Case) -> Floor | None:
    if not case.served or not case.entry:
        return None
    return floor(rate, case.served, case.entry, case.count)


def _rental(rate: Measured, price: RentalPrice, count: int) -> Span:
    """Middle of the price range at the measured rate; bounds from both ranges together."""
    low_usd, high_usd = price.usd_per_hour_low, price.usd_per_hour_high
    ranged = rate.low or rate.high or low_usd < high_usd
    return Span(
        rental_usd_per_mtok((low_usd + high_usd) / 2, count, rate.value),
        rental_usd_per_mtok(low_usd, count, rate.high or rate.value) if ranged else None,
        rental_usd_per_mtok(high_usd, count, rate.low or rate.value) if ranged else None,
    )


def _owned(rate: Measured, case: _Case) -> Owned | None:
    """Capital over the reference life, and electricity at the reference tariff.

    Life, utilization, tariff and PUE are the same for all results, so that those of any region
    compare. Of a CPU, cores are counted, and how many chips they are bought as is not known.
    """
    terms, entry = case.sheet.ownership, case.entry
    bought = case.sheet.purchase(entry.id) if entry and entry.kind != "cpu" else None
    if not terms or not bought or not entry:
        return None
    found = _power_w(rate, case.rows)
    if not found and not entry.tdp_w:
        return None
    power_w, power = found or ((entry.tdp_w or 0.0) * case.count, "nameplate")

    def usd(capex_usd: float, tokens_per_s: float) -> float:
        return ownership_usd_per_mtok(
            capex_usd=capex_usd * case.count,
            life_h=terms.life_years.value * _HOURS_PER_YEAR,
            utilization=terms.utilization.value,
            other_opex_usd_per_h=0.0,
            power_kw=power_w / 1e3,
            pue=case.sheet.pue.value,
            usd_per_kwh=case.sheet.usd_per_kwh,
            tokens_per_s=tokens_per_s,
        )

    low_usd, high_usd = bought.usd_low, bought.usd_high
    span = Span(
        usd((low_usd + high_usd) / 2, rate.value),
        usd(low_usd, rate.high or rate.value),
        usd(high_usd, rate.low or rate.value),
    )
    return Owned(usd=span, power=power, basis=f"{bought.basis}, {bought.date}")


def _power_w(rate: Measured, rows: Sequence[Measured]) -> tuple[float, str] | None:
    """Mean power of the case and who read it; the sum of its tokens' energy where there is none."""
    power = _of_case(rate, "power", rows)
    if power and power.method != "modelled":
        return power.value, power.method
    joules = _of_case(rate, _ENERGY[_TOKENS[rate.metric]], rows)
    if joules and joules.method != "modelled":
        return joules.value * rate.value, joules.method
    return None


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
    found = [r for r in rows if (r.suite, r.case, r.metric) == (rate.suite, rate.case, metric)]
    return min(found, key=lambda row: row.method == "modelled", default=None)
