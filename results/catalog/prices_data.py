"""Dated price sheets: what chips cost by the hour, what electricity costs, what a dollar is.

A reader's own sheet is the same file, and need not be whole: what it does not say is as on the
newest sheet of the catalogue.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from results.catalog import chips_data
from results.catalog.reading import Strict, read_toml
from suites.base import toml_file, user_folders
from suites.base.errors import UserError

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "GENERIC",
    "OWN_SHEET",
    "PRICE_CLASSES",
    "RENTAL_CLASSES",
    "RENTAL_KINDS",
    "Ownership",
    "PriceSheet",
    "Purchase",
    "RentalPrice",
    "Tariff",
    "chosen_sheet",
    "class_of",
    "id_of",
    "latest_prices",
    "price_sheets",
    "prices_as_of",
    "prices_known",
    "read_sheet",
    "require_day",
]

_FOLDER = Path(__file__).parent / "prices"

# A class is one way to pay for a chip; prices of two are never compared or ranked together.
PriceClass = Literal[
    "on-demand", "spot", "marketplace", "reserved-1y", "reserved-3y", "owned", "api"
]
PRICE_CLASSES: tuple[str, ...] = get_args(PriceClass)
RENTAL_CLASSES = PRICE_CLASSES[:5]
# What earlier sheets called them, with who rents the chip out.
_KINDS: dict[str, str] = {
    "hyperscaler on demand": "on-demand",
    "neocloud on demand": "on-demand",
    "neocloud 3-year": "reserved-3y",
}
RENTAL_KINDS: tuple[str, ...] = (*RENTAL_CLASSES, *_KINDS)
# What a reader's sheet may write an hour's price as.
_PRICES = {f"{money}_per_hour{end}" for money in ("usd", "cny") for end in ("", "_low", "_high")}
# What stands for any logical core of a cloud's machine, where its chip has no price.
GENERIC = "vcpu"
OWN_SHEET = "prices.toml"  # in the configuration folder
_EARLIEST, _LATEST = 2000, 2100


def _dated(text: str) -> str:
    """Hold a year, a month or a day against the calendar."""
    year, month, day_ = ([int(part) for part in text.split("-")] + [1, 1])[:3]
    day = date(year, month, day_)
    if not _EARLIEST <= day.year <= _LATEST:
        raise ValueError(f"a year from {_EARLIEST} to {_LATEST} is expected")
    return text


def _plain(given: Any) -> Any:
    """TOML has dates of its own."""
    return given.isoformat() if type(given) is date else given


_Text = Annotated[str, Field(min_length=1, max_length=1000)]
_Date = Annotated[
    str,
    BeforeValidator(_plain),
    Field(pattern=r"^\d{4}(-\d\d(-\d\d)?)?$"),
    AfterValidator(_dated),
]
# Numbers, no text or truth value that reads as one, within what can be meant.
_UsdPerHour = Annotated[float, Field(strict=True, ge=1e-5, le=1e5)]  # a core at night, a rack
_Usd = Annotated[float, Field(strict=True, ge=1, le=1e9)]
_Tariff = Annotated[float, Field(strict=True, ge=1e-4, le=10)]
_Pue = Annotated[float, Field(strict=True, ge=1, le=10)]
_Rate = Annotated[float, Field(strict=True, ge=0.01, le=1e5)]
_Years = Annotated[float, Field(strict=True, ge=0.1, le=50)]
_Spent = Annotated[float, Field(strict=True, ge=0, le=1e7)]
_Share = Annotated[float, Field(strict=True, ge=1e-3, le=1)]


def class_of(kind: str) -> str:
    """Return the class of a rental, of whatever sheet its name is from."""
    return _KINDS.get(kind, kind)


class RentalPrice(Strict):
    """What one unit of a chip costs by the hour.

    Attributes:
        chip: catalogue id.
        per: "chip", or "core" for a CPU's logical core as clouds rent them.
        kind: its class, or an earlier sheet's name of it.
        usd_per_hour: the median of the offers, or the one price; of an earlier sheet the middle.
        usd_per_hour_low, usd_per_hour_high: range: 10% and 90% of the offers, or the range seen.
        offers: how many there were; None where nobody counted.
    """

    chip: _Text
    per: Literal["chip", "core"] = "chip"
    kind: _Text = "on-demand"
    usd_per_hour_low: _UsdPerHour
    usd_per_hour_high: _UsdPerHour
    usd_per_hour: _UsdPerHour
    offers: Annotated[int, Field(strict=True, ge=1, le=10**9)] | None = None
    date: _Date
    source: _Text

    @model_validator(mode="before")
    @classmethod
    def _one_price_is_a_range(cls, given: Any) -> Any:
        """Fill the median from the range, or the range from the one price."""
        if not isinstance(given, dict):
            return given
        low, high = given.get("usd_per_hour_low"), given.get("usd_per_hour_high")
        middle = given.get("usd_per_hour")
        if middle is None and low is not None and high is not None and _are_numbers(low, high):
            middle = low / 2 + high / 2
        filled = {
            "usd_per_hour": middle,
            "usd_per_hour_low": middle if low is None else low,
            "usd_per_hour_high": middle if high is None else high,
        }
        return {**given, **{name: value for name, value in filled.items() if value is not None}}

    @model_validator(mode="after")
    def _is_a_range_of_a_class(self) -> Self:
        if not self.usd_per_hour_low <= self.usd_per_hour <= self.usd_per_hour_high:
            raise ValueError("usd_per_hour_low exceeds usd_per_hour_high, or not between them lies")
        if self.kind not in RENTAL_KINDS:
            raise ValueError(f"kind is none of {', '.join(RENTAL_KINDS)}")
        return self

    @property
    def price_class(self) -> str:
        """The one class it may be ranked in."""
        return class_of(self.kind)

    @property
    def label(self) -> str:
        """Class, date and offers, as a row names them."""
        counted = f", {self.offers} offers" if self.offers else ""
        return f"{self.kind}, {self.date}{counted}"


class Purchase(Strict):
    """What one chip costs to buy.

    Attributes:
        chip: catalogue id.
        basis: what is in the price, per chip: the chip alone, or its share of the machine.
        usd_low, usd_high: range seen; equal where one price was.
    """

    chip: _Text
    basis: Literal["chip alone", "share of a server", "share of a rack"]
    usd_low: _Usd
    usd_high: _Usd
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
    usd_per_kwh: _Tariff
    date: _Date
    source: _Text


class _Dated(Strict):
    """A number with its date and source."""

    date: _Date
    source: _Text


class Pue(_Dated):
    """Energy of the building per energy of the machines: never below 1."""

    value: _Pue


class Rate(_Dated):
    """Yuan for a dollar."""

    value: _Rate


class Years(_Dated):
    """A life."""

    value: _Years


class Share(_Dated):
    """A part of the whole."""

    value: _Share


class Yearly(_Dated):
    """Money a year."""

    value: _Spent


class Ownership(Strict):
    """One amortization for all chips, so that their costs compare.

    Attributes:
        life_years: straight-line, nothing left at the end.
        utilization: share of that life in which tokens are made.
        staff_usd_per_chip_year: people who run the machines; nothing where it is not said.
        space_usd_per_kw_year: the building, by what the machines draw; nothing likewise.
    """

    life_years: Years
    utilization: Share
    staff_usd_per_chip_year: Yearly | None = None
    space_usd_per_kw_year: Yearly | None = None


class OwnTerms(Strict):
    """What a reader pays for the machine itself, written as on the command line.

    Attributes:
        price: by the hour, such as "0.12/h".
        owned: to buy, such as "1500" or "9000CNY".
        life: such as "4y".
        tariff: such as "0.6CNY/kWh".
    """

    price: _Text | None = None
    owned: _Text | None = None
    life: _Text | None = None
    tariff: _Text | None = None


class PriceSheet(Strict):
    """Everything money is derived from; a derived figure names the sheet's id.

    Attributes:
        id: stem of the file, for a sheet of ours its date; a changed sheet is a new file.
        pue: power usage effectiveness.
        cny_per_usd: exchange rate.
        eur_per_usd: likewise; without it nothing is shown in euro.
        reference_tariff: region whose tariff all rows are compared at.
        rentals: the first of a chip and a class is the one used.
        generic: price of any logical core that clouds rent, for chips without one of their own.
        thin: markets of too few offers to state a price of: chip, class and what was seen.
        ownership: without it, no cost of owning is given.
        own: of a reader's sheet: what they pay for the machine itself.
        preferred: of a reader's sheet: chips whose class the reader chose by pricing them.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    pue: Pue
    cny_per_usd: Rate
    eur_per_usd: Rate | None = None
    reference_tariff: _Text
    tariffs: Annotated[list[Tariff], Field(min_length=1)]
    rentals: list[RentalPrice]
    generic: RentalPrice | None = None
    thin: list[_Text] = Field(default_factory=list)
    purchases: list[Purchase] = Field(default_factory=list)
    ownership: Ownership | None = None
    own: OwnTerms | None = None
    preferred: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _a_dollar_is_several_yuan(self) -> Self:
        if self.cny_per_usd.value < 1:
            raise ValueError("cny_per_usd is below 1, as if it were dollars for a yuan")
        return self

    @model_validator(mode="after")
    def _reference_is_listed(self) -> Self:
        if self.reference_tariff not in {tariff.region for tariff in self.tariffs}:
            raise ValueError("reference_tariff names no region of the sheet")
        return self

    @property
    def usd_per_kwh(self) -> float:
        """Tariff at which all rows are compared."""
        return next(t.usd_per_kwh for t in self.tariffs if t.region == self.reference_tariff)

    def per_usd(self, currency: str, where: str = "--currency") -> float:
        """Units of a currency for a dollar, at the sheet's dated rate.

        Raises:
            UserError: the sheet has no rate of it.
        """
        rates = {"CNY": self.cny_per_usd, "EUR": self.eur_per_usd}
        rate = rates.get(currency)
        if currency == "USD":
            return 1.0
        if rate is None:
            raise UserError(
                f"price sheet {self.id} has no rate of {currency}",
                where=where,
                expected="USD, CNY, or EUR where a sheet has eur_per_usd",
            )
        return rate.value

    @property
    def default_class(self) -> str:
        """The class that most chips have a price in; of two, the one listed first."""
        pairs = {(price.chip, price.price_class) for price in self.rentals}
        counts = Counter(kind for _, kind in pairs)
        return max(RENTAL_CLASSES, key=lambda name: counts[name])

    def classes(self, chip: str) -> list[str]:
        """Classes a chip has a price in."""
        offered = {price.price_class for price in self.rentals if price.chip == chip}
        return [name for name in RENTAL_CLASSES if name in offered]

    def rental(self, chip: str, kind: str | None = None) -> RentalPrice | None:
        """Return the price of a chip in a class; None where the sheet has none.

        Args:
            chip: catalogue id.
            kind: class, or an earlier sheet's name; without it the sheet's default class, or of a
                chip the reader priced the reader's.
        """
        own = [price for price in self.rentals if price.chip == chip]
        if kind is None and chip in self.preferred:
            return own[0]
        wanted = kind or self.default_class
        return next((price for price in own if wanted in {price.kind, price.price_class}), None)

    def any_rental(self, chip: str) -> RentalPrice | None:
        """Return the price of a chip in the default class, or else in whatever class it has."""
        others = (self.rental(chip, name) for name in RENTAL_CLASSES)
        return self.rental(chip) or next(filter(None, others), None)

    def class_median(self, chip: str, price_class: str) -> float | None:
        """Median of a chip's prices of a class, USD per unit and hour; None without one."""
        prices = [
            price.usd_per_hour
            for price in self.rentals
            if (price.chip, price.price_class) == (chip, price_class)
        ]
        return median(prices) if prices else None

    def purchase(self, chip: str) -> Purchase | None:
        """Return what a chip costs to buy, None where the sheet does not say."""
        return next((price for price in self.purchases if price.chip == chip), None)


@cache
def price_sheets() -> dict[str, PriceSheet]:
    """Read all sheets, oldest first.

    Raises:
        UserError: a file does not fit the schema.
    """
    paths = sorted(_FOLDER.glob("*.toml"), key=lambda path: path.stem)
    return {path.stem: _of_its_name(read_toml(path, PriceSheet), path) for path in paths}


def latest_prices() -> PriceSheet:
    """Return the newest sheet."""
    return list(price_sheets().values())[-1]


def prices_as_of(day: str, where: str = "--as-of") -> PriceSheet:
    """Return the sheet that was the newest on a day.

    Args:
        day: as 2026-11-28; a month or a year is its last day.
        where: flag, for the message.

    Raises:
        UserError: it is not a date, or the first sheet is younger.
    """
    require_day(day, where)
    known = prices_known(day)
    if not known:
        raise UserError(
            f"no price sheet is as old as {day}",
            where=where,
            expected=f"{next(iter(price_sheets()))} or later",
        )
    return known[-1]


def prices_known(day: str) -> list[PriceSheet]:
    """Return the sheets that there were on a day, oldest first."""
    return [sheet for name, sheet in price_sheets().items() if name[: len(day)] <= day]


def require_day(day: str, where: str) -> None:
    """Make sure that a text is a date.

    Raises:
        UserError: it is none.
    """
    if not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", day) or not _on_calendar(day):
        raise UserError(f"{day!r} is not a date", where=where, expected="such as 2026-11-28")


def chosen_sheet(path: Path | None, as_of: str | None) -> PriceSheet:
    """Return the sheet a reader asks for: a file, one of a day, their own of every day, or ours.

    `prices.toml` in the configuration folder is the reader's own sheet of every day.

    Raises:
        UserError: a file does not fit, or both a file and a day are asked for.
    """
    if path and as_of:
        raise UserError("chooses a sheet of ours", where="--as-of", expected="no --price-sheet")
    if path:
        return read_sheet(path)
    if as_of:
        return prices_as_of(as_of)
    own = user_folders.home() / OWN_SHEET
    return read_sheet(own) if own.is_file() else latest_prices()


def read_sheet(path: Path) -> PriceSheet:
    """Read a reader's own sheet; what it does not say is as on our newest.

    Raises:
        UserError: it does not fit the schema, or names a chip that is not in the catalogue.
    """
    given = toml_file.read(path, expected="a price sheet")
    if not given:
        raise UserError("says nothing", where=str(path), expected="a price, such as in the guide")
    base = latest_prices()
    merged = _completed(given, base, path)
    sheet = toml_file.fitted(merged, PriceSheet, str(path), expected="a price sheet")
    _of_its_name(sheet, path)
    priced = given.get("rentals") or []
    for place, price in enumerate(sheet.rentals[: len(priced)]):
        entry = chips_data.chips()[chips_data.require(price.chip, f"{path}:rentals.{place}.chip")]
        if (entry.kind == "cpu") != (price.per == "core"):
            unit = "core" if entry.kind == "cpu" else "chip"
            raise UserError(
                f"is per {price.per}",
                where=f"{path}:rentals.{place}.per",
                expected=f'"{unit}", as clouds rent {price.chip}',
            )
    twice = [key for key, n in Counter((p.chip, p.kind) for p in sheet.rentals).items() if n > 1]
    if twice:
        raise UserError(f"prices {twice[0][0]} twice as {twice[0][1]}", where=f"{path}:rentals")
    for place, bought in enumerate(given.get("purchases") or []):
        chips_data.require(bought["chip"], f"{path}:purchases.{place}.chip")
    mine = tuple(dict.fromkeys(price.chip for price in sheet.rentals[: len(priced)]))
    return sheet.model_copy(update={"preferred": mine})


def _completed(given: dict[str, Any], base: PriceSheet, path: Path) -> dict[str, Any]:
    """Put what a partial sheet lacks from our newest; its own prices of a chip replace ours."""
    newest = base.model_dump(exclude={"id", "thin", "preferred"}, exclude_none=True)
    merged: dict[str, Any] = {"id": id_of(path), **newest, **given, "preferred": ()}
    if isinstance(given.get("tariffs"), list) and "reference_tariff" not in given:
        first = given["tariffs"][0] if given["tariffs"] else {}
        merged["reference_tariff"] = first.get("region", "") if isinstance(first, dict) else ""
    elif "tariffs" not in given and "reference_tariff" in given:
        merged["tariffs"] = newest["tariffs"]
    rate = merged["cny_per_usd"]
    yuan = rate.get("value") if isinstance(rate, dict) else None
    for name in ("rentals", "purchases"):
        rows = given.get(name)
        if not isinstance(rows, list):
            continue
        if name == "rentals":
            for at, row in enumerate(rows):
                _require_prices(row, f"{path}:rentals.{at}")
        own = [_own_row(row, yuan) for row in rows]
        mine = {str(row.get("chip")) for row in own if isinstance(row, dict)}
        merged[name] = [*own, *(row for row in newest[name] if row["chip"] not in mine)]
    if isinstance(given.get("generic"), dict):
        any_core = {"chip": GENERIC, "per": "core", **given["generic"]}
        _require_prices(any_core, f"{path}:generic")
        merged["generic"] = _own_row(any_core, yuan)
        if (any_core["chip"], any_core["per"]) != (GENERIC, "core"):
            raise UserError(
                "is of any logical core", where=f"{path}:generic", expected="no chip and no per"
            )
    return merged


def _own_row(row: Any, cny_per_usd: Any) -> Any:
    """Fill in date and source, and turn yuan into dollars at the sheet's rate."""
    if not isinstance(row, dict):
        return row
    today = datetime.now(UTC).date().isoformat()
    filled = {"date": today, "source": "the reader's own", **row}
    if chips_data.chips().get(str(row.get("chip"))) is not None and "usd_low" not in row:
        entry = chips_data.chips()[row["chip"]]
        filled.setdefault("per", "core" if entry.kind == "cpu" else "chip")
    for name in [name for name in row if name.startswith("cny_per_hour")]:
        if _are_numbers(cny_per_usd) and cny_per_usd:
            filled[name.replace("cny", "usd", 1)] = filled.pop(name) / cny_per_usd
    return filled


def _require_prices(row: Any, where: str) -> None:
    """Make sure that an hour has a price as its reader wrote it, in one currency.

    Raises:
        UserError: there is none, it is not a number, or it is in two currencies.
    """
    if not isinstance(row, dict):
        return
    prices = {name: value for name, value in row.items() if name in _PRICES}
    for name, value in prices.items():
        if not _are_numbers(value):
            raise UserError("is not a number", where=f"{where}.{name}", expected="such as 2.5")
        if name.replace("cny", "usd", 1) in prices and name.startswith("cny"):
            raise UserError(
                "is given in dollars, too", where=f"{where}.{name}", expected="one currency"
            )
    if not prices:
        raise UserError("has no price", where=where, expected="usd_per_hour or cny_per_hour")


def id_of(path: Path) -> str:
    """Return the id of a sheet in a file: its name, in letters that an id may have."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", path.stem).strip("-._")[:64] or "own"


def _of_its_name(sheet: PriceSheet, path: Path) -> PriceSheet:
    if sheet.id != id_of(path):
        raise UserError(f"holds id {sheet.id!r}", where=str(path), expected=id_of(path))
    return sheet


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) and type(value) is not bool for value in values)


def _on_calendar(text: str) -> bool:
    try:
        return bool(_dated(text))
    except ValueError:
        return False
