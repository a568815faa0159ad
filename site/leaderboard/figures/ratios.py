"""Ratios of two figures with an interval, and what may be said of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    RatioVerdict = Literal["better", "worse", "none", "unknown"]

__all__ = ["Ratio", "ratio"]

# Half-width of a 95% interval in standard deviations of a normal distribution.
_Z95 = 1.959964


class _Spanned(Protocol):
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Ratio:
    """a ÷ b and its 95% interval, None where a figure has none."""

    value: float
    low: float | None
    high: float | None

    def verdict(self, better: str) -> RatioVerdict:
        """Say whether a is better than b: "none" when the interval holds 1."""
        if self.low is None or self.high is None:
            return "unknown"
        if self.low <= 1 <= self.high:
            return "none"
        return "better" if (self.value > 1) == (better == "higher") else "worse"


def ratio(a: _Spanned, b: _Spanned) -> Ratio | None:
    """Divide two independent figures; None unless both are positive.

    The interval is taken on the logarithm, where a ratio is a difference and the errors add in
    squares; the published intervals are read as ±1.96 standard deviations there.
    """
    if a.value <= 0 or b.value <= 0:
        return None
    value = a.value / b.value
    ends = (a.low, a.high, b.low, b.high)
    if any(end is None or end <= 0 for end in ends):
        return Ratio(value, None, None)
    error = _Z95 * math.hypot(_spread(a), _spread(b))
    return Ratio(value, value * math.exp(-error), value * math.exp(error))


def _spread(spanned: _Spanned) -> float:
    assert spanned.low is not None
    assert spanned.high is not None
    return math.log(spanned.high / spanned.low) / (2 * _Z95)
