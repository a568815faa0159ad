"""The choose page's first answer, made when the site is built; choose-answer.js makes others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from leaderboard.base.text import clean, figure
from results import catalog
from results.catalog.api_data import api_sheet
from results.catalog.prices_data import RENTAL_CLASSES
from results.economy.own_prices import Money, Own
from results.prediction.choose import MARKS, Demand, LatencyLimits, choose
from results.prediction.deployments import accelerators, learnt, predicted
from results.prediction.market import OWNED, Building, ChipMarket, drawn, hosted, in_region
from results.prediction.observed import options_of
from results.prediction.predict import predictor
from suites import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from results.catalog import PriceSheet
    from results.economy.economics import Span
    from results.prediction.choose import Loser, Options, Ranked, Ranking, SetupOption
    from results.prediction.market import HostedBill
    from results.prediction.observed import Observed

__all__ = ["OPENING", "SERVED_BY", "FirstAnswer", "answered"]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the form opens with: a model, lengths, most ms to the first token, requests/s."""

    model: str = "deepseek-v3"
    isl: int = 8192
    osl: int = 1024
    ttft: int = 3000
    rps: int = 10


OPENING = Opening()
SERVED_BY = {"vllm": "vLLM", "sglang": "SGLang", "trtllm": "TensorRT-LLM"}
_ENGINES = SERVED_BY | {"trt": "TensorRT-LLM"}
# Rows in the page; the script shows all of them.
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Configured:
    """A set-up at a load, as people name it.

    Attributes:
        chip: id of the catalogue; name: what it is called; rest: engine, precision and ranks.
        kind: of evidence; mark: its sign; basis: level of a prediction, else where the figure is.
    """

    chip: str
    name: str
    rest: str
    load: str
    kind: str
    mark: str
    basis: str

    @classmethod
    def of(cls, option: SetupOption) -> Configured:
        setup, own = option.setup, option.setup.layout
        ranks = (("TP", own.tp), ("DP", own.dp), ("EP", own.ep))
        layout = [f"{name} {n}" for name, n in ranks if n > 1 or name == "TP"]
        rest = (_ENGINES.get(setup.engine, setup.engine), setup.precision, *layout)
        return cls(
            chip=setup.chip,
            name=_name(setup.chip),
            rest=" · ".join(clean(part) for part in rest if part),
            load=f"{option.concurrency:g}",
            kind=option.kind,
            mark=MARKS[option.kind],
            basis=option.basis,
        )

    @property
    def named(self) -> str:
        """In one line."""
        return f"{self.name} · {self.rest}"

    @property
    def where(self) -> str:
        """Address of its evidence in the site, empty for a prediction."""
        return self.basis if self.basis.startswith(("reported/", "verify/")) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One ranked configuration; kilowatts and tons of CO2e of its fleet where they are known."""

    own: Ranked
    setup: Configured
    kw: float | None
    tons: float | None


@dataclass(frozen=True, slots=True)
class Way:
    """The least bill of a class of price; None where nothing holds the limits in it."""

    kind: str
    setup: Configured | None
    monthly: Span | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a chip is not ranked: a key of the page's words, and what they are filled with."""

    chip: str
    name: str
    key: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """Everything the page says to its opening question.

    Attributes:
        more: how many more hold the limits than `rows` has.
        apart: the first prediction that says how it would be served apart, with its prefill and
            decode engines.
        api: bill of a hosted API; busy: percent of the fleet's time that the load takes.
        missed, unseen: chips that come near, and chips that nothing is known of.
    """

    rows: Sequence[AnswerRow]
    more: int
    apart: tuple[Configured, str, str] | None
    ways: Sequence[Way]
    api: HostedBill | None
    busy: str
    measure: Sequence[Configured]
    missed: Sequence[Reason]
    unseen: Sequence[Reason]


def answered(loads: Iterable[Observed], sheet: PriceSheet) -> FirstAnswer:
    """Choose for the opening question as `fenmark choose` does.

    Args:
        loads: what is known of the opening model's.
        sheet: prices, at its own reference tariff and the sheet's usual class.
    """
    using, geometry, demand = predictor(), models.load(OPENING.model), _demand()
    limits = LatencyLimits(ttft_ms=OPENING.ttft)
    options, refused = _expected()
    options = options + options_of(loads, demand)
    moved, mix = in_region(sheet, sheet.reference_tariff)
    money, building = Money(sheet=moved, own=Own()), Building(sheet.pue.value, mix)

    def chosen(kind: str) -> Ranking:
        return choose(options, demand, limits, ChipMarket(money, kind).price, unseen=refused)

    def row(own: Ranked) -> AnswerRow:
        power = drawn(using, geometry, own, demand, building)
        return AnswerRow(
            own=own,
            setup=Configured.of(own.option),
            kw=power.kw if power else None,
            tons=power.kg_co2e / 1e3 if power else None,
        )

    choice = chosen(sheet.default_class)
    best = choice.ranked[0] if choice.ranked else None
    api = hosted(api_sheet(sheet.id), geometry.id, demand, best)
    priced = {price.price_class for price in sheet.rentals}
    kinds = [*(kind for kind in RENTAL_CLASSES if kind in priced), OWNED]
    reasons = [_reason(loser) for loser in choice.losers]
    return FirstAnswer(
        rows=[row(own) for own in choice.ranked[:_SHOWN]],
        more=max(0, len(choice.ranked) - _SHOWN),
        apart=_apart(choice.ranked),
        ways=[_way(kind, chosen(kind)) for kind in kinds],
        api=api if best else None,
        busy=figure(100 * api.utilization) if api and api.utilization else "",
        measure=[Configured.of(own.option) for own in choice.measure],
        missed=[own for own in reasons if own.key != "unseen"],
        unseen=[own for own in reasons if own.key == "unseen"],
    )


def _demand() -> Demand:
    return Demand(OPENING.isl, OPENING.osl, rps=OPENING.rps)


@cache
def _expected() -> tuple[Options, Sequence[tuple[str, str]]]:
    """Predict what no result changes, and who is left out."""
    using, geometry, demand = predictor(), models.load(OPENING.model), _demand()
    options, refused = predicted(using, geometry, demand, accelerators())
    return options + learnt(using, geometry, demand), refused


def _name(chip: str) -> str:
    entry = catalog.chips().get(chip)
    return entry.name if entry else clean(chip)


def _way(kind: str, choice: Ranking) -> Way:
    if not choice.ranked:
        return Way(kind, None, None)
    first = choice.ranked[0]
    return Way(kind, Configured.of(first.option), first.monthly_usd)


def _apart(ranked: Iterable[Ranked]) -> tuple[Configured, str, str] | None:
    """Prefill and decode engines of the first prediction, were it served apart."""
    option = next((own.option for own in ranked if own.option.apart), None)
    if option is None or not option.apart:
        return None
    return (
        Configured.of(option),
        figure(max(option.apart, 1.0)),
        figure(max(1 / option.apart, 1.0)),
    )


def _reason(loser: Loser) -> Reason:
    values = {
        name: figure(value) if isinstance(value, float) else clean(value)
        for name, value in loser.values.items()
    }
    if loser.stage == "over":
        values["metric"] = " ".join(filter(None, (values["metric"], values["percentile"])))
    key = "over margin" if values.get("margin") else loser.stage
    return Reason(loser.chip, _name(loser.chip), key, values)
