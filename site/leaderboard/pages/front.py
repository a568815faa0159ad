"""The front of a model: as its page shows it, and as a file for its script."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from leaderboard.base.text import figure
from leaderboard.figures import front
from leaderboard.figures.chart import draw
from leaderboard.figures.conditions import in_words
from leaderboard.figures.front import CLASSES, KINDS, MOST_CHIPS, OWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leaderboard.figures.front import ConfigurationPoint
    from leaderboard.words import Words

__all__ = [
    "about",
    "as_file",
    "class_words",
    "context",
    "load_words",
    "point_words",
    "priced",
    "setup",
    "short",
]

_ALL = "*"
_DIGITS = 4


def context(
    _: Words,
    points: Sequence[ConfigurationPoint],
    price_class: str,
    money: tuple[str, float],
    root: str,
) -> dict[str, Any]:
    """Return the front that a page opens with; nothing where no point has a price.

    Args:
        points: as `priced` gives them.
        price_class: default class of the price sheet.
        money: the page's currency and its units for a dollar.
    """
    if not points:
        return {"front": None}
    view = front.default_view(points, price_class)
    lines = front.lines(points, view)
    shown = lines[:MOST_CHIPS]
    drawn = front.chart(_, shown, view, money, lambda point: point_words(_, point), root)
    return {
        "front": {
            "chart": draw(drawn),
            "view": asdict(view),
            "rows": [_row(_, point, view.price_class) for line in shown for point in line.points],
            "chips": len(lines),
            "shown": len(shown),
            "most": MOST_CHIPS,
            "loads": {load: load_words(_, load) for load in [*_loads(points), _ALL]},
            "classes": {name: class_words(_, name) for name in _classes(points)},
            "kinds": {kind: f"{mark} {_(kind)}" for kind, mark in KINDS.items()},
            "words": {
                "title": drawn.title,
                "x": drawn.x.title,
                "y": _("{code} per million output tokens"),
                "per user": _("tokens/s per user"),
                "p99": _("TPOT p99 {ms} ms"),
                "none": _(
                    "No chip is known in this view; another load, class or evidence has some."
                ),
                "some": _(
                    "{shown} of {chips} chips are drawn: best evidence first, then the cheapest"
                ),
            },
        }
    }


def as_file(_: Words, points: Sequence[ConfigurationPoint]) -> str:
    """Return points as JSON, with what the page says of each; costs by `CLASSES`.

    Args:
        points: as `priced` gives them.
    """
    loads = _loads(points)
    fields = {
        "loads": loads,
        "classes": CLASSES,
        "chips": {point.chip: point.chip_name for point in points},
        "points": [
            {
                "kind": point.kind,
                "chip": point.chip,
                "load": loads.index(point.load),
                "user": point.per_user,
                "rate": point.rate,
                "usd": [point.usd.get(name) for name in CLASSES],
                "p99": point.tpot_p99,
                "where": point.where,
                "setup": setup(_, point),
                "about": about(_, point),
            }
            for point in points
        ],
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def priced(points: Iterable[ConfigurationPoint]) -> list[ConfigurationPoint]:
    """Keep points that have a price, and the digits that files have: a page draws the same."""
    return [
        replace(
            point,
            per_user=short(point.per_user),
            rate=short(point.rate),
            usd={name: short(usd) for name, usd in point.usd.items()},
            tpot_p99=point.tpot_p99 and short(point.tpot_p99),
        )
        for point in points
        if point.usd
    ]


def short(value: float) -> float:
    """Keep the digits that files have."""
    return float(f"{value:.{_DIGITS}g}")


def _loads(points: Sequence[ConfigurationPoint]) -> list[str]:
    """Loads of a model, those that most was published of first."""
    counts: dict[str, tuple[int, int]] = {}
    for point in points:
        real, every = counts.get(point.load, (0, 0))
        counts[point.load] = (real + (point.kind != "predicted"), every + 1)
    return sorted(counts, key=lambda load: (-counts[load][0], -counts[load][1], load))


def _classes(points: Sequence[ConfigurationPoint]) -> list[str]:
    return [name for name in CLASSES if any(name in point.usd for point in points)]


def class_words(_: Words, name: str) -> str:
    """Say what a cost is of."""
    return _("Owned") if name == OWNED else _("Rented: {name}", name=_(name))


def load_words(_: Words, load: str) -> str:
    """Say what was asked of the engine, with the conditions that made it other work."""
    if load == _ALL:
        return _("all loads together")
    lengths, _comma, conditions = load.partition(", ")
    isl, arrow, osl = lengths.partition("→")
    named = _("{isl}→{osl} tokens", isl=isl, osl=osl) if arrow else lengths or _("not stated")
    return f"{named}{_.listed(', ')}{in_words(_, conditions)}" if conditions else named


def _row(_: Words, point: ConfigurationPoint, price_class: str) -> Mapping[str, Any]:
    return {
        "chip": point.chip,
        "name": point.chip_name,
        "kind": point.kind,
        "usd": point.usd[price_class],
        "user": point.per_user,
        "rate": point.rate,
        "p99": point.tpot_p99,
        "where": point.where,
        "setup": setup(_, point),
        "about": about(_, point),
    }


def point_words(_: Words, point: ConfigurationPoint) -> str:
    """Say what stands behind a point."""
    return " · ".join(filter(None, (setup(_, point), _p99(_, point), about(_, point))))


def _p99(_: Words, point: ConfigurationPoint) -> str:
    return _("TPOT p99 {ms} ms", ms=figure(point.tpot_p99)) if point.tpot_p99 else ""


def setup(_: Words, point: ConfigurationPoint) -> str:
    """Say what ran: engine, precision, layout, speculation, pools."""
    parts = [point.engine, point.precision, point.layout]
    if point.cores:
        parts.append(_("{n} cores", n=point.cores))
    if point.speculation:
        parts.append(_("speculation {name}", name=point.speculation))
    if point.pools:
        prefill, decode = point.pools
        parts.append(_("{prefill} chips prefill, {decode} decode", prefill=prefill, decode=decode))
    return " · ".join(filter(None, parts))


def about(_: Words, point: ConfigurationPoint) -> str:
    """Say under which load, how it is known, and by whom."""
    parts = [load_words(_, point.load)]
    if point.concurrency:
        parts.append(_("concurrency {n}", n=f"{point.concurrency:g}"))
    if point.profile == "quick":
        parts.append(_("quick"))
    if point.derived:
        parts.append(_("throughput derived from times and load"))
    if point.basis:
        ends = {"low": figure(point.low), "high": figure(point.high)}
        parts.append(_("predicted from: {basis}", basis=_(point.basis)))
        parts.append(_("{low} to {high} tokens/s per chip", **ends))
    return " · ".join([*parts, *filter(None, (_.listed(point.publisher), point.date))])
