"""Write figures for people at a terminal: three digits, bounds beside the value, no guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.economy.economics import Span

__all__ = ["figure", "span"]


def span(value: Span | None) -> str:
    """Show a value and its bounds on one line; a dash for what is not known."""
    if value is None:
        return "-"
    if value.low is None and value.high is None:
        return figure(value.value)
    return f"{figure(value.value)} [{figure(value.low)}, {figure(value.high)}]"


def figure(value: float | None) -> str:
    """Three significant digits, without an exponent where a reader can do without."""
    if value is None:
        return "?"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.2e}"
