"""Find the highest rate, or number of streams, users or agents, that meets the limits.

It says which load to measure next: the load doubles (or halves) until one meets the limits and one
does not, then the ratio between the two is halved until it is narrow. A load meets them if, with
99% confidence, at least the stated share of its requests does, which gives 95% to the whole search;
a saturated or invalid one never does. Pure: the caller measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Bracket", "LoadSearch", "Tried", "bracket", "least_requests", "next_load", "sure_share"]

# One-sided 99% of the standard normal distribution: of some ten loads, about half lie above what
# can be met, and none of these may pass by chance in more than 5% of all searches.
_Z = 2.3263
# A bracket this narrow is the answer: 1.25% apart.
_NARROW = 1.0125
# Halvings below the start before nothing is said to meet the limits.
_MOST_HALVINGS = 12
# Of a rate: a case's name shows as many, so the name is the load.
_DIGITS = 4


class LoadSearch(BaseModel):
    """What is searched.

    Attributes:
        by: what varies: requests per second, requests in flight, or conversations at a time.
        share: of the requests, which has to meet the limits.
        start, most: load tried first, and the highest to try.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["rate", "concurrency", "users", "agents"]
    share: float = Field(default=0.9, ge=0.5, le=0.999)
    start: float = Field(gt=0, le=1e7)
    most: float = Field(gt=0, le=1e7)


@dataclass(frozen=True, slots=True)
class Tried:
    """A load that was measured.

    Attributes:
        load: requests per second, or in flight.
        good, n: requests that met the limits, of all that were measured.
        weight: requests that weigh as one independent one; see `statistics.weight_of`.
        problem: why it says nothing: saturated, or not valid; "" where it is in order.
        saturated: more was sent than done, so a lower load may be another matter.
    """

    load: float
    good: int
    n: int
    weight: float = 1.0
    problem: str = ""
    saturated: bool = False


@dataclass(frozen=True, slots=True)
class Bracket:
    """The highest load that meets the limits, the lowest above it that was not seen to."""

    low: Tried | None
    high: Tried | None


def sure_share(tried: Tried) -> float:
    """The share of good requests that is reached with 99% confidence.

    Wilson's score bound, one-sided (Journal of the American Statistical Association 22, 1927), of
    as many requests as are independent.
    """
    n = tried.n / max(1.0, tried.weight)
    if not n:
        return 0.0
    share = tried.good / tried.n
    middle = share + _Z**2 / (2 * n)
    half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return (middle - half) / (1 + _Z**2 / n)


def least_requests(share: float) -> int:
    """Fewer independent requests cannot show the share, even if all are good."""
    return math.ceil(_Z**2 * share / (1 - share))


def bracket(search: LoadSearch, seen: Sequence[Tried]) -> Bracket:
    """Between which loads the limits stop being met, as far as is known."""
    meeting = [tried for tried in seen if _meets(search, tried)]
    low = max(meeting, key=lambda tried: tried.load, default=None)
    above = [tried for tried in seen if low is None or tried.load > low.load]
    return Bracket(low, min(above, key=lambda tried: tried.load, default=None))


def next_load(search: LoadSearch, seen: Sequence[Tried]) -> float | None:
    """Give the load to measure next, None when the bracket is narrow or cannot be had."""
    if not seen:
        return search.start
    now = bracket(search, seen)
    if now.low is None:
        if search.by == "rate" and _no_better(seen):
            return None
        halved = _rounded(search, min(tried.load for tried in seen) / 2)
        return halved if halved and len(seen) <= _MOST_HALVINGS else None
    if now.high is None:
        doubled = min(2 * now.low.load, search.most)
        return doubled if doubled > now.low.load else None
    return _middle(search, now.low.load, now.high.load)


def _no_better(seen: Sequence[Tried]) -> bool:
    """Whether half the rate changed nothing: then the limits are not missed for the load's sake.

    Lower rates take ever longer to show the same.
    """
    if len(seen) < 2 or seen[-1].saturated:
        return False
    return sure_share(seen[-1]) <= sure_share(seen[-2])


def _middle(search: LoadSearch, low: float, high: float) -> float | None:
    if high <= _NARROW * low:
        return None
    middle = _rounded(search, math.sqrt(low * high))
    return middle if low < middle < high else None


def _rounded(search: LoadSearch, load: float) -> float:
    return float(f"{load:.{_DIGITS}g}" if search.by == "rate" else math.floor(load))


def _meets(search: LoadSearch, tried: Tried) -> bool:
    return not tried.problem and sure_share(tried) >= search.share
