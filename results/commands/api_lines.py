"""The end of `fenmark cost`: from when on a machine of your own beats an API, as lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from results.economy.breakeven import at_volume, breakeven_utilization, tokens_a_month
from results.economy.number_format import figure
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from results.catalog.api_data import ApiPrice
    from results.economy.costs import CostRow

__all__ = ["api_lines", "tokens_of"]

_VOLUME = re.compile(r"(\d+(?:\.\d+)?(?:e\d{1,2})?)\s*([kMGBT]?)")
_FACTORS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}
_MOST = 1e18


def tokens_of(text: str | None) -> float | None:
    """Read a number of tokens such as "2e9" or "500M"; None where none is given.

    Raises:
        UserError: it is none.
    """
    if text is None:
        return None
    match = _VOLUME.fullmatch(text.strip())
    tokens = float(match[1]) * _FACTORS[match[2]] if match else 0.0
    if not 1 <= tokens <= _MOST:
        raise UserError(
            f"{text[:40]!r} is not a number of tokens",
            where="--volume",
            expected="tokens a month, such as 2e9, 500M or 3G",
        )
    return tokens


def api_lines(
    rows: Iterable[tuple[dict[str, Any], str, CostRow]],
    volume: float | None,
    currency: str = "USD",
    per_usd: float = 1.0,
) -> Iterator[str]:
    """Say of each chip, model and kind of token how its cheapest row stands to the API's price.

    Args:
        rows: where a row is from, its chip, and its costs.
        volume: tokens a month, or None.
        per_usd: units of the currency for a dollar.
    """

    def money(usd: float) -> str:
        return f"{figure(usd * per_usd)} {currency}"

    best: dict[ApiPrice, dict[str, CostRow]] = {}
    for _, chip, row in rows:
        if not row.api or not _full(row):
            continue
        chips = best.setdefault(row.api, {})
        if chip not in chips or min(_full(row).values()) < min(_full(chips[chip]).values()):
            chips[chip] = row
    for api, chips in best.items():
        span = f"{figure(api.low * per_usd)} to {figure(api.high * per_usd)}"
        yield f"API price: {money(api.usd)}/Mtok ({span}), {api.label}"
        for chip, row in chips.items():
            for way, full_usd in _full(row).items():
                yield f"  {chip}, {row.case}, {way}: {_stands(row, full_usd, api.usd, money)}"
                if volume:
                    yield f"    {_at(row, full_usd, api.usd, volume, money)}"


def _full(row: CostRow) -> dict[str, float]:
    """USD per million tokens of a machine that never rests, by how it is paid for."""
    rented = {"rented": row.rental_usd.value} if row.rental_usd else {}
    return rented | ({f"owned ({row.owned.basis})": row.owned.full_usd} if row.owned else {})


def _stands(row: CostRow, full_usd: float, api_usd: float, money: Callable[[float], str]) -> str:
    busy = breakeven_utilization(full_usd, api_usd)
    if busy > 1:
        return f"never below the API: {money(full_usd)}/Mtok when always busy"
    tokens = tokens_a_month(row.tokens_per_s.value, busy)
    return f"below the API from {busy:.0%} busy on, {tokens:.3g} {row.tokens} tokens a month"


def _at(
    row: CostRow, full_usd: float, api_usd: float, tokens: float, money: Callable[[float], str]
) -> str:
    month = at_volume(
        tokens, tokens_per_s=row.tokens_per_s.value, full_usd=full_usd, api_usd=api_usd
    )
    machines = f"{month.machines} such machine{'s' if month.machines > 1 else ''}"
    return (
        f"at {tokens:.3g} a month: {machines}, {month.utilization:.0%} busy, "
        f"{money(month.own_usd)}; the API {money(month.api_usd)}"
    )
