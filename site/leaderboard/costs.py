"""Money beside the facts: the cost of output tokens at a dated price sheet."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a million output tokens cost, derived at build time and never signed.

    Attributes:
        usd, cny: per million tokens; `_low` and `_high` follow from the throughput's interval.
        fens: multiples of CNY 0.01.
        kind: "rental", "ownership" or "energy".
        method: "measured" when the throughput was; the price itself is the sheet's.
        sheet: id and date of the price sheet.
    """

    usd: float
    cny: float
    cny_low: float
    cny_high: float
    fens: float
    kind: str
    method: str
    sheet: str
