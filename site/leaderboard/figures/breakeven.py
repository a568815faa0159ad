"""Where a chip beats an API: cost over how busy it is, with what hosts ask as a level line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaderboard.base.text import figure
from leaderboard.figures.chart import Axis, Chart, Mark, MarkSeries, draw
from results.economy.breakeven import breakeven_utilization

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping
    from typing import Any

    import pandas as pd
    from markupsafe import Markup

    from leaderboard.words import Words

__all__ = ["breakeven"]

# Two ways to pay for each, and the API: as many as can be told apart.
_CHIPS = 3
# Rows have a hundred.
_COLUMNS = ["chip_id", "chip", "digest", "case", "rent_usd", "full_usd", "api_usd", "api_price"]
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def breakeven(
    _: Words, rows: pd.DataFrame, rates: Mapping[str, float]
) -> tuple[dict[str, Markup], str] | None:
    """Draw the cheapest serving row of each chip, rented and owned, at every share of busy time.

    Args:
        rows: of one model.
        rates: units of each currency for a dollar.

    Returns:
        The chart in each currency, and what the API's price is of; None where no host's price is
        known.
    """
    told = rows["ranks"] & (rows["suite"] == "serving") & rows["api_usd"].notna()
    sold = rows.loc[told, _COLUMNS]
    sold = sold.assign(least=sold[["rent_usd", "full_usd"]].min(axis=1))
    sold = sold[sold["least"].notna()].sort_values(["least", "digest", "case"])
    best = sold.drop_duplicates("chip_id")[:_CHIPS].to_dict("records")
    if not best:
        return None
    charts = {unit: draw(_chart(_, best, unit, rate)) for unit, rate in rates.items()}
    return charts, str(best[0]["api_price"])


def _chart(_: Words, best: list[dict[Hashable, Any]], unit: str, rate: float) -> Chart:
    names = ("rent_usd", "full_usd", "api_usd")
    best = [{**row, **{name: row[name] * rate for name in names}} for row in best]
    api = float(best[0]["api_usd"])
    level = [Mark(x=100 * share, y=api, words=_price(_, api, unit)) for share in _SHARES]
    return Chart(
        title=_(
            "Cost of a million output tokens against how busy the chip is, and the API's price"
        ),
        x=Axis(title=_("share of the time the chip is busy, %")),
        y=Axis(title=_("{unit} per million output tokens", unit=unit), scale="log"),
        series=[
            *(series for row in best for series in _ways(_, row, unit)),
            MarkSeries(name=_("API price"), marks=level, joined=True),
        ],
    )


def _ways(_: Words, row: Mapping[Hashable, Any], unit: str) -> Iterator[MarkSeries]:
    for way, full in ((_("rented"), row["rent_usd"]), (_("owned"), row["full_usd"])):
        if full > 0:  # NaN where there is no such price
            name = f"{row['chip']}, {way}"
            yield MarkSeries(
                name=name, marks=_marks(_, name, full, row["api_usd"], unit), joined=True
            )


def _marks(_: Words, name: str, full: float, api: float, unit: str) -> list[Mark]:
    even = breakeven_utilization(full, api)
    shares = sorted({*_SHARES, even} if _SHARES[0] <= even <= 1 else _SHARES)
    return [
        Mark(
            x=100 * share,
            y=full / share,
            words=_(
                "{name}, busy {percent}% of the time: {amount}/Mtok",
                name=name,
                percent=figure(100 * share),
                amount=f"{figure(full / share)} {_(unit)}",
            ),
        )
        for share in shares
    ]


def _price(_: Words, api: float, unit: str) -> str:
    return _("API price: {amount}/Mtok", amount=f"{figure(api)} {_(unit)}")
