"""Energy and money per million tokens, from measured facts and a dated price sheet. Pure.

A signed result holds facts only; money is derived when it is shown, so that a price edit never
rewrites history. Every derived row names the sheet it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from results.catalog import PriceSheet, RentalPrice
    from suites.records import Label, Method

__all__ = [
    "CostRow",
    "Measured",
    "Span",
    "cost_rows",
    "energy_usd_per_mtok",
    "fen_multiple",
    "kwh_per_mtok",
    "ownership_usd_per_mtok",
    "rental_usd_per_mtok",
]

_MTOK = 1e6
_SECONDS_PER_HOUR = 3600
_JOULES_PER_KWH = 3.6e6
# One fen is a hundredth of a yuan.
_CNY_PER_FEN = 0.01

# Which tokens a rate counts, and which energy belongs to it.
_TOKENS: dict[str, Literal["input", "output"]] = {
    "prefill_throughput": "input",
    "decode_throughput": "output",
    "output_throughput": "output",
}
_ENERGY = {"input": "energy_per_input_token", "output": "energy_per_output_token"}


def rental_usd_per_mtok(usd_per_chip_hour: float, chips: float, tokens_per_s: float) -> float:
    """Rent of the chips for the time a million tokens take.

    ($/chip-h × chips) ÷ (tokens/s × 3600) × 10⁶.

    Raises:
        ZeroDivisionError: no tokens.
    """
    return usd_per_chip_hour * chips / (tokens_per_s * _SECONDS_PER_HOUR) * _MTOK


def ownership_usd_per_mtok(
    *,
    capex_usd: float,
    life_h: float,
    utilization: float,
    other_opex_usd_per_h: float,
    power_kw: float,
    pue: float,
    usd_per_kwh: float,
    tokens_per_s: float,
) -> float:
    """Cost of one's own machine for the time a million tokens take.

    (capex ÷ (life × utilization) + other opex/h + kW × PUE × tariff) ÷ (tokens/h) × 10⁶: capital
    is earned back in the busy hours only.

    Raises:
        ZeroDivisionError: no tokens, no life or no utilization.
    """
    usd_per_h = (
        capex_usd / (life_h * utilization) + other_opex_usd_per_h + power_kw * pue * usd_per_kwh
    )
    return usd_per_h / (tokens_per_s * _SECONDS_PER_HOUR) * _MTOK


def kwh_per_mtok(joules_per_token: float) -> float:
    """Energy of a million tokens in kWh: J/token × 10⁶ ÷ 3.6·10⁶."""
    return joules_per_token * _MTOK / _JOULES_PER_KWH


def energy_usd_per_mtok(joules_per_token: float, pue: float, usd_per_kwh: float) -> float:
    """What the electricity of a million tokens costs: kWh × PUE × tariff."""
    return kwh_per_mtok(joules_per_token) * pue * usd_per_kwh


def fen_multiple(usd_per_mtok: float, cny_per_usd: float) -> float:
    """How many times one fen (CNY 0.01) a million tokens cost."""
    return usd_per_mtok * cny_per_usd / _CNY_PER_FEN


class Measured(Protocol):
    """What a cost is derived from: `suites.records.Row` and `statement.Measurement` both fit."""

    @property
    def suite(self) -> str: ...
    @property
    def case(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def method(self) -> Method: ...
    @property
    def labels(self) -> Mapping[str, Label]: ...


@dataclass(frozen=True, slots=True)
class Span:
    """A derived value with the bounds of what it came from; a missing bound stays missing."""

    value: float
    low: float | None
    high: float | None

    def times(self, factor: float) -> Span:
        """Scale by a positive factor."""
        return Span(
            self.value * factor,
            None if self.low is None else self.low * factor,
            None if self.high is None else self.high * factor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What a million tokens of one kind cost in one case.

    Attributes:
        tokens: "input" or "output": the kind that is counted.
        rental_usd: USD per million tokens at the rental price; it includes electricity. None
            where the sheet has no price for the chip.
        rental_kind: class and date of that price.
        energy_kwh: kWh per million tokens at the meter, without PUE; None without energy.
        energy_usd: USD per million tokens for electricity alone, with PUE, at the reference
            tariff.
        energy_method: "measured" or "modelled": a modelled row never ranks as measured.
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
    energy_kwh: Span | None
    energy_usd: Span | None
    energy_method: Method | None
    energy_meter: str | None
    cny_per_usd: float
    price_sheet: str
    method: Method

    @property
    def fen(self) -> Span | None:
        """Rental cost as a multiple of one fen."""
        return (
            self.rental_usd.times(fen_multiple(1.0, self.cny_per_usd)) if self.rental_usd else None
        )

    @property
    def energy_fen(self) -> Span | None:
        """Electricity alone as a multiple of one fen."""
        return (
            self.energy_usd.times(fen_multiple(1.0, self.cny_per_usd)) if self.energy_usd else None
        )


def cost_rows(
    measurements: Iterable[Measured], *, chip: str | None, count: int, sheet: PriceSheet
) -> list[CostRow]:
    """Derive a cost row from every throughput.

    Args:
        measurements: rows of one result.
        chip: catalogue id, None for an unlisted chip: it has no price, and none is guessed.
        count: chips, or cores of a CPU, that worked.
        sheet: prices to use.
    """
    rows = list(measurements)
    price = sheet.rental(chip) if chip else None
    return [
        _cost_row(row, _energy_of(row, rows), price, count, sheet)
        for row in rows
        if row.metric in _TOKENS and row.value > 0 and row.labels.get("valid", True)
    ]


def _cost_row(
    rate: Measured,
    energy: Measured | None,
    price: RentalPrice | None,
    count: int,
    sheet: PriceSheet,
) -> CostRow:
    joules = Span(energy.value, energy.low, energy.high) if energy else None
    kwh = joules.times(kwh_per_mtok(1.0)) if joules else None
    return CostRow(
        suite=rate.suite,
        case=rate.case,
        tokens=_TOKENS[rate.metric],
        tokens_per_s=Span(rate.value, rate.low, rate.high),
        rental_usd=_rental(rate, price, count) if price else None,
        rental_kind=f"{price.kind}, {price.date}" if price else None,
        energy_kwh=kwh,
        energy_usd=kwh.times(sheet.pue.value * sheet.usd_per_kwh) if kwh else None,
        energy_method=energy.method if energy else None,
        energy_meter=str(energy.labels.get("meter", "")) if energy else None,
        cny_per_usd=sheet.cny_per_usd.value,
        price_sheet=sheet.id,
        method=rate.method,
    )


def _rental(rate: Measured, price: RentalPrice, count: int) -> Span:
    """Middle of the price range at the measured rate; bounds from both ranges together."""
    low_usd, high_usd = price.usd_per_hour_low, price.usd_per_hour_high
    return Span(
        rental_usd_per_mtok((low_usd + high_usd) / 2, count, rate.value),
        rental_usd_per_mtok(low_usd, count, rate.high) if rate.high else None,
        rental_usd_per_mtok(high_usd, count, rate.low) if rate.low else None,
    )


def _energy_of(rate: Measured, rows: Sequence[Measured]) -> Measured | None:
    """Find the energy of the same case and token kind, a measured one before a modelled one."""
    wanted = (rate.suite, rate.case, _ENERGY[_TOKENS[rate.metric]])
    found = [row for row in rows if (row.suite, row.case, row.metric) == wanted]
    return min(found, key=lambda row: row.method != "measured", default=None)
