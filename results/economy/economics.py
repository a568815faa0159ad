"""Energy and money per million tokens, from measured facts and a dated price sheet. Pure.

A signed result holds facts only; money is derived when it is shown, so that a price edit never
rewrites history. Every derived row names the sheet it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from suites.base.records import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suites.base.records import Label, Method

__all__ = [
    "Measured",
    "Span",
    "energy_usd_per_mtok",
    "fen_multiple",
    "kwh_per_mtok",
    "one_token_per_s",
    "ownership_usd_per_mtok",
    "rental_usd_per_mtok",
]

_MTOK = 1e6
_SECONDS_PER_HOUR = 3600
_JOULES_PER_KWH = 3.6e6
# One fen is a hundredth of a yuan.
_CNY_PER_FEN = 0.01


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
    """Cost of your own machine for the time a million tokens take.

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


def one_token_per_s(metric: str, **labels: Label) -> Row:
    """Return a rate of one token a second: what is asked of it is said of each token."""
    return Row(
        suite="serving" if metric == "output_throughput" else "inference",
        case="one",
        metric=metric,
        unit="tokens/s",
        value=1.0,
        low=None,
        high=None,
        n=1,
        method="reported",
        labels=labels,
    )


class Measured(Protocol):
    """What a cost is derived from: a `suites.base.records.Row` or `statement.Measurement`."""

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
