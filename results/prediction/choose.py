"""Which configurations serve a workload within its limits, and which of them cost least. Pure.

A figure is measured, attested, reported or predicted, and keeps its mark. Configurations whose
bills cannot be told apart share a rank; within one, better evidence stands first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from results.economy.breakeven import HOURS_PER_MONTH
from results.economy.economics import Span
from results.economy.number_format import figure
from results.prediction.plan import Layout  # noqa: TC001 (a field of a dataclass)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from results.prediction.grid import Floats

__all__ = [
    "MARGIN",
    "MARKS",
    "METRICS",
    "Demand",
    "FigureKind",
    "LatencyLimits",
    "Loser",
    "Options",
    "Price",
    "Ranked",
    "Ranking",
    "Setup",
    "SetupOption",
    "choose",
    "spread",
]

FigureKind = Literal["measured", "attested", "reported", "predicted"]
Stage = Literal["unseen", "over", "few", "unpriced"]
# Best evidence first; the marks are those of the methodology.
MARKS: dict[FigureKind, str] = {"measured": "●", "attested": "◐", "reported": "◇", "predicted": "◈"}
_ORDER = {kind: place for place, kind in enumerate(MARKS)}
# Without it limits are missed in 22% of choices by prediction, with it in 4%.
MARGIN = 1.2
# What requests of a percentile take over their mean: medians of InferenceX's 435 rows at 50 and 99,
# of 145 at 90.
_SPREADS = {
    "ttft": ((50.0, 0.63), (90.0, 1.43), (99.0, 4.76)),
    "tpot": ((50.0, 1.0), (90.0, 1.07), (99.0, 1.08)),
}
METRICS = ("ttft", "tpot")
_MEASURE = 3
# Of a chip's options the one that went furthest says why it lost.
_STAGES: tuple[Stage, ...] = get_args(Stage)
_SECONDS_PER_HOUR = 3600.0
_MTOK = 1e6
# A fleet of 2.0000001 engines is one of two: sums of floats are not engines.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class LatencyLimits:
    """What requests of a percentile may take, ms; None where anything will do.

    Attributes:
        percentile: of requests, 50 to 99.9; None for their mean.
    """

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    percentile: float | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What is to be served: requests each second, or requests under way at once.

    Attributes:
        isl, osl: tokens of a request.
        rps, users: one of them is None.
    """

    isl: float
    osl: float
    rps: float | None = None
    users: float | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """An engine as it is deployed."""

    chip: str
    engine: str
    precision: str
    layout: Layout

    def words(self) -> str:
        """Such as "h200-sxm, vllm, fp8, TP 4"."""
        own = self.layout
        ranks = [f"TP {own.tp}"]
        ranks += [f"DP {own.dp}"] if own.dp > 1 else []
        ranks += [f"EP {own.ep}"] if own.ep > 1 else []
        return ", ".join((self.chip, self.engine, self.precision or "precision unsaid", *ranks))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupOption:
    """A set-up at a load, and what one figure says it does.

    Attributes:
        concurrency: requests under way on one engine.
        kind: how the figure was come by; basis: of a predicted one its level, else where it is.
        apart: of a predicted one the prefill engines for each decode engine, were it served apart.
    """

    setup: Setup
    concurrency: float
    kind: FigureKind
    basis: str
    apart: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Options with their times.

    Attributes:
        tpot, ttft: 3 × n milliseconds: means and the ends of their intervals.
        tail: TTFT and TPOT, 2 × n, of the percentile that is limited; NaN where nobody said.
    """

    options: Sequence[SetupOption]
    tpot: Floats
    ttft: Floats
    tail: Floats

    def where(self, keep: Sequence[bool]) -> Options:
        """Those of some places."""
        places = np.flatnonzero(np.array(keep, dtype=bool))
        options = [self.options[int(i)] for i in places]
        return Options(options, self.tpot[:, places], self.ttft[:, places], self.tail[:, places])

    def __add__(self, other: Options) -> Options:
        """Both."""
        return Options(
            [*self.options, *other.options],
            np.concatenate([self.tpot, other.tpot], axis=1),
            np.concatenate([self.ttft, other.ttft], axis=1),
            np.concatenate([self.tail, other.tail], axis=1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a chip costs by the hour, busy or not, its electricity included.

    Attributes:
        usd_per_hour: of one chip.
        label: class, date and offers.
    """

    usd_per_hour: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A configuration that holds the limits.

    Attributes:
        rank: 1 is the cheapest; tied: whether others share it.
        ttft_ms, tpot_ms: of the limits' percentile, without the margin, with their interval.
        mean_tpot_ms: of all requests.
        rps: requests each second of one engine.
        engines, chips: of the fleet.
        monthly_usd: of the fleet, with the interval that the times give it.
        usd_per_mtok: per million output tokens that are asked for.
    """

    option: SetupOption
    rank: int
    tied: bool
    ttft_ms: Span
    tpot_ms: Span
    mean_tpot_ms: float
    rps: float
    engines: int
    chips: int
    monthly_usd: Span
    usd_per_mtok: float
    price: Price


@dataclass(frozen=True, slots=True)
class Loser:
    """A chip none of whose configurations is ranked, and why.

    Attributes:
        why: in a sentence.
        stage: how far it went: not predicted, over a limit, too few chips, no price.
        values: what the sentence says, for one in another language.
    """

    chip: str
    why: str
    stage: Stage
    values: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What came of it.

    Attributes:
        ranked: by rank, then evidence, then cost.
        measure: predicted ones that are worth measuring, the best of which is near the best of all.
        losers: by chip.
    """

    ranked: list[Ranked]
    measure: list[Ranked] = field(default_factory=list)
    losers: list[Loser] = field(default_factory=list)


def spread(metric: str, percentile: float | None) -> float:
    """Time of a percentile of requests over their mean: log-linear in the normal quantile.

    Args:
        metric: "ttft" or "tpot".
        percentile: above 0 and below 100; None for the mean.
    """
    if percentile is None:
        return 1.0
    points = [(NormalDist().inv_cdf(p / 100), math.log(f)) for p, f in _SPREADS[metric]]
    z = NormalDist().inv_cdf(percentile / 100)
    pairs = list(pairwise(points))
    (x0, y0), (x1, y1) = next((pair for pair in pairs if z <= pair[1][0]), pairs[-1])
    return math.exp(y0 + (y1 - y0) * (z - x0) / (x1 - x0))


def choose(
    options: Options,
    demand: Demand,
    limits: LatencyLimits,
    price_of: Callable[[str], Price | None],
    *,
    at_hand: Mapping[str, int | None] | None = None,
    unseen: Iterable[tuple[str, str]] = (),
    margin: float = MARGIN,
) -> Ranking:
    """Rank what holds the limits, by the month's bill.

    Args:
        price_of: of a chip by its id; None where it has none.
        at_hand: chips that may be used -> how many there are; None where they can be had.
        unseen: chip and reason of what could not be predicted.
        margin: that predicted times keep from the limits.
    """
    held = _held(options, limits, margin)
    rates = _rates(options, demand)
    lost = _Lost()
    for chip, reason in unseen:
        lost.add(Loser(chip, reason, "unseen", {"reason": reason}))
    ranked = []
    for place in _best(options, held.over <= 1.0, rates[0]):
        option = options.options[place]
        chip, price = option.setup.chip, price_of(option.setup.chip)
        own = _sized(held, place, rates[:, place], demand, price)
        has = (at_hand or {}).get(chip)
        if has is not None and own.chips > has:
            why = f"takes {own.chips} chips, {has} are at hand"
            lost.add(Loser(chip, why, "few", {"chips": str(own.chips), "has": str(has)}), own.chips)
        elif price is None:
            lost.add(Loser(chip, "holds the limits, but has no price in this class", "unpriced"))
        else:
            ranked.append(own)
    ranked = _with_ranks(ranked)
    shown = {own.option.setup.chip for own in ranked}
    for place in np.flatnonzero(held.over > 1.0).tolist():
        chip = options.options[place].setup.chip
        if chip not in shown:
            lost.add(_missed(held, place), float(held.over[place]))
    predicted = [own for own in ranked if own.option.kind == "predicted"]
    return Ranking(
        ranked=ranked,
        measure=sorted(predicted, key=lambda own: own.monthly_usd.value)[:_MEASURE],
        losers=[loser for loser in lost.losers() if loser.chip not in shown],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """Options compared with limits.

    Attributes:
        times: metric -> 3 × n milliseconds of the limits' percentile.
        over: n: the greatest of time × margin ÷ limit; the limits are held up to 1.
    """

    options: Options
    limits: LatencyLimits
    times: dict[str, Floats]
    margins: Floats
    over: Floats


def _held(options: Options, limits: LatencyLimits, margin: float) -> _Held:
    times = {}
    for name, own, tail in zip(METRICS, (options.ttft, options.tpot), options.tail, strict=True):
        usual = own[0] * spread(name, limits.percentile)
        times[name] = own / own[0] * np.where(np.isnan(tail), usual, tail)
    margins = np.array([margin if o.kind == "predicted" else 1.0 for o in options.options])
    over = np.zeros(len(options.options))
    for name, limit in (("ttft", limits.ttft_ms), ("tpot", limits.tpot_ms)):
        if limit is not None:
            over = np.maximum(over, times[name][0] * margins / limit)
    return _Held(options, limits, times, margins, over)


def _rates(options: Options, demand: Demand) -> Floats:
    """Requests each second of one engine: C ÷ (TTFT + TPOT·(OSL − 1)) of means, and its ends."""
    loads = np.array([option.concurrency for option in options.options])
    rates = loads * 1e3 / (options.ttft + options.tpot * (demand.osl - 1))
    return np.asarray(rates[[0, 2, 1]], dtype=float)


def _best(options: Options, within: npt.NDArray[np.bool_], rate: Floats) -> Iterator[int]:
    """Of each set-up and kind of evidence the load that serves most.

    A prediction of a cell that was measured is left out.
    """
    known = {(o.setup, o.concurrency) for o in options.options if o.kind != "predicted"}
    best: dict[tuple[Setup, FigureKind], int] = {}
    for place in np.flatnonzero(within).tolist():
        option = options.options[place]
        if option.kind == "predicted" and (option.setup, option.concurrency) in known:
            continue
        key = (option.setup, option.kind)
        if key not in best or rate[place] > rate[best[key]]:
            best[key] = place
    yield from best.values()


def _sized(held: _Held, place: int, rates: Floats, demand: Demand, price: Price | None) -> Ranked:
    """The fleet of an option, and its bill: of the figure, then of the ends of its interval."""
    option = held.options.options[place]
    rate, low, high = (float(own) for own in rates)
    size = option.setup.layout.chips
    hourly = price.usd_per_hour if price else 0.0
    engines, most, least = (_engines(demand, option.concurrency, own) for own in (rate, low, high))
    bills = [own * size * hourly * HOURS_PER_MONTH for own in (engines, least, most)]
    served = demand.rps or (demand.users or 0.0) / option.concurrency * rate
    usd = engines * size * hourly / _SECONDS_PER_HOUR / (served * demand.osl) * _MTOK
    return Ranked(
        option=option,
        rank=0,
        tied=False,
        ttft_ms=Span(*(float(own) for own in held.times["ttft"][:, place])),
        tpot_ms=Span(*(float(own) for own in held.times["tpot"][:, place])),
        mean_tpot_ms=float(held.options.tpot[0, place]),
        rps=rate,
        engines=engines,
        chips=engines * size,
        monthly_usd=Span(*bills),
        usd_per_mtok=usd,
        price=price or Price(usd_per_hour=0.0, label=""),
    )


def _engines(demand: Demand, concurrency: float, rps: float) -> int:
    """Whole engines: by requests each second, or by requests under way."""
    needed = demand.rps / rps if demand.rps else (demand.users or 0.0) / concurrency
    return max(1, math.ceil(needed - _ROUNDING))


def _with_ranks(ranked: Iterable[Ranked]) -> list[Ranked]:
    """Rank by bill; those whose intervals reach the cheapest of a rank's interval share it.

    A fleet's bill is in whole engines, so that the interval of one bill alone may have no width.
    """
    groups: list[list[Ranked]] = []
    for own in sorted(ranked, key=lambda own: (own.monthly_usd.value, own.option.setup.words())):
        if groups and (own.monthly_usd.low or 0.0) <= (groups[-1][0].monthly_usd.high or 0.0):
            groups[-1].append(own)
        else:
            groups.append([own])
    ranks, rank = [], 1
    for group in groups:
        ordered = sorted(group, key=lambda own: _ORDER[own.option.kind])
        ranks += [replace(own, rank=rank, tied=len(group) > 1) for own in ordered]
        rank += len(group)
    return ranks


def _missed(held: _Held, place: int) -> Loser:
    """Say which limit an option misses by most."""
    option, limits = held.options.options[place], held.limits
    over = {
        name: float(held.times[name][0, place] * held.margins[place] / limit)
        for name, limit in (("ttft", limits.ttft_ms), ("tpot", limits.tpot_ms))
        if limit is not None
    }
    name = max(over, key=lambda metric: over[metric])
    margin, limit = held.margins[place], limits.ttft_ms if name == "ttft" else limits.tpot_ms
    ms = float(held.times[name][0, place])
    values: dict[str, str | float] = {
        "metric": name.upper(),
        "percentile": f"p{limits.percentile:g}" if limits.percentile else "",
        "ms": ms,
        "limit": f"{limit:g}",
        "margin": f"×{margin:g}" if margin != 1 else "",
        "setup": option.setup.words(),
        "load": f"{option.concurrency:g}",
    }
    of = f" at {values['percentile']}" if values["percentile"] else ""
    kept = f" with the margin of {values['margin']}" if values["margin"] else ""
    why = (
        f"{values['metric']}{of} is {figure(ms)} ms at best, "
        f"over {values['limit']} ms{kept} ({values['setup']}, {values['load']} at once)"
    )
    return Loser(option.setup.chip, why, "over", values)


class _Lost:
    """Why chips lose: of each the reason of the option that went furthest."""

    def __init__(self) -> None:
        self._by_chip: dict[str, tuple[tuple[int, float], Loser]] = {}

    def add(self, loser: Loser, short: float = 0.0) -> None:
        """Note a reason.

        Args:
            short: by how much it fell short at its stage.
        """
        key = (-_STAGES.index(loser.stage), short)
        if loser.chip not in self._by_chip or key < self._by_chip[loser.chip][0]:
            self._by_chip[loser.chip] = key, loser

    def losers(self) -> list[Loser]:
        """One reason a chip, by name."""
        return [loser for _, (_, loser) in sorted(self._by_chip.items())]
