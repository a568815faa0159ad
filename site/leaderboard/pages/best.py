"""The best that is known of each model, load and chip: what the front page answers with.

`best.js` chooses and draws by the same rules; a test holds them together.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from leaderboard.figures.front import CLASSES, KINDS, OWNED
from leaderboard.pages.front import class_words, load_words, point_words, short
from results.economy.economics import kwh_per_mtok
from results.prediction.market import in_region

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from leaderboard.figures.front import ConfigurationPoint
    from leaderboard.words import Words
    from results.catalog import PriceSheet
    from results.prediction.choose import FigureKind

__all__ = [
    "FIELDS",
    "Best",
    "BestQuery",
    "BoardRow",
    "Cell",
    "as_file",
    "best_known",
    "cells",
    "context",
    "g_per_joule",
]

# What is compared -> whether less is better.
MEASURES: Mapping[str, bool] = {"cost": True, "rate": False, "energy": True, "co2e": True}
# Milliseconds that a reader may limit a wait to.
_LIMITS = {"ttft": (500, 1000, 3000, 10_000), "tpot": (10, 20, 50, 100)}
_MOST_ROWS, _MOST_CHIPS = 12, 8
# Rows that the live table knows; of others the models' pages tell.
_MOST_KNOWN = 100
_ORDER = {kind: place for place, kind in enumerate(KINDS)}
_TIMES = ("ttft", "tpot", "ttft_p99", "tpot_p99")
FIELDS = (
    "row", "chip", "kind", "rate", "low", "high", "usd", *_TIMES, "joules", "kept", "quick",
    "basis", "where", "words",
)  # fmt: skip
_SECOND_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BestQuery:
    """What a reader wants to see.

    Attributes:
        measure: one of `MEASURES`; price_class: of its cost.
        tokens: "output", or "total" for input and output of a load together.
        ttft, tpot: ms that a point must keep; 0 asks for none.
        p99: whether it must keep them at the 99th percentile; else at its median or mean.
        kept: whether its answers must be known to be as good as at full width.
        evidence: the weakest kind that is shown.
    """

    measure: str = "cost"
    price_class: str = OWNED
    tokens: str = "output"
    ttft: int = 0
    tpot: int = 0
    p99: bool = False
    kept: bool = False
    evidence: FigureKind = "predicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """A figure, the ends of its interval where there is one, and the point it is of.

    Attributes:
        ratio: to the best of its row; a prediction is not the best where somebody has run one.
    """

    value: float
    low: float | None
    high: float | None
    ratio: float
    point: ConfigurationPoint

    @property
    def mark(self) -> str:
        return KINDS[self.point.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """A model under a load, and the best of each chip."""

    model: str
    load: str
    cells: Mapping[str, Best]

    @property
    def run(self) -> int:
        """How many chips somebody has run."""
        return sum(best.point.kind != "predicted" for best in self.cells.values())


def best_known(
    points: Mapping[str, Iterable[ConfigurationPoint]], ask: BestQuery, g_per_joule: float = 0.0
) -> list[BoardRow]:
    """Return what is best by model and load, rows with most evidence first.

    Better evidence stands, whichever is the better figure: kinds are never merged.

    Args:
        points: by model.
        g_per_joule: grams of CO₂e of a million tokens, for each joule of one.
    """
    less = MEASURES[ask.measure]
    # Energy is read beside the rate: its ends are not those of the rate.
    ends = ask.measure in {"cost", "rate"}
    held: defaultdict[
        tuple[str, str], dict[str, tuple[tuple[int, float, str], ConfigurationPoint, float]]
    ]
    held = defaultdict(dict)
    for model, own in points.items():
        for point in own:
            value = _value(point, ask, g_per_joule) if _meets(point, ask) else None
            if value:
                place = (_ORDER[point.kind], value if less else -value, point.where)
                cells = held[model, point.load]
                if point.chip not in cells or place < cells[point.chip][0]:
                    cells[point.chip] = (place, point, value)
    rows = [
        BoardRow(model=model, load=load, cells=_with_ratios(own.values(), less=less, ends=ends))
        for (model, load), own in held.items()
    ]
    return sorted(rows, key=lambda row: (-row.run, -len(row.cells), row.model, row.load))


def _with_ratios(
    told: Iterable[tuple[tuple[int, float, str], ConfigurationPoint, float]],
    *,
    less: bool,
    ends: bool,
) -> dict[str, Best]:
    figures = [(point, value) for _, point, value in told]
    run = [value for point, value in figures if point.kind != "predicted"]
    top = (min if less else max)(run or [value for _, value in figures])
    return {
        point.chip: Best(
            value=value,
            **(_ends(point, value, less=less) if ends else {"low": None, "high": None}),
            ratio=value / top if less else top / value,
            point=point,
        )
        for point, value in figures
    }


def _ends(point: ConfigurationPoint, value: float, *, less: bool) -> dict[str, float | None]:
    """Ends of a rate, or of money, which falls as the rate rises."""
    low, high = point.low and point.low / point.rate, point.high and point.high / point.rate
    if less:
        low, high = high and 1 / high, low and 1 / low
    return {"low": low and value * low, "high": high and value * high}


def _meets(point: ConfigurationPoint, ask: BestQuery) -> bool:
    """Whether it is of the evidence asked for, and keeps the limits at the percentile."""
    if _ORDER[point.kind] > _ORDER[ask.evidence] or (ask.kept and not point.kept):
        return False
    ttft, tpot = (point.ttft_p99, point.tpot_p99) if ask.p99 else (point.ttft, point.tpot)
    return _keeps(ttft, ask.ttft) and _keeps(tpot, ask.tpot)


def _keeps(time_ms: float | None, limit_ms: int) -> bool:
    return not limit_ms or (time_ms is not None and time_ms <= limit_ms)


def _value(point: ConfigurationPoint, ask: BestQuery, g_per_joule: float) -> float | None:
    figures: Mapping[str, float | None] = {
        "cost": point.usd.get(ask.price_class),
        "rate": point.rate,
        "energy": point.joules,
        "co2e": point.joules and point.joules * g_per_joule,
    }
    value, share = figures[ask.measure], _share(point.load) if ask.tokens == "total" else 1.0
    if not value or not share:
        return None
    return value * share if MEASURES[ask.measure] else value / share


def _share(load: str) -> float | None:
    """Output tokens among all of a load; None where it does not say its lengths."""
    isl, _arrow, osl = load.partition(", ")[0].partition("→")
    if not (isl.isdecimal() and osl.isdecimal() and int(osl)):
        return None
    return int(osl) / (int(isl) + int(osl))


def g_per_joule(sheet: PriceSheet | None) -> float:
    """Grams of CO₂e of a million tokens for each joule of one, in the sheet's region at its PUE."""
    if sheet is None:
        return 0.0
    _sheet, mix = in_region(sheet, sheet.reference_tariff)
    return mix.kg(kwh_per_mtok(1.0), sheet.pue.value) * 1000


def _chips(rows: Iterable[BoardRow]) -> list[str]:
    """Name the chips that a table has room for, those that most was run of first."""
    run: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for row in rows:
        every.update(row.cells.keys())
        run.update(chip for chip, best in row.cells.items() if best.point.kind != "predicted")
    return sorted(every, key=lambda chip: (-run[chip], -every[chip], chip))[:_MOST_CHIPS]


def context(
    _: Words, rows: Sequence[BoardRow], names: Mapping[str, str], classes: Iterable[str]
) -> dict[str, Any]:
    """Return what the front page opens with: owned cost, which most chips have.

    Args:
        rows: what is best as the board opens; names: of the models.
        classes: of prices that anything has.
    """
    known = rows[:_MOST_KNOWN]
    shown = best_known(_rounded(rows[:_MOST_ROWS]), BestQuery())
    titles = {best.point.chip: best.point.chip_name for row in shown for best in row.cells.values()}
    models = {row.model: names.get(row.model, row.model) for row in known}
    return {
        "chips": [(chip, titles[chip]) for chip in _chips(shown)],
        "rows": shown,
        "names": models,
        "models": sorted(models.items(), key=lambda pair: pair[1].casefold()),
        "loads": {row.load: load_words(_, row.load) for row in known},
        "classes": {name: class_words(_, name) for name in _classes(classes)},
        "limits": {name: {ms: _limit(ms) for ms in own} for name, own in _LIMITS.items()},
        "kinds": {kind: f"{mark} {_(kind)}" for kind, mark in reversed([*KINDS.items()])},
        "point_words": lambda point: point_words(_, point),
    }


def _classes(priced: Iterable[str]) -> list[str]:
    """Put the class that the board opens with first."""
    known = set(priced)
    return [name for name in sorted(CLASSES, key=lambda name: name != OWNED) if name in known]


def _limit(ms: int) -> str:
    return f"≤ {ms / _SECOND_MS:g} s" if ms >= _SECOND_MS else f"≤ {ms} ms"


def _rounded(rows: Iterable[BoardRow]) -> dict[str, list[ConfigurationPoint]]:
    """Keep the digits that the file has: what is drawn here and there is the same."""
    points: defaultdict[str, list[ConfigurationPoint]] = defaultdict(list)
    for row in rows:
        points[row.model] += (
            replace(
                best.point,
                rate=short(best.point.rate),
                low=_short(best.point.low),
                high=_short(best.point.high),
                usd={name: short(usd) for name, usd in best.point.usd.items()},
            )
            for best in row.cells.values()
        )
    return points


def _short(value: float | None) -> float | None:
    return None if value is None else short(value)


def as_file(
    _: Words,
    points: Mapping[str, Sequence[ConfigurationPoint]],
    rows: Sequence[BoardRow],
    names: Mapping[str, str],
    sheet: PriceSheet | None,
) -> str:
    """Return what the live table chooses from, as JSON: a list for each point, by `fields`.

    Args:
        points: by model; rows: what is best as the board opens; names: of the models.
    """
    rows = rows[:_MOST_KNOWN]
    places = {(row.model, row.load): place for place, row in enumerate(rows)}
    own = [
        (places[model, point.load], point)
        for model, every in points.items()
        for point in every
        if (model, point.load) in places
    ]
    chips = sorted({(point.chip, point.chip_name) for _place, point in own})
    at = {chip: place for place, (chip, _name) in enumerate(chips)}
    told = {
        "measures": MEASURES,
        "kinds": list(KINDS),
        "classes": CLASSES,
        "g_per_joule": g_per_joule(sheet),
        "chips": chips,
        "rows": [
            [row.model, names.get(row.model, row.model), row.load, load_words(_, row.load)]
            for row in rows
        ],
        "shares": [_share(row.load) for row in rows],
        "fields": FIELDS,
        "points": [_listed(_, place, at[point.chip], point) for place, point in own],
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _listed(_: Words, row: int, chip: int, point: ConfigurationPoint) -> list[Any]:
    return [
        row,
        chip,
        _ORDER[point.kind],
        *map(_short, (point.rate, point.low, point.high)),
        [_short(point.usd.get(name)) for name in CLASSES],
        *(_short(getattr(point, name)) for name in _TIMES),
        _short(point.joules),
        int(point.kept),
        int(point.profile == "quick"),
        _(point.basis),
        point.where,
        point_words(_, point),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell of the board, as programs read it.

    Attributes:
        measure: what `value` is: cost in USD per million output tokens, rate in output tokens/s
            of a chip, energy in joules per output token, co2e in grams per million of them.
        price_class: of a cost; else None.
        low, high: ends of its interval.
        percentile: what the times without one are: "median" or "mean"; None where nobody says.
        id: address of the evidence in the site.
        words: what ran, under which load, by whom.
    """

    model: str
    load: str
    chip: str
    measure: str
    price_class: str | None
    evidence: str
    value: float
    low: float | None
    high: float | None
    percentile: str | None
    ttft_ms: float | None
    tpot_ms: float | None
    ttft_p99_ms: float | None
    tpot_p99_ms: float | None
    date: str
    quick: bool
    id: str
    words: str


def cells(
    _: Words, points: Mapping[str, Sequence[ConfigurationPoint]], sheet: PriceSheet | None
) -> Iterator[Cell]:
    """Yield every cell of the board without limits, of each measure and of two classes of price."""
    rented = sheet.default_class if sheet else ""
    asked = [
        BestQuery(),
        BestQuery(price_class=rented),
        *(BestQuery(measure=name) for name in list(MEASURES)[1:]),
    ]
    for ask in asked:
        of_class = ask.price_class if ask.measure == "cost" else None
        for row in best_known(points, ask, g_per_joule(sheet)):
            for _chip, best in sorted(row.cells.items()):
                yield _cell(_, row, best, ask.measure, of_class)


def _cell(_: Words, row: BoardRow, best: Best, measure: str, price_class: str | None) -> Cell:
    point = best.point
    return Cell(
        model=row.model,
        load=row.load,
        chip=point.chip,
        measure=measure,
        price_class=price_class,
        evidence=point.kind,
        value=short(best.value),
        low=_short(best.low),
        high=_short(best.high),
        percentile=point.statistic or None,
        ttft_ms=_short(point.ttft),
        tpot_ms=_short(point.tpot),
        ttft_p99_ms=_short(point.ttft_p99),
        tpot_p99_ms=_short(point.tpot_p99),
        date=point.date,
        quick=point.profile == "quick",
        id=point.where,
        words=point_words(_, point),
    )
