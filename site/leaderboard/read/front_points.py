"""What is known of each model as points of speed against cost: signed, reported, predicted.

Of a chip, a load and a kind of evidence only the points are kept that no other beats in both speed
and throughput: at one price of the chip they are those of the front.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from leaderboard.base.text import clean
from leaderboard.figures.front import OWNED, Point
from leaderboard.figures.rows import address
from leaderboard.read import cache as builds
from results import catalog
from results.catalog.prices_data import RENTAL_CLASSES
from results.economy.costs import cost_rows
from results.prediction.fronts import fronts
from results.prediction.shipped import shipped
from results.statement.precision import served
from results.statement.statement_v2 import ATTESTED
from suites.base.records import Row
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from leaderboard.read.reported import Reported, ReportedLine, Section
    from results.catalog import PriceSheet
    from results.economy.costs import CostRow
    from results.prediction.cells import Cell
    from results.prediction.fronts import Predicted

__all__ = ["NO_POINTS", "Points", "points"]

_SAME = ["model_id", "chip_id", "shape", "throughput_method"]
_CONFIGURED = {
    "tensor_parallel": "TP",
    "data_parallel": "DP",
    "expert_parallel": "EP",
    "pipeline_parallel": "PP",
}


class Points:
    """What is known of each model and chip; a build asks for a few of them: they are made late."""

    def __init__(
        self,
        signed: Iterable[tuple[str, Point]],
        others: Mapping[str, Sequence[Mapping[str, Any]]],
    ) -> None:
        self._others = others
        self._of_model: dict[str, list[Point]] = {}
        self._signed: defaultdict[str, list[Point]] = defaultdict(list)
        for model, point in signed:
            self._signed[model].append(point)

    def of_model(self, model: str) -> Sequence[Point]:
        """Return the points of a model, signed ones first."""
        if model not in self._of_model:
            others = (Point(**fields) for fields in self._others.get(model, ()))
            self._of_model[model] = [*self._signed.get(model, ()), *others]
        return self._of_model[model]

    def of_chip(self, chip: str) -> Mapping[str, Sequence[Point]]:
        """Return the points of a chip by model; predicted ones only of models that somebody ran."""
        return self._by_chip.get(chip, {})

    @cached_property
    def _by_chip(self) -> Mapping[str, Mapping[str, Sequence[Point]]]:
        """Points of each chip by model: in one walk, for a catalogue has hundreds of chips."""
        chips: defaultdict[str, defaultdict[str, list[Point]]]
        chips = defaultdict(lambda: defaultdict(list))
        for model in sorted(self._signed.keys() | self._others.keys()):
            every = self.of_model(model)
            ran = any(point.kind == "reported" for point in every)
            for point in every:
                if ran or point.kind != "predicted":
                    chips[point.chip][model].append(point)
        return chips


NO_POINTS = Points((), {})


def points(rows: pd.DataFrame, reported: Reported, sheet: PriceSheet | None, stamp: str) -> Points:
    """Gather the points of each model, by its page.

    None that a law flags, or that is disputed, of MLPerf, simulated, or claimed by a vendor.

    Args:
        stamp: identifies the code and the prices that costs are computed with.
    """
    if sheet is None:
        return NO_POINTS
    prices = _Prices(sheet)
    made = builds.kept("fronts", f"{stamp} {reported.made_of}", partial(_packed, reported, prices))
    return Points(_signed(rows, prices), json.loads(made))


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
        one = Row(
            suite="serving",
            case="",
            metric="output_throughput",
            unit="tokens/s",
            value=1.0,
            low=None,
            high=None,
            n=1,
            method="reported",
        )
        cost: Callable[..., list[CostRow]] = partial(
            cost_rows, [one], chip=chip, count=1, sheet=self.sheet
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
    for model, point in chain(_of_publishers(reported, prices), _predicted(prices)):
        by_model[model].append(asdict(point))
    return json.dumps(by_model).encode()


def _signed(rows: pd.DataFrame, prices: _Prices) -> Iterator[tuple[str, Point]]:
    unmarked = (rows["flags"] == 0) & (rows["moderated"] == "") & ~rows["barred"]
    sound = rows["valid"] & unmarked
    shown = rows["throughput_method"].isin(["measured", ATTESTED])
    loaded = rows["suite"].isin(["serving", ATTESTED]) & (rows["model_id"] != "")
    own = rows[sound & shown & loaded & (rows["throughput"] > 0)]
    user = own["interactivity"].fillna(1000 / own["tpot"])
    own = own.assign(user=user, rate=own["throughput"] / own["chips"])
    own = own[own["user"] > 0].sort_values(
        [*_SAME, "user", "rate", "digest", "case"],
        ascending=[True] * len(_SAME) + [False, False, True, True],
    )
    before = own.groupby(_SAME)["rate"].transform(lambda rates: rates.cummax().shift())
    for row in own[(own["rate"] > before) | before.isna()].to_dict("records"):
        told = {str(name): value for name, value in row.items()}
        yield known_as(row["model"]) or row["model_id"], _of_row(told, prices)


def _of_row(row: Mapping[str, Any], prices: _Prices) -> Point:
    sheet = prices.sheet
    known = {sheet.default_class: row["rent_usd"], OWNED: row["owned_usd"]}
    known = {name: usd for name, usd in known.items() if usd > 0}  # NaN is not
    cores = row["per"] == "core"
    return Point(
        chip=row["chip_id"],
        chip_name=row["chip"],
        kind="attested" if row["throughput_method"] == ATTESTED else "measured",
        load=_load_of(row["shape"]),
        per_user=row["user"],
        rate=row["rate"],
        # Of a processor cores are paid for, and how many is in its own cost alone.
        usd=known if cores else prices.at(row["chip_id"], row["rate"], known),
        low=_or_none(row["throughput_low"] / row["chips"]),
        high=_or_none(row["throughput_high"] / row["chips"]),
        engine=row["engine"],
        precision=row["precision"],
        cores=row["cores"],
        concurrency=_after(row["load"], "concurrency "),
        tpot_p99=_or_none(row["tpot_p99"]),
        statistic="median",
        profile=row["profile"],
        where=address(row["digest"], row["page"]),
        date=row["finished_at"][:10],
    )


def _load_of(shape: str) -> str:
    """Name a load as publishers' rows do."""
    return shape.removesuffix(" tokens") if "→" in shape else shape


def _after(load: str, word: str) -> float | None:
    number = load.partition(word)[2].partition(" ")[0]
    return float(number) if number.isascii() and number.isdigit() else None


def _or_none(value: float) -> float | None:
    return value if value > 0 else None  # NaN is not


def _of_publishers(reported: Reported, prices: _Prices) -> Iterator[tuple[str, Point]]:
    """Keep of each model, chip, load and publisher what no other row of it beats in both."""
    trusted = {cell.id: cell for cell in shipped().samples["tpot"].cells}
    for section in reported.sections:
        usable = section.publisher.view == "general" and section.chip_id
        if not usable or section.publisher.evidence not in {"", "measured by its publisher"}:
            continue
        alike: defaultdict[tuple[str, str], list[Point]] = defaultdict(list)
        for line in section.lines:
            model = served(line.result.model, line.result.precision)
            if model and not line.flags:
                cell = trusted.get(str(line.result.labels.get("row", "")))
                for point in _of_line(section, line, cell, prices):
                    alike[model.id, point.load].append(point)
        for (model_id, _), own in alike.items():
            yield from ((model_id, point) for point in _undominated(own))


def _undominated(own: list[Point]) -> Iterator[Point]:
    best = 0.0
    for point in sorted(own, key=lambda one: (-one.per_user, -one.rate, one.where)):
        if point.rate > best:
            best = point.rate
            yield point


def _of_line(
    section: Section, line: ReportedLine, cell: Cell | None, prices: _Prices
) -> Iterator[Point]:
    """Yield the point of a published row, where it says how fast users are served, and how many."""
    count = line.result.chip.count
    cost = next((one for one in line.costs if one.tokens == "output"), None)
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
    asked = line.asked
    yield Point(
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
        tpot_p99=_p99(line),
        statistic=str(told.labels.get("statistic", "")),
        publisher=section.publisher.title,
        where=f"reported/{section.id}/#{line.anchor}",
        date=clean(line.result.date or line.source.date or "")[:10],
    )


_SPEEDS = ("interactivity", "tpot", "itl")


def _published_load(asked: Mapping[str, Any]) -> str:
    if asked.get("isl") and asked.get("osl"):
        return clean(f"{asked['isl']}→{asked['osl']}")
    return clean(str(asked.get("task", "")))


def _layout(asked: Mapping[str, Any]) -> str:
    parts = ((name, asked.get(label)) for label, name in _CONFIGURED.items())
    return ", ".join(f"{name} {clean(str(n))}" for name, n in parts if n and n != 1)


def _pools(asked: Mapping[str, Any]) -> tuple[int, ...]:
    chips = (asked.get("prefill_chips"), asked.get("decode_chips"))
    counted = tuple(n for n in chips if isinstance(n, int))
    return counted if asked.get("disaggregated") is True and len(counted) == len(chips) else ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _p99(line: ReportedLine) -> float | None:
    found = (
        one.value
        for one in line.result.measurements
        if one.metric in {"tpot", "itl"} and one.labels.get("statistic") == "p99"
    )
    return next(found, None)


def _predicted(prices: _Prices) -> Iterator[tuple[str, Point]]:
    names = catalog.chips()
    for model, by_load in fronts().items():
        for (isl, osl), chips in by_load.items():
            for chip, own in chips.items():
                if chip in names:
                    name = names[chip].name
                    for one in own:
                        yield model, _of_prediction(one, model, (chip, name), (isl, osl), prices)


def _of_prediction(
    own: Predicted, model: str, of: tuple[str, str], lengths: tuple[int, int], prices: _Prices
) -> Point:
    """A prediction, which leads to the page that computes it again in the browser."""
    (chip, name), (isl, osl), layout = of, lengths, own.layout
    ranks = (("TP", layout.tp), ("DP", layout.dp), ("EP", layout.ep))
    return Point(
        chip=chip,
        chip_name=name,
        kind="predicted",
        load=f"{isl}→{osl}",
        per_user=own.tokens_per_s_user,
        rate=own.tokens_per_s_chip,
        low=own.low,
        high=own.high,
        usd=prices.at(chip, own.tokens_per_s_chip, {}),
        engine="vllm",
        precision=own.precision,
        layout=", ".join(f"{title} {n}" for title, n in ranks if n != 1),
        concurrency=own.concurrency,
        statistic="mean",
        basis=own.basis,
        where=f"choose/?model={model}&isl={isl}&osl={osl}&ttft=&chips={chip}",
    )
