"""Buy, rent, or pay an API by the token: where one begins to be cheaper than another. Pure.

A chip is paid by the hour, busy or not; an API by the token. A chip that would cost half the API's
price if it never rested beats it from one half of the time on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["HOURS_PER_MONTH", "Volume", "at_volume", "breakeven_utilization", "tokens_a_month"]

HOURS_PER_MONTH = 8766 / 12  # of 365.25 days a year
_MTOK = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A month's tokens on machines of your own, and from an API.

    Attributes:
        machines: that it takes, as measured; whole ones.
        utilization: share of the month they are busy.
        own_usd: what they cost that month, busy or not.
        api_usd: what the API asks for the same tokens.
    """

    machines: int
    utilization: float
    own_usd: float
    api_usd: float


def breakeven_utilization(full_usd: float, api_usd: float) -> float:
    """Share of the time a machine must be busy to cost what the API asks; above 1 it never does.

    Cost per million tokens at full utilization ÷ price per million: the hours are paid for anyway,
    so that the cost of a token is the full cost over the utilization.

    Args:
        full_usd: per million tokens of a machine that never rests.
        api_usd: per million tokens, positive.
    """
    return full_usd / api_usd


def tokens_a_month(tokens_per_s: float, utilization: float) -> float:
    """Tokens that a machine makes in a month of 730.5 hours, busy for a share of it."""
    return tokens_per_s * 3600 * HOURS_PER_MONTH * utilization


def at_volume(tokens: float, *, tokens_per_s: float, full_usd: float, api_usd: float) -> Volume:
    """Compare a month of machines with the API's bill for the same tokens.

    Args:
        tokens: a month, positive.
        tokens_per_s: of one machine as measured, positive.
        full_usd: per million tokens of a machine that never rests.
        api_usd: per million tokens.
    """
    capacity = tokens_a_month(tokens_per_s, 1.0)
    machines = max(1, math.ceil(tokens / capacity))
    return Volume(
        machines=machines,
        utilization=tokens / (machines * capacity),
        own_usd=machines * capacity / _MTOK * full_usd,
        api_usd=tokens / _MTOK * api_usd,
    )
