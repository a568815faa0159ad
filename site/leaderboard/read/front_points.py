"""What is known of each model as points of speed against cost: signed, reported, predicted.

Of a chip, a load and a kind of evidence only the points are kept that no other beats in everything
that is asked for: speed, throughput, waiting, energy, quality.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import asdict
from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from leaderboard.base.text import clean
from leaderboard.figures.conditions import conditions
from leaderboard.figures.front import OWNED, ConfigurationPoint
from leaderboard.figures.rows import address
from leaderboard.read import cache as builds
from leaderboard.words import Words
from results import catalog
from results.catalog.prices_data import RENTAL_CLASSES
from results.economy.costs import cost_rows
from results.economy.economics import one_token_per_s
from results.prediction.fronts import fronts_of, fronts_on
from results.prediction.shipped import shipped
from results.statement.precision import served
from results.statement.statement_v2 import ATTESTED
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from leaderboard.read.reported import Reported, ReportedLine, Section
    from results.catalog import PriceSheet
    from results.economy.costs import CostRow
    from results.prediction.cells import ServingCell
    from results.prediction.fronts import Predicted

__all__ = ["NO_POINTS", "Points", "points"]

Predictions: TypeAlias = "Callable[[], Sequence[ConfigurationPoint]]"

_ENGLISH = Words.load("en")
_CONFIGURED = {
    "tensor_parallel": "TP",
    "data_parallel": "DP",
    "expert_parallel": "EP",
    "pipeline_parallel": "PP",
}
_COLUMNS = [
    "model", "model_id", "chip_id", "chip", "chips", "cores", "per", "shape", "load", "engine",
    "precision", "weights", "profile", "throughput_method", "throughput", "throughput_low",
    "throughput_high", "rent_usd", "owned_usd", "energy", "energy_method", "digest", "page",
    "finished_at", "user", "ttft_most", "tpot_most", "ttft_p99_most", "tpot_p99_most",
]  # fmt: skip
_LATENCIES = ("ttft", "tpot", "ttft_p99", "tpot_p99")
# Of a row's hundred columns those that points are made of.
_READ = [
    *(name for name in _COLUMNS if name != "user" and not name.endswith("_most")),
    *("interactivity", *(f"{name}{end}" for name in _LATENCIES for end in ("", "_high"))),
]


class Points:
    """What is known of each model and chip; predictions, of which there are many, are made late.

    Args:
        shown: signed and reported points by model.
        predicted: returns a model's predicted points by load; None where nothing is predicted.
        predicted_on: those of a model on one chip, where that takes less than all of them.
    """

    def __init__(
        self,
        shown: Mapping[str, Sequence[ConfigurationPoint]],
        predicted: Callable[[str], Mapping[str, Predictions]] | None = None,
        predicted_on: Callable[[str, str], Iterable[ConfigurationPoint]] | None = None,
    ) -> None:
        self.shown = shown
        self._predicted = predicted or (lambda _model: {})
        self._predicted_on = predicted_on or self._of_all_on

    def of_model(self, model: str) -> list[ConfigurationPoint]:
        """Return the points of a model that may stand on a front, signed ones first."""
        every = chain.from_iterable(own() for own in self._predicted(model).values())
        return [*_on_fronts(self.shown.get(model, ())), *every]

    def of_loads_run(self) -> dict[str, list[ConfigurationPoint]]:
        """Return by model every point of the loads that somebody ran, signed ones first."""
        known = {}
        for model, shown in sorted(self.shown.items()):
            loads = {point.load for point in shown}
            others = (own() for load, own in self._predicted(model).items() if load in loads)
            known[model] = [*shown, *chain.from_iterable(others)]
        return known

    def of_chip(self, chip: str) -> Mapping[str, Sequence[ConfigurationPoint]]:
        """Return the points of a chip by model, of models that somebody ran."""
        every = (
            (model, [*self._shown_on(model, chip), *self._predicted_on(model, chip)])
            for model in sorted(self.shown)
        )
        return {model: own for model, own in every if own}

    def _shown_on(self, model: str, chip: str) -> Iterator[ConfigurationPoint]:
        return (point for point in self.shown[model] if point.chip == chip)

    def _of_all_on(self, model: str, chip: str) -> Iterator[ConfigurationPoint]:
        every = chain.from_iterable(own() for own in self._predicted(model).values())
        return (point for point in every if point.chip == chip)


NO_POINTS = Points({})


def points(rows: pd.DataFrame, reported: Reported, sheet: PriceSheet | None, stamp: str) -> Points:
    """Gather the points of each model, by its page.

    None that a law flags, or that is disputed, of MLPerf, simulated, or claimed by a vendor.

    Args:
        stamp: identifies the code and the prices that costs are computed with.
    """
    if sheet is None:
        return NO_POINTS
    prices = _Prices(sheet)
    made_of = f"{stamp} {reported.made_of}"
    made = builds.kept("fronts", made_of, partial(_packed, reported, prices))
    shown: defaultdict[str, list[ConfigurationPoint]] = defaultdict(list)
    for model, point in _signed(rows, prices):
        shown[model].append(point)
    for model, others in json.loads(made).items():
        shown[model] += (ConfigurationPoint(**fields) for fields in others)
    return Points(shown, cache(partial(_predicted, prices)), partial(_predicted_on, prices))


def _undominated(
    own: Iterable[ConfigurationPoint], figures: Callable[[ConfigurationPoint], tuple[float, ...]]
) -> Iterator[ConfigurationPoint]:
    """Yield the points that no other equals or beats in every figure, of which more is better."""
    kept: list[tuple[float, ...]] = []
    valued = ((figures(point), point) for point in own)
    for values, point in sorted(
        valued, key=lambda pair: (*(-value for value in pair[0]), pair[1].where)
    ):
        if not any(all(map(float.__ge__, other, values)) for other in kept):
            kept.append(values)
            yield point


def _asked_for(point: ConfigurationPoint) -> tuple[float, ...]:
    """Figures that a reader may limit or rank by; what nobody says meets no limit."""
    less = (*(getattr(point, name) for name in _LATENCIES), point.joules)
    lesser = (-math.inf if value is None else -value for value in less)
    return (point.rate, point.per_user, *lesser, float(point.kept))


def _on_fronts(own: Iterable[ConfigurationPoint]) -> Iterator[ConfigurationPoint]:
    """Yield the points that no other of their chip, load and source beats in speed and rate."""
    alike: defaultdict[tuple[str, ...], list[ConfigurationPoint]] = defaultdict(list)
    for point in own:
        alike[point.kind, point.chip, point.load, point.publisher].append(point)
    for points in alike.values():
        yield from _undominated(points, lambda point: (point.per_user, point.rate))


class _Prices:
    """What a chip costs by class: in proportion to the time that it takes for a token."""

    def __init__(self, sheet: PriceSheet) -> None:
        self.sheet = sheet
        self._units: dict[str, dict[str, float]] = {}

    def units(self, chip: str) -> Mapping[str, float]:
        """USD per million tokens at one token/s of a chip, by class."""
        if chip not in self._units:
            self._units[chip] = dict(self._of(chip))
        return self._units[chip]

    def at(self, chip: str, rate: float, known: Mapping[str, float]) -> dict[str, float]:
        """USD per million tokens by class; what a row says itself comes first."""
        return {name: unit / rate for name, unit in self.units(chip).items()} | dict(known)

    def _of(self, chip: str) -> Iterator[tuple[str, float]]:
        cost: Callable[..., list[CostRow]] = partial(
            cost_rows,
            [one_token_per_s("output_throughput")],
            chip=chip,
            count=1,
            sheet=self.sheet,
        )
        for name in RENTAL_CLASSES:
            rented = cost(rental=name)[0].rental_usd
            if rented:
                yield name, rented.value
        owned = cost()[0].owned
        if owned:
            yield OWNED, owned.usd.value


def _packed(reported: Reported, prices: _Prices) -> bytes:
    by_model: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for model, point in _of_publishers(reported, prices):
        by_model[model].append(asdict(point))
    return json.dumps(by_model).encode()


def _signed(rows: pd.DataFrame, prices: _Prices) -> Iterator[tuple[str, ConfigurationPoint]]:
    unmarked = (rows["flags"] == 0) & (rows["moderated"] == "") & ~rows["barred"]
    sound = rows["valid"] & unmarked
    shown = rows["throughput_method"].isin(["measured", ATTESTED])
    loaded = rows["suite"].isin(["serving", ATTESTED]) & (rows["model_id"] != "")
    own = rows.loc[sound & shown & loaded & (rows["throughput"] > 0), _READ]
    user = own["interactivity"].fillna(1000 / own["tpot"])
    most = {f"{name}_most": own[f"{name}_high"].fillna(own[name]) for name in _LATENCIES}
    own = own.assign(user=user, **most)[_COLUMNS]
    alike: defaultdict[tuple[str, str, str, str, int], list[ConfigurationPoint]] = defaultdict(list)
    models: dict[str, str] = {}
    told: Iterable[Any] = own[own["user"] > 0].itertuples(index=False)
    for row in told:
        model = models.setdefault(row.model_id, known_as(row.model) or row.model_id)
        point = _of_row(row, prices)
        alike[model, point.chip, point.load, point.kind, point.cores].append(point)
    for (model, *_), points in alike.items():
        yield from ((model, point) for point in _undominated(points, _asked_for))


def _of_row(row: Any, prices: _Prices) -> ConfigurationPoint:
    sheet = prices.sheet
    known = {sheet.default_class: row.rent_usd, OWNED: row.owned_usd}
    known = {name: usd for name, usd in known.items() if usd > 0}  # NaN is not
    rate = row.throughput / row.chips
    return ConfigurationPoint(
        chip=row.chip_id,
        chip_name=row.chip,
        kind="attested" if row.throughput_method == ATTESTED else "measured",
        load=_load_of(row.shape),
        per_user=row.user,
        rate=rate,
        # Of a processor cores are paid for, and how many is in its own cost alone.
        usd=known if row.per == "core" else prices.at(row.chip_id, rate, known),
        low=_or_none(row.throughput_low / row.chips),
        high=_or_none(row.throughput_high / row.chips),
        engine=row.engine,
        precision=row.precision,
        cores=row.cores,
        concurrency=_after(row.load, "concurrency "),
        ttft=_or_none(row.ttft_most),
        tpot=_or_none(row.tpot_most) or 1000 / row.user,
        ttft_p99=_or_none(row.ttft_p99_most),
        tpot_p99=_or_none(row.tpot_p99_most),
        joules=_or_none(row.energy) if row.energy_method == "measured" else None,
        kept=row.weights != "random",
        statistic="median",
        profile=row.profile,
        where=address(row.digest, row.page),
        date=row.finished_at[:10],
    )


def _load_of(shape: str) -> str:
    """Name a load as publishers' rows do."""
    return shape.replace(" tokens", "", 1) if "→" in shape else shape


def _after(load: str, word: str) -> float | None:
    number = load.partition(word)[2].partition(" ")[0]
    return float(number) if number.isascii() and number.isdigit() else None


def _or_none(value: float) -> float | None:
    return value if value > 0 else None  # NaN is not


def _of_publishers(reported: Reported, prices: _Prices) -> Iterator[tuple[str, ConfigurationPoint]]:
    """Keep of each model, chip, load and publisher what no other row of it beats in both."""
    trusted = {cell.id: cell for cell in shipped().samples["tpot"].cells}
    for section in reported.sections:
        usable = section.publisher.view == "general" and section.chip_id
        if not usable or section.publisher.evidence not in {"", "measured by its publisher"}:
            continue
        alike: defaultdict[tuple[str, str], list[ConfigurationPoint]] = defaultdict(list)
        for line in section.lines:
            model = served(line.result.model, line.result.precision)
            if model and not line.flags:
                cell = trusted.get(str(line.result.labels.get("row", "")))
                for point in _of_line(section, line, cell, prices):
                    alike[model.id, point.load].append(point)
        for (model_id, _), own in alike.items():
            yield from ((model_id, point) for point in _undominated(own, _asked_for))


def _of_line(
    section: Section, line: ReportedLine, cell: ServingCell | None, prices: _Prices
) -> Iterator[ConfigurationPoint]:
    """Yield the point of a published row, where it says how fast users are served, and how many."""
    count = line.result.chip.count
    cost = next((cost for cost in line.costs if cost.tokens == "output"), None)
    told = next((m for name in _SPEEDS if (m := line.figures.get(name))), None)
    if not told or not told.value:
        return
    user = told.value if told.metric == "interactivity" else 1000 / told.value
    known: dict[str, float] = {}
    if cost and count:
        rate = cost.tokens_per_s.value / count
        known = {prices.sheet.default_class: cost.rental_usd.value} if cost.rental_usd else {}
        known |= {OWNED: cost.owned.usd.value} if cost.owned else {}
    elif cell and cell.ttft_ms and cell.tpot_ms and cell.concurrency:
        # Closed loop: C requests of OSL tokens in the time that one takes.
        time_s = (cell.ttft_ms + cell.tpot_ms * (cell.osl - 1)) / 1e3
        rate = cell.concurrency * cell.osl / time_s / cell.layout.chips
    else:
        return
    asked, figures = line.asked, line.figures
    joules = figures.get("energy_per_output_token of the chip")
    yield ConfigurationPoint(
        chip=section.chip_id,
        chip_name=section.chip,
        kind="reported",
        load=_published_load(asked),
        per_user=user,
        rate=rate,
        usd=prices.at(section.chip_id, rate, known),
        derived=not cost,
        engine=clean(line.result.engine or ""),
        precision=clean(line.result.precision or ""),
        layout=_layout(asked),
        speculation=clean(str(asked.get("speculation", ""))).replace("none", ""),
        pools=_pools(asked),
        concurrency=_number(asked.get("concurrency")),
        ttft=figures["ttft"].value if "ttft" in figures else None,
        tpot=1000 / user,
        ttft_p99=_p99(line, "ttft"),
        tpot_p99=_p99(line, "tpot") or _p99(line, "itl"),
        joules=joules.value if joules else None,
        statistic=str(told.labels.get("statistic", "")),
        publisher=section.publisher.title,
        where=f"reported/{section.id}/#{line.anchor}",
        date=clean(line.result.date or line.source.date or "")[:10],
    )


_SPEEDS = ("interactivity", "tpot", "itl")


def _published_load(asked: Mapping[str, Any]) -> str:
    lengths = f"{asked['isl']}→{asked['osl']}" if asked.get("isl") and asked.get("osl") else ""
    load = lengths or str(asked.get("task", ""))
    return clean(", ".join(filter(None, (load, conditions(_ENGLISH, asked)))))


def _layout(asked: Mapping[str, Any]) -> str:
    parts = ((name, asked.get(label)) for label, name in _CONFIGURED.items())
    return ", ".join(f"{name} {clean(str(n))}" for name, n in parts if n and n != 1)


def _pools(asked: Mapping[str, Any]) -> tuple[int, ...]:
    chips = (asked.get("prefill_chips"), asked.get("decode_chips"))
    counted = tuple(n for n in chips if isinstance(n, int))
    return counted if asked.get("disaggregated") is True and len(counted) == len(chips) else ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _p99(line: ReportedLine, metric: str) -> float | None:
    row = line.p99.get(metric)
    return row.value if row else None


def _predicted(prices: _Prices, model: str) -> Mapping[str, Predictions]:
    """Return the predictions of a model by load: those of a load are made when they are asked."""
    return {
        _load_named(lengths): cache(partial(_predicted_of, prices, model, lengths, chips))
        for lengths, chips in fronts_of(model).items()
    }


def _predicted_of(
    prices: _Prices,
    model: str,
    lengths: tuple[int, int],
    chips: Mapping[str, Sequence[Predicted]],
) -> list[ConfigurationPoint]:
    names = catalog.chips()
    return [
        _of_prediction(cheapest, model, (chip, names[chip].name), lengths, prices)
        for chip, own in chips.items()
        if chip in names
        for cheapest in own
    ]


def _predicted_on(prices: _Prices, model: str, chip: str) -> list[ConfigurationPoint]:
    """Return the predictions of a model on one chip: there are many of others."""
    entry = catalog.chips().get(chip)
    loads = fronts_on(model, chip) if entry else {}
    return [
        _of_prediction(cheapest, model, (chip, entry.name), lengths, prices)
        for lengths, own in loads.items()
        for cheapest in own
        if entry
    ]


def _load_named(lengths: tuple[int, int]) -> str:
    isl, osl = lengths
    return f"{isl}→{osl}"


def _of_prediction(
    own: Predicted, model: str, of: tuple[str, str], lengths: tuple[int, int], prices: _Prices
) -> ConfigurationPoint:
    """A prediction, which leads to the page that computes it again in the browser."""
    (chip, name), (isl, osl), layout = of, lengths, own.layout
    ranks = (("TP", layout.tp), ("DP", layout.dp), ("EP", layout.ep))
    return ConfigurationPoint(
        chip=chip,
        chip_name=name,
        kind="predicted",
        load=_load_named(lengths),
        per_user=own.tokens_per_s_user,
        rate=own.tokens_per_s_chip,
        low=own.low,
        high=own.high,
        usd=prices.at(chip, own.tokens_per_s_chip, {}),
        engine="vllm",
        precision=own.precision,
        layout=", ".join(f"{title} {n}" for title, n in ranks if n != 1),
        concurrency=own.concurrency,
        ttft=own.ttft_ms(osl),
        tpot=1000 / own.tokens_per_s_user,
        statistic="mean",
        basis=own.basis,
        where=f"choose/?model={model}&isl={isl}&osl={osl}&ttft=&chips={chip}",
    )
