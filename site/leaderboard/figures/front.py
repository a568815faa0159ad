"""The front of a model: what a million tokens cost against how fast each user is served.

`front.js` and `chart.js` choose and draw by the same rules; a test holds them together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.base.text import figure
from leaderboard.figures.chart import Axis, Chart, Mark, MarkSeries
from results.catalog.prices_data import RENTAL_CLASSES
from results.prediction.choose import MARKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from leaderboard.words import Words
    from results.prediction.choose import FigureKind

__all__ = [
    "CLASSES",
    "KINDS",
    "MOST_CHIPS",
    "OWNED",
    "ConfigurationPoint",
    "FrontLine",
    "View",
    "chart",
    "default_view",
    "lines",
]

# Best evidence first, with the marks of the methodology.
KINDS: Mapping[FigureKind, str] = MARKS
OWNED = "owned"
CLASSES = (*RENTAL_CLASSES, OWNED)

# Lines that can be told apart in one picture.
MOST_CHIPS = 12
_ORDER = {kind: place for place, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationPoint:
    """One configuration under one load.

    Attributes:
        chip: id of its page. load: such as "1024→1024", or as it is named; empty where nobody says.
            Conditions that make a token other work follow it: rows compare only alike in them.
        per_user: tokens/s that a user sees. rate: output tokens/s of a chip; low, high: its ends.
        usd: of a million output tokens, by class of price; a class without a price is left out.
        derived: the rate is computed from times and load that were reported.
        ttft, tpot, ttft_p99, tpot_p99: ms, upper ends where a run gives them; None where nobody
            says. Without a percentile they are of the statistic that `per_user` is of.
        joules: per output token, at the chip, by a meter; None where none was read.
        kept: the answers are known to be as good as those of the model at full width.
        cores: of a CPU, as many as were measured: the rate is of all of them; else 0.
        pools: chips that prefill and that decode apart; empty where they do both.
        statistic: of `per_user`; basis: what a prediction rests on.
        where: address of the evidence in the site.
    """

    chip: str
    chip_name: str
    kind: FigureKind
    load: str
    per_user: float
    rate: float
    usd: Mapping[str, float]
    where: str
    low: float | None = None
    high: float | None = None
    derived: bool = False
    engine: str = ""
    precision: str = ""
    layout: str = ""
    speculation: str = ""
    pools: tuple[int, ...] = ()
    cores: int = 0
    concurrency: float | None = None
    ttft: float | None = None
    tpot: float | None = None
    ttft_p99: float | None = None
    tpot_p99: float | None = None
    joules: float | None = None
    kept: bool = False
    statistic: str = ""
    profile: str = ""
    basis: str = ""
    publisher: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What is shown.

    Attributes:
        load: as a point's; "*" for all lengths together.
        price_class: of the cost.
        evidence: the weakest kind that is shown.
    """

    load: str
    price_class: str
    evidence: FigureKind


@dataclass(frozen=True, slots=True)
class FrontLine:
    """A chip by its best kind of evidence, fastest users first."""

    chip: str
    name: str
    kind: FigureKind
    points: Sequence[ConfigurationPoint]


def default_view(points: Sequence[ConfigurationPoint], price_class: str) -> View:
    """Open with the load, then the class, that most chips are known in; measured or reported ones.

    Args:
        price_class: that comes first of those that as many chips have.
    """
    shown = [point for point in points if point.kind != "predicted"]
    evidence: FigureKind = "reported" if shown else "predicted"
    shown = shown or list(points)
    loads = _most(shown, lambda point: [point.load])
    own = [point for point in shown if point.load == loads]
    order = [price_class, *(name for name in CLASSES if name != price_class)]
    chips: defaultdict[str, set[str]] = defaultdict(set)
    for point in own:
        for name in point.usd:
            chips[name].add(point.chip)
    best = max(order, key=lambda name: (len(chips[name]), -order.index(name)))
    return View(loads, best, evidence)


def _most(
    points: Iterable[ConfigurationPoint], names: Callable[[ConfigurationPoint], Sequence[str]]
) -> str:
    """The name that most chips have; of those the one most points have."""
    chips: defaultdict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for point in points:
        for name in names(point):
            chips[name].add(point.chip)
            counts[name] += 1
    return min(counts, key=lambda name: (-len(chips[name]), -counts[name], name))


def lines(points: Iterable[ConfigurationPoint], view: View) -> list[FrontLine]:
    """Return what a view shows: of each chip the best evidence alone, and its front.

    Chips stand by their evidence, then by the least they cost.
    """
    by_chip: defaultdict[str, defaultdict[FigureKind, list[ConfigurationPoint]]]
    by_chip = defaultdict(lambda: defaultdict(list))
    for point in points:
        if view.load not in {"*", point.load} or view.price_class not in point.usd:
            continue
        if _ORDER[point.kind] <= _ORDER[view.evidence]:
            by_chip[point.chip][point.kind].append(point)
    drawn = []
    for chip, kinds in by_chip.items():
        kind = min(kinds, key=_ORDER.__getitem__)
        front = _front(kinds[kind], view.price_class)
        drawn.append(FrontLine(chip, front[0].chip_name, kind, front))
    return sorted(
        drawn,
        key=lambda line: (_ORDER[line.kind], line.points[-1].usd[view.price_class], line.chip),
    )


def _front(points: Iterable[ConfigurationPoint], price_class: str) -> list[ConfigurationPoint]:
    """Keep what no other point beats in both, by falling speed; costs fall with it."""
    front: list[ConfigurationPoint] = []
    for point in sorted(points, key=lambda p: (-p.per_user, p.usd[price_class], p.where)):
        if not front or point.usd[price_class] < front[-1].usd[price_class]:
            front.append(point)
    return front


def chart(
    _: Words,
    shown: Sequence[FrontLine],
    view: View,
    money: tuple[str, float],
    words: Callable[[ConfigurationPoint], str],
    root: str,
) -> Chart:
    """Lay a view out: cost, logarithmic, over tokens/s per user; hollow marks are not measured.

    Args:
        money: the currency and its units for a dollar.
        words: says what stands behind a point.
    """
    code, rate = money
    return Chart(
        title=_("Cost of a million output tokens against tokens/s per user"),
        x=Axis(title=_("output tokens/s per user")),
        y=Axis(title=_("{code} per million output tokens", code=_(code)), scale="log"),
        series=[
            MarkSeries(
                name=f"{KINDS[line.kind]} {line.name}",
                joined=True,
                marks=[
                    Mark(
                        x=point.per_user,
                        y=point.usd[view.price_class] * rate,
                        words=f"{KINDS[line.kind]} {line.name}{_(': ')}"
                        f"{figure(point.usd[view.price_class] * rate)} {_(code)}/{_('Mtok')} · "
                        f"{figure(point.per_user)} {_('tokens/s per user')} · {words(point)}",
                        link=f"{root}{point.where}",
                        hollow=line.kind != "measured",
                    )
                    for point in line.points
                ],
            )
            for line in shown
        ],
    )
