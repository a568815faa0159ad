"""What a reader pays themselves: an hour, a purchase, a tariff, as they write it. Pure.

A machine's price is that of the whole machine, as a bill states it; "2.5/chip/h" is of each chip,
or each core of a CPU.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.catalog.prices_data import Ownership, Share, Tariff, Years
from suites.base.errors import UserError

if TYPE_CHECKING:
    from results.catalog import PriceSheet

__all__ = ["OWN_CLASS", "Money", "Own", "own_prices"]

# What a row calls the reader's own price by the hour: it is of no class of the sheet's.
OWN_CLASS = "own"
_REGION = "the reader's own"
_CURRENCIES = {
    **dict.fromkeys(("usd", "$", "us$"), "USD"),
    **dict.fromkeys(("cny", "rmb", "¥"), "CNY"),
    **dict.fromkeys(("eur", "€"), "EUR"),
}
_AMOUNT = re.compile(
    r"(?P<before>US\$|USD|\$|CNY|RMB|¥|EUR|€)?\s*(?P<number>\d[\d_]*(?:\.\d+)?|\.\d+)\s*"
    r"(?P<after>USD|CNY|RMB|¥|EUR|€)?\s*(?:/\s*(?P<unit>[A-Za-z/]+))?",
    re.IGNORECASE,
)
_LIFE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:y|yr|years?)?", re.IGNORECASE)
# Beyond these somebody mistook a unit.
_HOURLY, _BOUGHT, _TARIFF, _YEARS = (1e-5, 1e6), (1, 1e10), (1e-4, 10), (0.1, 50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The reader's own price of the machine.

    Attributes:
        usd_per_hour: rent of the machine, or of each unit; None where they did not say.
        per: "machine", or "unit": a chip, or a core of a CPU.
        purchase_usd: of the whole machine.
    """

    usd_per_hour: float | None = None
    per: str = "machine"
    purchase_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What costs are computed with: a sheet, and the reader's own price before it.

    Attributes:
        currency: what a table of one result is in; without it, dollars and yuan.
    """

    sheet: PriceSheet
    own: Own
    currency: str | None = None


def own_prices(
    sheet: PriceSheet,
    *,
    price: str | None = None,
    owned: str | None = None,
    life: str | None = None,
    tariff: str | None = None,
    currency: str | None = None,
) -> Money:
    """Read what a reader gives on the command line; the sheet's own terms stand where they do not.

    Args:
        price: such as "0.12/h", "0.9CNY/h" or "2.5/chip/h"; USD where no currency stands.
        owned: such as "1500" or "9000CNY".
        life: such as "4y".
        tariff: such as "0.6CNY/kWh".
        currency: "USD", "CNY" or "EUR" of what is shown.

    Returns:
        the sheet with the reader's tariff and life, and the price of the machine.

    Raises:
        UserError: one does not read as such, or cannot be meant; names the flag.
    """
    held = sheet.own

    def given(name: str, flag: str | None) -> tuple[str | None, str]:
        """The text, and where it stands: the flag goes before the file."""
        if flag:
            return flag, f"--{name}"
        return (getattr(held, name) if held else None), f"{sheet.id}:own.{name}"

    text, where = given("price", price)
    hourly, per = _hourly(text, where, sheet)
    text, where = given("owned", owned)
    bought = _usd(text, where, sheet, units=("",), bounds=_BOUGHT, example="1500 or 9000CNY")
    own = Own(usd_per_hour=hourly, per=per, purchase_usd=bought)
    terms = _with_life(_with_tariff(sheet, *given("tariff", tariff)), *given("life", life))
    if currency:
        currency = currency.upper()
        terms.per_usd(currency)
    return Money(sheet=terms, own=own, currency=currency)


def _hourly(text: str | None, where: str, sheet: PriceSheet) -> tuple[float | None, str]:
    units = {"": "machine", "h": "machine", "hr": "machine", "hour": "machine"}
    units |= {f"{unit}/h": "unit" for unit in ("chip", "gpu", "core", "vcpu")}
    usd = _usd(
        text,
        where,
        sheet,
        units=tuple(units),
        bounds=_HOURLY,
        example="0.12/h, 0.9CNY/h or 2.5/chip/h",
    )
    match = _AMOUNT.fullmatch((text or "").strip())
    return usd, units[(match["unit"] or "").lower()] if match else "machine"


def _usd(
    text: str | None,
    where: str,
    sheet: PriceSheet,
    *,
    units: tuple[str, ...],
    bounds: tuple[float, float],
    example: str,
) -> float | None:
    """Read an amount of money in dollars; None where none is given."""
    if text is None:
        return None
    match = _AMOUNT.fullmatch(text.strip())
    unit = (match["unit"] or "").lower() if match else ""
    if not match or unit not in units or (match["before"] and match["after"]):
        raise UserError(f"{text!r} is not a price here", where=where, expected=f"such as {example}")
    currency = _CURRENCIES[(match["before"] or match["after"] or "USD").lower()]
    usd = float(match["number"]) / sheet.per_usd(currency, where)
    if not bounds[0] <= usd <= bounds[1]:
        raise UserError(
            f"{text!r} cannot be meant",
            where=where,
            expected=f"{bounds[0]:g} to {bounds[1]:g} USD, such as {example}",
        )
    return usd


def _with_tariff(sheet: PriceSheet, text: str | None, where: str) -> PriceSheet:
    usd = _usd(
        text,
        where,
        sheet,
        units=("kwh",),
        bounds=_TARIFF,
        example="0.10/kWh or 0.6CNY/kWh",
    )
    if usd is None:
        return sheet
    own = Tariff(region=_REGION, usd_per_kwh=usd, date=sheet.cny_per_usd.date, source=where)
    return sheet.model_copy(update={"reference_tariff": _REGION, "tariffs": [own, *sheet.tariffs]})


def _with_life(sheet: PriceSheet, text: str | None, where: str) -> PriceSheet:
    if text is None:
        return sheet
    match = _LIFE.fullmatch(text.strip())
    years = float(match[1]) if match else 0.0
    if not _YEARS[0] <= years <= _YEARS[1]:
        raise UserError(
            f"{text!r} is not a life",
            where=where,
            expected=f"{_YEARS[0]:g} to {_YEARS[1]:g} years, such as 4y",
        )
    day = sheet.cny_per_usd.date
    life = Years(value=years, date=day, source=where)
    if sheet.ownership:
        terms = sheet.ownership.model_copy(update={"life_years": life})
    else:
        busy = Share(value=1.0, date=day, source="none stated")
        terms = Ownership(life_years=life, utilization=busy)
    return sheet.model_copy(update={"ownership": terms})
