"""Dated price sheets: what chips cost by the hour, what electricity costs, what a dollar is."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field, model_validator

from results.catalog.reading import Strict, read_toml
from suites.base.errors import UserError

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "RENTAL_KINDS",
    "Ownership",
    "PriceSheet",
    "Purchase",
    "RentalPrice",
    "Tariff",
    "latest_prices",
    "price_sheets",
    "read_sheet",
]

_FOLDER = Path(__file__).parent / "prices"

# Money, rates and shares alike: beyond these a cost leaves the numbers there are.
_Positive = Annotated[float, Field(ge=1e-12, le=1e12)]
_Text = Annotated[str, Field(min_length=1, max_length=1000)]
_Date = Annotated[str, Field(pattern=r"^\d{4}(-\d\d(-\d\d)?)?$")]
RentalKind = Literal[
    "hyperscaler on demand", "neocloud on demand", "neocloud 3-year", "marketplace"
]


RENTAL_KINDS: tuple[str, ...] = get_args(RentalKind)


class RentalPrice(Strict):
    """What one unit of a chip costs by the hour.

    Attributes:
        chip: catalogue id.
        per: "chip", or "core" for a CPU's logical core as clouds rent them.
        usd_per_hour_low, usd_per_hour_high: range seen; equal where one price was.
        kind: who rents it out, and how.
    """

    chip: _Text
    per: Literal["chip", "core"] = "chip"
    kind: RentalKind
    usd_per_hour_low: _Positive
    usd_per_hour_high: _Positive
    date: _Date
    source: _Text

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> Self:
        if self.usd_per_hour_low > self.usd_per_hour_high:
            raise ValueError("usd_per_hour_low exceeds usd_per_hour_high")
        return self


class Purchase(Strict):
    """What one chip costs to buy.

    Attributes:
        chip: catalogue id.
        basis: what is in the price, per chip: the chip alone, or its share of the machine.
        usd_low, usd_high: range seen; equal where one price was.
    """

    chip: _Text
    basis: Literal["chip alone", "share of a server", "share of a rack"]
    usd_low: _Positive
    usd_high: _Positive
    date: _Date
    source: _Text

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> Self:
        if self.usd_low > self.usd_high:
            raise ValueError("usd_low exceeds usd_high")
        return self


class Tariff(Strict):
    """Price of electricity for large users of a region."""

    region: _Text
    usd_per_kwh: _Positive
    date: _Date
    source: _Text


class Dated(Strict):
    """A number with its date and source."""

    value: _Positive
    date: _Date
    source: _Text


class Ownership(Strict):
    """One amortization for all chips, so that their costs compare.

    Attributes:
        life_years: straight-line, nothing left at the end.
        utilization: share of that life in which tokens are made.
    """

    life_years: Dated
    utilization: Dated

    @model_validator(mode="after")
    def _utilization_is_a_share(self) -> Self:
        if self.utilization.value > 1:
            raise ValueError("utilization exceeds 1")
        return self


class PriceSheet(Strict):
    """Everything money is derived from; a derived figure names the sheet's id.

    Attributes:
        id: stem of the file; a changed sheet is a new file.
        pue: power usage effectiveness: energy of the building per energy of the machines.
        cny_per_usd: exchange rate.
        reference_tariff: region whose tariff all rows are compared at.
        rentals: the first of a chip is the one used where no class is asked for.
        ownership: without it, no cost of owning is given.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    pue: Dated
    cny_per_usd: Dated
    reference_tariff: _Text
    tariffs: Annotated[list[Tariff], Field(min_length=1)]
    rentals: list[RentalPrice]
    purchases: list[Purchase] = Field(default_factory=list)
    ownership: Ownership | None = None

    @model_validator(mode="after")
    def _reference_is_listed(self) -> Self:
        if self.reference_tariff not in {tariff.region for tariff in self.tariffs}:
            raise ValueError("reference_tariff names no region of the sheet")
        return self

    @property
    def usd_per_kwh(self) -> float:
        """Tariff at which all rows are compared."""
        return next(t.usd_per_kwh for t in self.tariffs if t.region == self.reference_tariff)

    def rental(self, chip: str, kind: str | None = None) -> RentalPrice | None:
        """Return the first rental price of a chip, or that of a class; None where there is none."""
        found = (price for price in self.rentals if price.chip == chip)
        return next((price for price in found if kind in {None, price.kind}), None)

    def purchase(self, chip: str) -> Purchase | None:
        """Return what a chip costs to buy, None where the sheet does not say."""
        return next((price for price in self.purchases if price.chip == chip), None)


@cache
def price_sheets() -> dict[str, PriceSheet]:
    """Read all sheets, oldest first.

    Raises:
        UserError: a file does not fit the schema.
    """
    return {path.stem: read_sheet(path) for path in sorted(_FOLDER.glob("*.toml"))}


def latest_prices() -> PriceSheet:
    """Return the newest sheet."""
    return list(price_sheets().values())[-1]


def read_sheet(path: Path) -> PriceSheet:
    """Read one sheet, ours or a reader's own.

    Raises:
        UserError: it does not fit the schema.
    """
    sheet = read_toml(path, PriceSheet)
    if sheet.id != path.stem:
        raise UserError(f"holds id {sheet.id!r}", where=str(path), expected=path.stem)
    return sheet
