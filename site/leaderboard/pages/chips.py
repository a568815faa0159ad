"""Chips as the pages show them: the catalogue's facts, or the bare name of an unlisted one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaderboard.base.text import slug
from results import catalog
from results.catalog.power_data import all_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from leaderboard.words import Words
    from results.catalog import ChipEntry, PriceSheet, RentalPrice
    from results.catalog.prices_data import Purchase

__all__ = ["ChipView", "terms", "views"]

_LIFE = 4.0  # years, of a sheet that states none: for a reader who types a purchase price


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipView:
    """What a chip page says before any result.

    Attributes:
        id: safe in a path.
        entry: of the catalogue, None for a chip that is only known from a result.
        rentals: prices per hour on the sheet, by class; ranked costs are of its default class.
        purchase: price on the sheet, None where it has none.
        results: how many signed results there are.
    """

    id: str
    name: str
    entry: ChipEntry | None
    rentals: Sequence[RentalPrice]
    purchase: Purchase | None
    results: int

    @property
    def all_in_w(self) -> float | None:
        """Watts with the chip's share of host, network and cooling; None where nobody says."""
        kw = all_in().kw.get(self.entry.id) if self.entry else None
        return None if kw is None else kw * 1e3

    @property
    def all_in_source(self) -> str:
        """Day and source of `all_in_w`."""
        return f"{all_in().date}: {all_in().source}"

    @property
    def peak(self) -> tuple[str, float] | None:
        """Return (dtype, TFLOP/s) of the 16-bit dense peak, else of the largest stated one."""
        peaks = self.entry.peak_tflops if self.entry else {}
        for dtype in ("bf16", "f16"):
            if dtype in peaks:
                return dtype, peaks[dtype]
        return max(peaks.items(), key=lambda item: item[1], default=None)


def views(rows: pd.DataFrame, sheet: PriceSheet | None) -> dict[str, ChipView]:
    """Return every chip of the catalogue and every other one that was measured, by id.

    Chips with results come first, then by name.
    """
    listed = {slug(name): entry for name, entry in catalog.chips().items()}
    measured = rows.groupby("chip_id")["digest"].nunique().to_dict()
    names = dict(zip(rows["chip_id"].tolist(), rows["chip"].tolist(), strict=True))
    names |= {name: entry.name for name, entry in listed.items()}
    return {
        chip: ChipView(
            id=chip,
            name=names[chip],
            entry=listed.get(chip),
            rentals=_rentals(sheet, listed.get(chip)),
            purchase=sheet.purchase(listed[chip].id) if sheet and chip in listed else None,
            results=measured.get(chip, 0),
        )
        for chip in sorted(
            names, key=lambda chip: (-measured.get(chip, 0), names[chip].lower(), chip)
        )
    }


def terms(_: Words, sheet: PriceSheet) -> dict[str, Any]:
    """What the cost page computes with, for a reader who chooses a class or an older sheet.

    Returns:
        `prices`, chip -> class -> [USD per unit and hour, label], any logical core's under its own
        name; `purchases`, chip -> [USD, what was bought and when]; tariff, PUE, life and
        utilization.
    """
    prices: dict[str, dict[str, list[float | str]]] = {}
    for price in (*sheet.rentals, *([sheet.generic] if sheet.generic else ())):
        own = prices.setdefault(slug(price.chip), {})
        own.setdefault(price.price_class, [price.usd_per_hour, _.listed(price.label)])
    owning = sheet.ownership
    return {
        "prices": prices,
        "purchases": {
            slug(purchase.chip): [
                (purchase.usd_low + purchase.usd_high) / 2,
                _.listed(f"{purchase.basis}, {purchase.date}"),
            ]
            for purchase in sheet.purchases
        },
        "pue": sheet.pue.value,
        "tariff": sheet.usd_per_kwh,
        "life": owning.life_years.value if owning else _LIFE,
        "busy": owning.utilization.value if owning else 1.0,
    }


def _rentals(sheet: PriceSheet | None, entry: ChipEntry | None) -> list[RentalPrice]:
    if not sheet or not entry:
        return []
    return [price for price in sheet.rentals if price.chip == entry.id]
