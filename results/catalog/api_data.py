"""Dated sheets of what hosts ask for a million tokens of a model: prices, never costs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from results.catalog.reading import Strict, read_toml

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ApiOffer", "ApiPrice", "ApiSheet", "api_price", "api_sheet", "api_sheets"]

_FOLDER = Path(__file__).parent / "api"
# The same as for hours of a chip: fewer offers are not a market.
_LEAST_OFFERS = 3

TokenKind = Literal["input", "cached", "output"]
_Text = Annotated[str, Field(min_length=1, max_length=300)]
_Usd = Annotated[float, Field(strict=True, gt=0, le=1e4)]


class ApiOffer(Strict):
    """What one host asks for a million tokens.

    Attributes:
        model: id of a geometry that ships with Fenmark.
        name: what is hosted: a model of that geometry.
        cached_usd: of input that was read before; None where the host has no such price.
    """

    model: _Text
    name: _Text
    host: _Text
    input_usd: _Usd
    cached_usd: _Usd | None = None
    output_usd: _Usd
    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    source: _Text

    def usd(self, kind: TokenKind) -> float | None:
        """USD per million tokens of a kind."""
        return {"input": self.input_usd, "cached": self.cached_usd, "output": self.output_usd}[kind]


class ApiSheet(Strict):
    """The offers of a day of reading.

    Attributes:
        id: stem of the file, its date.
    """

    id: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    offers: Annotated[list[ApiOffer], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPrice:
    """What a million tokens of one kind are sold for.

    Attributes:
        usd: median of the offers.
        low, high: the cheapest and the dearest.
        offers: how many hosts have such a price.
        label: as a row names it: model, kind, date, offers.
    """

    usd: float
    low: float
    high: float
    offers: int
    label: str


@cache
def api_sheets() -> dict[str, ApiSheet]:
    """Read all sheets, oldest first.

    Raises:
        UserError: a file does not fit the schema.
    """
    paths = sorted(_FOLDER.glob("*.toml"), key=lambda path: path.stem)
    return {path.stem: read_toml(path, ApiSheet) for path in paths}


def api_sheet(day: str = "") -> ApiSheet | None:
    """Return the newest sheet, or the newest of a day; None where none is as old.

    Args:
        day: such as 2026-11-28, or a month; the id of a reader's own sheet counts as today.
    """
    sheets = list(api_sheets().values())
    if re.fullmatch(r"\d{4}-\d\d(-\d\d)?", day):
        sheets = [sheet for sheet in sheets if sheet.id[: len(day)] <= day]
    return sheets[-1] if sheets else None


def api_price(sheet: ApiSheet | None, model: str, kind: TokenKind) -> ApiPrice | None:
    """Return what a kind of token of a model is sold for; None where fewer than three sell it."""
    asked = [(offer, offer.usd(kind)) for offer in _offers(sheet, model)]
    prices = sorted(usd for _, usd in asked if usd is not None)
    if len(prices) < _LEAST_OFFERS:
        return None
    names = ", ".join(sorted({offer.name for offer, usd in asked if usd is not None}))
    day = max(offer.date for offer, _ in asked)
    return ApiPrice(
        usd=median(prices),
        low=prices[0],
        high=prices[-1],
        offers=len(prices),
        label=f"{names}, {kind} tokens, {day}, {len(prices)} hosts",
    )


def _offers(sheet: ApiSheet | None, model: str) -> Sequence[ApiOffer]:
    return [offer for offer in sheet.offers if offer.model == model] if sheet else []
