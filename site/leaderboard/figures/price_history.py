"""What a chip cost by the hour, class by class, over the dates of all price sheets."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from leaderboard.base.text import figure
from leaderboard.figures.chart import Axis, Chart, Mark, MarkSeries, draw
from results.catalog.prices_data import RENTAL_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from markupsafe import Markup

    from leaderboard.words import Words
    from results.catalog import PriceSheet, RentalPrice

__all__ = ["drawn", "past_prices"]

# Dates nearer than this share of the axis share a label.
_APART = 0.12


def past_prices(chip: str, sheets: Iterable[PriceSheet]) -> dict[str, list[RentalPrice]]:
    """Return the prices that costs were computed with, by class, oldest first.

    Args:
        chip: catalogue id.
        sheets: oldest first; of two prices of one date the later sheet's counts.
    """
    every = list(sheets)
    by_class = {}
    for name in RENTAL_CLASSES:
        dated = {price.date: price for sheet in every if (price := sheet.rental(chip, name))}
        if dated:
            by_class[name] = [dated[day] for day in sorted(dated)]
    return by_class


def drawn(
    _: Words, chip: str, past: Mapping[str, Sequence[RentalPrice]], rates: Mapping[str, float]
) -> dict[str, Markup]:
    """Draw a line for each class, in each currency; nothing where no class has two dates.

    Args:
        chip: its name.
        past: as of `past_prices`.
        rates: units of each currency for a dollar.
    """
    if all(len(prices) < 2 for prices in past.values()):
        return {}
    return {unit: draw(_chart(_, chip, past, unit, rate)) for unit, rate in rates.items()}


def _chart(
    _: Words, chip: str, past: Mapping[str, Sequence[RentalPrice]], unit: str, rate: float
) -> Chart:
    days = sorted({price.date for prices in past.values() for price in prices})
    per = next(price.per for prices in past.values() for price in prices)
    return Chart(
        title=_("Rental price of {chip} over time, by class", chip=chip),
        x=Axis(title=_("date of the price"), ticks=_ticks(days)),
        y=Axis(title=_("{unit} per hour and {per}", unit=_(unit), per=_(per))),
        series=[
            MarkSeries(
                name=_(name), marks=[_mark(_, name, p, unit, rate) for p in prices], joined=True
            )
            for name, prices in past.items()
        ],
    )


def _mark(_: Words, name: str, price: RentalPrice, unit: str, rate: float) -> Mark:
    usual, low, high = (
        usd * rate for usd in (price.usd_per_hour, price.usd_per_hour_low, price.usd_per_hour_high)
    )
    spread = _("range {low} to {high}", low=figure(low), high=figure(high)) if low < high else ""
    paid = f"{figure(usual)} {_(unit)}/{_('h')}"
    words = f"{_(name)}{_(', ')}{price.date}{_(': ')}{paid}"
    return Mark(
        x=_day(price.date),
        y=usual,
        low=low,
        high=high,
        words=f"{words}{_(', ')}{spread}" if spread else words,
    )


def _day(text: str) -> int:
    """A day as a number; of a month or a year its first."""
    year, month, day = ([int(part) for part in text.split("-")] + [1, 1])[:3]
    return date(year, month, day).toordinal()


def _ticks(days: Sequence[str]) -> list[tuple[float, str]]:
    """Label the dates, as far as the labels have room."""
    span = _day(days[-1]) - _day(days[0])
    ticks: list[tuple[float, str]] = []
    for day in reversed(days):
        if not ticks or ticks[-1][0] - _day(day) > _APART * span:
            ticks.append((_day(day), day))
    return ticks[::-1]
