"""The compare page: words of the live part, and the pair that stands there without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leaderboard.figures.ratios import ratio
from leaderboard.figures.rows import shown
from leaderboard.pages import board

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from leaderboard.figures.figures import Figure
    from leaderboard.figures.rows import PageRow
    from leaderboard.words import Words
    from results.economy.economics import Span

__all__ = ["context"]

# Column of the board's data, title, unit (of money what it is for), which way is better: as METRICS
# in compare.js.
_METRICS = (
    ("throughput", "Output tokens/s", "tokens/s", "higher"),
    ("ttft", "TTFT, median", "ms", "lower"),
    ("tpot", "TPOT, median", "ms", "lower"),
    ("energy", "Energy, output tokens", "J/token", "lower"),
    ("rent_usd", "Cost, output tokens", "Mtok", "lower"),
    ("solved_usd", "Cost, 1,000 right answers", "1,000", "lower"),
)
# What so many tokens or answers are paid as.
_MONEY = {"rent_usd": 1, "solved_usd": 1000}


# What does not belong to the same machine under the same work: as DIFFERENCES in compare.js.
_DIFFERENCES = {
    "model": "These ran different models: their tokens are not the same work.",
    "chip": "These ran on different chips: a ratio is of the chips, no improvement of one.",
    "precision": "These ran at different precisions.",
    "engine": "These ran on different engines or versions of them.",
    "load": "These ran under different loads: latency and throughput depend on it.",
}


def context(_: Words, rows: pd.DataFrame) -> dict[str, Any]:
    """Return what the page's template asks for.

    Args:
        rows: serving rows, ranked.
    """
    verdicts = {
        "better": _("better than the first"),
        "worse": _("worse than the first"),
        "none": _("no difference shown"),
        "unknown": _("no interval: nothing can be concluded"),
    }
    words = {
        **board.proof_words(_),
        "configuration": _("Configuration"),
        "metric": _("Metric"),
        "caption": _("Compare"),
        "model": _("Model"),
        **{f"{name}-differ": _(sentence) for name, sentence in _DIFFERENCES.items()},
        "barred": _(
            "One of these does not rank: its weights are not known to answer as well as the model "
            "at full width. A cheaper token may be a worse one."
        ),
        **{name: _(title) for name, title, *_rest in _METRICS},
        **{f"verdict-{name}": text for name, text in verdicts.items()},
    }
    pair = shown(_pair(rows), _.lang)
    lines = [_line(_, metric, pair) for metric in _METRICS] if pair else []
    differing = [
        sentence
        for name, sentence in _DIFFERENCES.items()
        if len({getattr(r, name) for r in pair}) > 1
    ]
    return {
        "pair": pair,
        "differing": differing,
        "barred": any(row.barred for row in pair),
        "lines": lines,
        "words": words,
        "verdicts": verdicts,
    }


def _pair(rows: pd.DataFrame) -> pd.DataFrame:
    """Take the best row and the next of its model; none where there is no second row."""
    if len(rows) < 2:
        return rows[:0]
    same = rows[rows["model"] == rows["model"].iloc[0]]
    return (same if len(same) > 1 else rows)[:2]


def _line(_: Words, metric: tuple[str, str, str, str], pair: Sequence[PageRow]) -> dict[str, Any]:
    name, title, unit, better = metric
    figures = [_figure(row, name) for row in pair]
    first, second = figures
    modelled = name == "energy" and any(
        "energy" in row.figures and row.figures["energy"].method != "measured" for row in pair
    )
    of_pair = ratio(second, first) if first and second else None
    verdict = "unknown" if modelled or not of_pair else of_pair.verdict(better)
    return {
        "title": _(title),
        "cells": [(figure, unit) for figure in figures],
        "count": _MONEY.get(name),
        "ratio": of_pair,
        "verdict": verdict,
    }


def _figure(row: PageRow, name: str) -> Figure | Span | None:
    if name in _MONEY:
        return row.solved if name == "solved_usd" else row.rent.usd if row.rent else None
    return row.figures.get(name)
