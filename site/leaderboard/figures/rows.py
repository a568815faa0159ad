"""The rows of the board: what lists, charts and comparisons show of a result, as flat columns.

A row is a function of one signed statement, the catalogue and the price sheet alone, so that it
can be kept until one of them changes. Figures have five digits: more than any interval here
carries; the downloads are exact.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from leaderboard.base.text import clean, slug
from leaderboard.figures.conditions import conditions
from leaderboard.figures.costs import Electricity, Floor, Owned, Rent, costs_of
from leaderboard.figures.figures import Figure, points_of
from leaderboard.words import Words
from results import catalog
from results.agreement.quality import asked, in_text
from results.checks import OWN_LENGTH
from results.economy.economics import Span
from results.economy.solved import solved_tokens
from results.statement.statement_v2 import ATTESTED
from suites.base.metrics import METRICS
from suites.quality.summary import QUALITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from leaderboard.figures.costs import Cost
    from leaderboard.figures.figures import BoardPoint, Result
    from results.catalog import PriceSheet

__all__ = [
    "FIGURES",
    "PageRow",
    "address",
    "as_shown",
    "frame",
    "page_names",
    "records",
    "rows_of",
    "shown",
    "translated",
]

_DIGITS = 5
# As the option's own bound.
_MOST_WATTS = 10_000
# What any profile but quick holds a serving point for is 60 s, less requests that are cut.
_SHORTEST_S = 48.0
# Name of a figure of a row -> the names it may have in a point, first come first served.
FIGURES: Mapping[str, tuple[str, ...]] = {
    "throughput": ("output_throughput", "decode_throughput"),
    "prefill": ("prefill_throughput",),
    "interactivity": ("interactivity",),
    "ttft": ("ttft",),
    "ttft_p90": ("ttft_p90",),
    "ttft_p99": ("ttft_p99",),
    "tpot": ("tpot",),
    "tpot_p90": ("tpot_p90",),
    "tpot_p99": ("tpot_p99",),
    "energy": ("energy_per_output_token",),
    "energy_input": ("energy_per_input_token",),
}
_MONEY = (
    "rent_cny", "rent_usd", "rent_fens", "solved_usd", "solved_tokens", "owned_usd", "owned_fens",
    "electricity_usd", "electricity_fens", "equal_usd",
)  # fmt: skip
_TEXTS = (
    "quality", "quality_zh", "weights", "terms", "strata",
    "digest", "keyid", "runner", "finished_at", "profile", "suite_version", "reproduces",
    "chip_id", "chip", "model", "model_id", "precision", "engine", "engine_name", "suite", "case",
    "load", "load_zh", "page", "doubts", "moderated", "prints", "samples", "meter", "rent_price",
    "price_sheet", "electricity_method", "owned_basis", "floor_method", "api_price", "per",
    "conditions",
    *(f"{name}_method" for name in FIGURES),
)  # fmt: skip
_NUMBERS = (
    *(f"{name}{part}" for name in FIGURES for part in ("", "_low", "_high", "_n")),
    *(f"{name}{part}" for name in _MONEY for part in ("", "_low", "_high")),
    *("purchase_usd", "full_usd", "draw_usd", "floor_usd", "floor_fens", "api_usd"),
    "power_cap_w",
)
_COUNTS = ("count", "chips", "cores", "flags", "warned", "kernels")
_PLAIN = (
    "digest", "tier", "flags", "barred", "equal_least", "warned", "profile", "suite_version",
    "finished_at", "chip_id", "chip", "chips", "cores", "model", "model_id", "precision", "engine",
    "engine_name", "suite", "case", "valid", "doubts", "moderated", "price_sheet", "page",
)  # fmt: skip
# Marks of a notice with which a row still ranks.
RANKING = ("", "disputed")
_LOADS = {
    "api": "endpoint {n}",
    "isl": "{n} input tokens",
    "context": "context {n}",
    "batch": "batch {n}",
    "concurrency": "concurrency {n}",
    "users": "{n} users",
    "agents": "{n} agents",
    "rate": "{n} requests/s",
    "documents": "{n} documents",
}
# Names that a page may have as they are: none ends as a name with a digest does.
_PAGE = re.compile(r"(?!.*-[0-9a-f]{16}$)[a-z0-9][a-z0-9.-]{0,80}")
_WORDS = {lang: Words.load(lang) for lang in ("en", "zh")}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """A row as a page shows it.

    Attributes:
        digest: of the signed statement the row is from.
        tier: how much is known beyond the signature.
        flags: how many of the physical checks have something against the result.
        warned: how many warnings the run itself gave.
        chips: accelerators of the machine; a CPU is one.
        cores: of a CPU, as many as were measured; else 0.
        load: what the engine was asked to do, in the page's language.
        meter: of the energy: name, scope and method; empty without energy.
        valid: the instrument's own error was small enough.
        doubts: what the run does not prove: that it is not older than its challenge, that its raw
            samples give its figures, that the instrument checked itself; it ranks below those
            that do.
        quality: what is known of the weights: random, kept or lost against the model's full width,
            or unknown; in the page's language.
        barred: it is not known to be good enough to rank.
        solved, equal: cost in USD of a right answer, and of as many as a million tokens at full
            width give; None where nobody asked.
        equal_least: nothing that ranks makes tokens of equal quality for less, of the same model
            and load.
        moderated: what a notice in the log says of the result: "withdrawn", "disputed",
            "superseded"; else empty.
        page: name of the row's own page below its result's; empty where it has none.
        figures: by the names of `FIGURES`.
        rent, owned, electricity, floor: cost of a million output tokens.
        price_sheet: id of the sheet they are from.
        rent_missing: which price there is not, where there is no rent.
        power_cap_w: limit that the run held each chip at, None where it held none.
    """

    digest: str
    tier: str
    flags: int
    warned: int
    profile: str
    suite_version: str
    finished_at: str
    chip_id: str
    chip: str
    chips: int
    cores: int
    model: str
    model_id: str
    precision: str
    engine: str
    engine_name: str
    suite: str
    case: str
    load: str
    meter: str
    valid: bool
    doubts: str
    moderated: str
    page: str
    figures: Mapping[str, Figure]
    rent: Rent | None
    owned: Owned | None
    electricity: Electricity | None
    floor: Floor | None
    price_sheet: str
    rent_missing: str
    quality: str
    barred: bool
    equal_least: bool
    solved: Span | None
    equal: Span | None
    power_cap_w: float | None = None

    @property
    def date(self) -> str:
        return self.finished_at[:10]

    @property
    def where(self) -> str:
        """Address of the row in the site: its own page, or else that of its proof."""
        return address(self.digest, self.page)


def address(digest: str, page: str) -> str:
    """Return where a row stands in the site."""
    return f"r/{digest}/{page}/" if page else f"verify/?statement={digest}"


def page_names(points: Iterable[BoardPoint]) -> dict[tuple[str, str], str]:
    """Name the page of each row of a result, by suite and case: `serving-closed-c4`.

    What is not such a name, or would be another's too, is told apart by a digest.
    """
    rows = (point for point in points if point.suite not in {"kernels", QUALITY})
    cases = [(point.suite, point.case) for point in rows]
    plain = {case: "-".join(case).replace("/", "-") for case in cases}
    times = Counter(plain.values())
    return {
        case: name if times[name] == 1 and _PAGE.fullmatch(name) else slug("/".join(case))
        for case, name in plain.items()
    }


def _load(words: Words, point: BoardPoint) -> str:
    """Say what the engine was asked to do, such as "128→64 tokens · concurrency 4".

    What made its tokens other work stands with the lengths, before the first dot.
    """
    labels = point.labels
    parts = []
    if "isl" in labels and "osl" in labels:
        parts.append(words("{isl}→{osl} tokens", isl=labels["isl"], osl=labels["osl"]))
    for label, phrase in _LOADS.items():
        if label in labels and not (label == "isl" and parts):
            parts.append(words(phrase, n=labels[label]))
    shape, *loads = parts or [point.case]
    return " · ".join([", ".join(filter(None, (shape, conditions(words, labels)))), *loads])


def rows_of(result: Result, sheet: PriceSheet | None) -> list[dict[str, Any]]:
    """Return the rows of a result as flat records; one with no suite where it has none.

    Kernels are not rows: a chip's page shows those of its newest run. What questions gave is said
    of every row.
    """
    costs = costs_of(result, sheet) if sheet else {}
    about = _about(result)
    points = points_of(result)
    pages = page_names(points)
    with_page = [
        {**about, **_row(point, costs.get(case)), "page": pages[case]}
        for point in points
        if (case := (point.suite, point.case)) in pages
    ]
    return with_page or [about]


def frame(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Lay records out as columns; texts are never missing, numbers are NaN where they are."""
    table = pd.DataFrame(list(records), columns=[*_TEXTS, *_COUNTS, "valid", *_NUMBERS])
    # As they are read back: a table of old and new rows is of one kind.
    table[list(_TEXTS)] = table[list(_TEXTS)].astype(object).fillna("").astype("str")
    table[list(_NUMBERS)] = table[list(_NUMBERS)].astype(float)
    table[list(_COUNTS)] = table[list(_COUNTS)].fillna(0).astype("int64")
    table["valid"] = table["valid"].map(lambda value: value is True)
    # Columns that were set one by one lie apart in memory; a copy puts them together.
    return table.copy()


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as what each column says: a row taken out alone costs what fifty do together."""
    names = list(rows.columns)
    values = rows.to_numpy(dtype=object).tolist()
    return [dict(zip(names, own, strict=True)) for own in values]


def shown(rows: pd.DataFrame, lang: str = "en") -> list[PageRow]:
    """Return rows as pages show them."""
    return [as_shown(own, lang) for own in records(rows)] if len(rows) else []


def translated(listed: str, lang: str) -> str:
    """Say in another language what a meter is, or what a cost rests on."""
    return _WORDS[lang].listed(listed)


def as_shown(flat: Mapping[str, Any], lang: str = "en") -> PageRow:
    """Return a record as pages show it."""
    price = translated(flat["rent_price"], lang)
    return PageRow(
        **{name: flat[name] for name in _PLAIN},
        load=flat["load_zh"] if lang == "zh" else flat["load"],
        meter=translated(flat["meter"], lang),
        quality=flat["quality_zh"] if lang == "zh" else flat["quality"],
        solved=_span(flat, "solved_usd"),
        equal=_span(flat, "equal_usd"),
        figures={
            name: Figure(
                metric=name,
                unit=METRICS[_metric(names[0])].unit,
                n=int(flat[f"{name}_n"]),
                method=flat[f"{name}_method"],
                **_ends(flat, name),
            )
            for name, names in FIGURES.items()
            if not math.isnan(flat[name])
        },
        power_cap_w=None if math.isnan(flat["power_cap_w"]) else flat["power_cap_w"],
        rent_missing="" if not math.isnan(flat["rent_usd"]) else price,
        rent=Rent(
            usd=Span(**_ends(flat, "rent_usd")),
            cny=Span(**_ends(flat, "rent_cny")),
            fens=Span(**_ends(flat, "rent_fens")),
            price=price,
        )
        if not math.isnan(flat["rent_usd"])
        else None,
        owned=Owned(
            usd=Span(**_ends(flat, "owned_usd")),
            fens=Span(**_ends(flat, "owned_fens")),
            basis=translated(flat["owned_basis"], lang),
            purchase_usd=flat["purchase_usd"],
            full_usd=flat["full_usd"],
        )
        if flat["owned_basis"]
        else None,
        floor=Floor(
            usd=flat["floor_usd"],
            fens=flat["floor_fens"],
            method=translated(flat["floor_method"], lang),
        )
        if flat["floor_method"]
        else None,
        electricity=Electricity(
            usd=Span(**_ends(flat, "electricity_usd")),
            fens=Span(**_ends(flat, "electricity_fens")),
            method=flat["electricity_method"],
        )
        if flat["electricity_method"]
        else None,
    )


def _span(flat: Mapping[str, Any], name: str) -> Span | None:
    return None if math.isnan(flat[name]) else Span(**_ends(flat, name))


def _ends(flat: Mapping[str, Any], name: str) -> dict[str, Any]:
    low, high = flat[f"{name}_low"], flat[f"{name}_high"]
    return {
        "value": flat[name],
        "low": None if math.isnan(low) else low,
        "high": None if math.isnan(high) else high,
    }


def _about(result: Result) -> dict[str, Any]:
    predicate = result.predicate
    run, chip = predicate.run, predicate.machine.chip
    entry = catalog.chips().get(chip.catalog_id or "")
    return {
        "digest": result.digest,
        "keyid": result.keyid,
        "runner": clean(result.runner),
        "finished_at": run.finished_at,
        "profile": run.profile,
        "suite_version": clean(run.suite_version),
        "reproduces": run.reproduces or "",
        "prints": " ".join(result.prints),
        "samples": " ".join(result.samples),
        "chip_id": result.chip_id,
        "chip": entry.name if entry else clean(chip.name),
        # A CPU's count is its cores, and it is one chip.
        "chips": 1 if chip.kind == "cpu" else chip.count,
        "cores": chip.count if chip.kind == "cpu" else 0,
        "count": chip.count,
        "flags": len(result.flags),
        "warned": result.warned,
        "power_cap_w": _power_cap(result),
        **_answers(result),
        "kernels": sum(row.suite == "kernels" for row in result.measurements),
    }


def _answers(result: Result) -> dict[str, Any]:
    """What the result was asked, for comparison with others, and the tokens of a right answer.

    Nothing where its answers are not there to be graded again.
    """
    if not result.recomputed:
        return {}
    rows = result.predicate.measurements
    answered = asked((row.suite, row.metric, row.labels) for row in rows)
    solved = solved_tokens(rows)
    flat: dict[str, Any] = _spread("solved_tokens", solved) if solved else {}
    if answered:
        flat["terms"] = " ".join(map(str, answered.terms))
        flat["strata"] = in_text(answered)
    return flat


def _power_cap(result: Result) -> float | None:
    """Return what the statement says was held; a stranger's word may be anything."""
    cap = (result.predicate.run.options or {}).get("power_cap_w")
    if not isinstance(cap, int | float) or isinstance(cap, bool):
        return None
    return float(cap) if 0 < cap <= _MOST_WATTS else None


def _row(point: BoardPoint, cost: Cost | None) -> dict[str, Any]:
    engine = point.engine
    flat: dict[str, Any] = {
        "model": clean(point.model),
        "model_id": slug(point.model) if point.model else "",
        "precision": clean(point.precision),
        "engine": clean(_engine(point)),
        "engine_name": clean(engine.name) if engine else "",
        "weights": engine.weights if engine else "",
        "suite": clean(_suite(point)),
        "case": clean(point.case),
        "load": clean(_load(_WORDS["en"], point)),
        "load_zh": clean(_load(_WORDS["zh"], point)),
        "conditions": clean(conditions(_WORDS["en"], point.labels)),
        "meter": _meter(point),
        "valid": point.labels.get("valid", True) is not False,
        "doubts": _doubts(point),
    }
    for name, metrics in FIGURES.items():
        value = next((f for metric in metrics if (f := _in_unit(point, metric))), None)
        if value:
            flat |= _spread(name, value)
            flat[f"{name}_n"] = value.n
            flat[f"{name}_method"] = value.method
    return flat | _money(cost) if cost else flat


def _suite(point: BoardPoint) -> str:
    """Name the suite; a harness may have measured a serving load, or one phase alone."""
    phase = point.suite == ATTESTED and "output_throughput" not in point.figures
    return f"{ATTESTED}-inference" if phase else point.suite


def _engine(point: BoardPoint) -> str:
    """Name the engine; where another harness measured it, that too."""
    engine, labels = point.engine, point.labels
    named = f"{engine.name} {engine.version}" if engine else ""
    if "harness" not in labels:
        return named
    known = named.removesuffix(" unknown").removeprefix("unknown")
    by = f"{labels['harness']} {labels.get('harness_version', '')}".strip()
    return " · ".join(filter(None, (known, by)))


def _doubts(point: BoardPoint) -> str:
    unchecked = point.suite == "serving" and "instrument_ttft_error" not in point.figures
    own = ("no self-check" if unchecked else "", "shorter than its profile" if _cut(point) else "")
    return ", ".join(filter(None, (point.result.doubts, *own)))


def _cut(point: BoardPoint) -> bool:
    """Whether the user's options made a point of the longer profiles a short one."""
    run = point.result.predicate.run
    latency, rate = point.figures.get("e2e"), point.figures.get("request_throughput")
    if run.profile == "quick" or OWN_LENGTH.isdisjoint(run.options or {}):
        return False
    return bool(latency and rate and latency.n < rate.value * _SHORTEST_S)


def _money(cost: Cost) -> dict[str, Any]:
    """Lay out what a row costs."""
    # Where there is no rent, the same column says which price is missing.
    flat: dict[str, Any] = {"price_sheet": cost.sheet, "rent_price": clean(cost.missing)}
    flat["per"] = cost.per
    flat |= _spread("solved_usd", cost.solved or Span(math.nan, None, None))
    flat |= _spread("draw_usd", Span(cost.draw_usd or math.nan, None, None))
    if cost.rent:
        flat["rent_price"] = cost.rent.price
        for part in ("cny", "usd", "fens"):
            flat |= _spread(f"rent_{part}", getattr(cost.rent, part))
    if cost.owned:
        flat["owned_basis"] = clean(cost.owned.basis)
        flat["purchase_usd"] = cost.owned.purchase_usd
        flat["full_usd"] = cost.owned.full_usd
        for part in ("usd", "fens"):
            flat |= _spread(f"owned_{part}", getattr(cost.owned, part))
    if cost.api:
        flat["api_usd"], flat["api_price"] = cost.api.usd, cost.api.label
    if cost.electricity:
        flat["electricity_method"] = cost.electricity.method
        for part in ("usd", "fens"):
            flat |= _spread(f"electricity_{part}", getattr(cost.electricity, part))
    if cost.floor:
        flat["floor_method"] = cost.floor.method
        for part in ("usd", "fens"):
            flat |= _spread(f"floor_{part}", Span(getattr(cost.floor, part), None, None))
    return flat


def _metric(name: str) -> str:
    """Return the metric of a figure's name, which may end in a percentile."""
    return re.sub(r"_p\d+$", "", name)


def _in_unit(point: BoardPoint, metric: str) -> Figure | None:
    """A figure in a unit that is not its metric's cannot stand in a column with the others."""
    value = point.figures.get(metric)
    return value if value and value.unit == METRICS[_metric(metric)].unit else None


def _meter(point: BoardPoint) -> str:
    """Name the meter of the output tokens' energy, or of what energy there is."""
    metrics = ("energy_per_output_token", "energy_per_input_token", "power")
    figure = next((f for metric in metrics if (f := point.figures.get(metric))), None)
    if not figure:
        return ""
    meters = {meter.name: meter for meter in point.result.predicate.meters}
    named = meters.get(str(figure.labels.get("meter", "")), next(iter(meters.values()), None))
    if not named:
        return ""
    error = figure.labels.get("error_percent")
    budget = [f"±{error:.3g}%"] if isinstance(error, int | float) else []
    return " · ".join(map(clean, (named.name, named.scope, named.method, *budget)))


def _spread(name: str, span: Figure | Span) -> dict[str, float]:
    ends = {name: span.value, f"{name}_low": span.low, f"{name}_high": span.high}
    return {end: float(f"{v:.{_DIGITS}g}") for end, v in ends.items() if v is not None}
