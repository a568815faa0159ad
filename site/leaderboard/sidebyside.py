"""The compare page: words of the live part, and the pair that stands there without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leaderboard.ratios import ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaderboard.figures import Figure
    from leaderboard.ranking import BoardRow
    from leaderboard.words import Words
    from results.economics import Span

__all__ = ["context"]

# Column of the board's data, title, unit, which way is better: as METRICS in compare.js.
_METRICS = (
    ("throughput", "Output tokens/s", "tokens/s", "higher"),
    ("ttft", "TTFT", "ms", "lower"),
    ("tpot", "TPOT", "ms", "lower"),
    ("energy", "Energy, output tokens", "J/token", "lower"),
    ("cost", "Cost, output tokens", "CNY/Mtok", "lower"),
)


def context(_: Words, rows: Sequence[BoardRow]) -> dict[str, Any]:
    """Return what the page's template asks for."""
    verdicts = {
        "better": _("better than the first"),
        "worse": _("worse than the first"),
        "none": _("no difference shown"),
        "unknown": _("no interval: nothing can be concluded"),
    }
    words = {
        "configuration": _("Configuration"),
        "metric": _("Metric"),
        "models-differ": _("These ran different models: their tokens are not the same work."),
        **{name: _(title) for name, title, *_rest in _METRICS},
        **{f"verdict-{name}": text for name, text in verdicts.items()},
    }
    pair = _pair([row for row in rows if row.throughput])
    lines = [_line(_, metric, pair) for metric in _METRICS] if pair else []
    return {"pair": pair, "lines": lines, "words": words, "verdicts": verdicts}


def _pair(rows: Sequence[BoardRow]) -> list[BoardRow]:
    """Take the best row and the next of its model."""
    if len(rows) < 2:
        return []
    first, *rest = rows
    same = [row for row in rest if row.point.model == first.point.model]
    return [first, (same or rest)[0]]


def _line(_: Words, metric: tuple[str, str, str, str], pair: Sequence[BoardRow]) -> dict[str, Any]:
    name, title, unit, better = metric
    figures = [_figure(row, name) for row in pair]
    first, second = figures
    modelled = name == "energy" and any(
        row.energy and row.energy.method != "measured" for row in pair
    )
    found = ratio(second, first) if first and second else None
    verdict = "unknown" if modelled or not found else found.verdict(better)
    return {
        "title": _(title),
        "cells": [(figure, unit) for figure in figures],
        "ratio": found,
        "verdict": verdict,
    }


def _figure(row: BoardRow, name: str) -> Figure | Span | None:
    match name:
        case "throughput":
            return row.throughput
        case "energy":
            return row.energy
        case "cost":
            return row.cost.rent.cny if row.cost and row.cost.rent else None
        case _:
            return row.point.figures.get(name)
