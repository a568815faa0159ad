"""What a result claims, by anyone: figures by point, and what they are said to be of.

Signed results and others' reported ones become claims, so that one table of laws holds both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

from results import catalog
from results.statement.precision import served
from results.statement.statement_v2 import ATTESTED
from suites.models.widths import NARROWEST_BITS, bits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from results.catalog import ChipEntry
    from results.statement.precision import ServedModel
    from results.statement.reported import ReportedResult
    from results.statement.statement import Engine, Measurement, Predicate, Statement
    from suites.base.records import Label
    from suites.models import Geometry

__all__ = [
    "Claim",
    "ClaimedPoint",
    "Rank",
    "case_load",
    "drafts",
    "flags_of",
    "flags_of_run",
    "least",
    "most",
    "narrow_cache",
    "number",
    "of_reported",
    "of_statement",
    "place_of",
    "rank_of",
    "said_by_file",
    "series",
]

Rank = float | Literal["mean"] | None
# Longest context any model of the catalogue states, with room for ten times more.
_MOST = 1e8
_NUMERIC = {int, float}
# A load's dimension -> the labels that may state it.
_LOAD = {
    "isl": ("isl_counted", "isl", "n_prompt"),
    "osl": ("osl", "n_gen"),
    "concurrency": ("concurrency", "conc", "max_concurrency"),
    "rate": ("rate", "request_rate"),
    "batch": ("batch",),
    "context": ("context",),
    # Of conversations it is all that earlier requests began with.
    "shared_prefix": ("known_share", "shared_prefix"),
    "turns": ("turns",),
}
# A case of ours names its load: the letters before a number -> the dimension.
_WORDS = {
    "serving": {"c": "concurrency", "r": "rate", "isl": "isl", "osl": "osl"},
    "inference": {"b": "batch", "ctx": "context", "isl": "isl"},
}
_LOADED = frozenset(label for labels in _LOAD.values() for label in labels)
_SHAPES = ("closed", "open", "prefill", "decode", "embeddings", "rerank")
_WORD = re.compile(r"([a-z]{1,3})(\d{1,8}(?:\.\d{1,8})?(?:e[+-]?\d)?)", re.ASCII)
_LATENCIES = frozenset({"ttft", "tpot", "itl", "e2e", "send_delay", "service_time"})
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)", re.ASCII)
_SPECULATION = re.compile(
    r"specul|spec_method|draft|mtp|eagle|medusa|prompt[-_]lookup|lookahead[-_]dec|assistant[-_]model",
    re.ASCII | re.IGNORECASE,
)
# Flags that say how wide a cache is, of keys and of values.
_CACHE = (
    *("kv-cache-dtype", "kv-cache-type", "kv-cache-quantization", "quant-policy", "cache-type-k"),
    *("cache-type-v", "ctk", "ctv"),
)
_WIDE_BITS = 16.0
_POLICIES = ("4", "8")  # LMDeploy's: bits of an integer
# Options of a run that say what flags of an engine may say too.
_AS_FLAGS = ("model", "dtype", "tp", "pp", "dp", "ep", "chips")
_NO_SPECULATION = {"", "none", "false", "off", "no", "0"}
# An interval is believed up to this factor: a figure whose own spread is wider says too little.
_BELIEVED = 1.4


@dataclass(frozen=True, kw_only=True)
class ClaimedPoint:
    """The figures of one case, and the load they were taken under.

    Attributes:
        load: isl, osl, concurrency, rate (1/s), batch, context, shared_prefix, and of a
            replayed trace or a conversation its turns, where stated.
        exact: lengths are exact and figures are medians with intervals, as our own suites give.
        valid: the run itself does not call the point invalid.
        items: all figures.
        figures: by metric and rank: a percentile, "mean", or None for what is not a latency.
    """

    suite: str
    case: str
    load: Mapping[str, float]
    exact: bool
    valid: bool
    items: Sequence[Measurement]
    figures: Mapping[tuple[str, Rank], Measurement]

    @property
    def replayed(self) -> bool:
        """Its load is a trace, or conversations: lengths are means, and rates of no moment."""
        return "turns" in self.load

    def get(self, metric: str, rank: Rank = None) -> Measurement | None:
        """Return a figure above 0, None where the point has none."""
        item = self.figures.get((metric, rank))
        return item if item is not None and item.value > 0 else None

    def middle(self, metric: str) -> Measurement | None:
        """Return the mean of a latency, or its median."""
        return self.get(metric, "mean") or self.get(metric, 50.0)

    def ranks(self, metric: str) -> dict[float, Measurement]:
        """Return the percentiles of a latency, in ascending order."""
        by_rank = {
            rank: item
            for (name, rank), item in self.figures.items()
            if name == metric and isinstance(rank, float) and item.value > 0
        }
        return dict(sorted(by_rank.items()))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a result claims.

    Attributes:
        chip: entry of the catalogue, None for a chip we do not know.
        count: chips, or logical cores of a CPU; None where nobody says.
        models: (model, precision) as stated; laws take the lightest of several.
        speculative: a draft may give several tokens a step, as the result itself says.
        labels: of the whole result.
        statement, predicate: of a signed result, None of a reported one.
        own: the model, as the reader brings it for a name that is unknown.
    """

    measurements: Sequence[Measurement]
    chip: ChipEntry | None
    count: int | None
    models: Sequence[tuple[str | None, str | None]]
    speculative: bool = False
    labels: Mapping[str, Label] = field(default_factory=dict)
    statement: Statement | None = None
    predicate: Predicate | None = None
    own: Geometry | None = None

    @cached_property
    def what(self) -> ServedModel | None:
        """The model at its narrowest width; None where it is unknown or there are several."""
        named = {model for model, _ in self.models}
        if len(named) != 1:
            return None
        candidates = [
            served(*stated, otherwise=NARROWEST_BITS, own=self.own) for stated in self.models
        ]
        return min(filter(None, candidates), key=lambda model: model.bits, default=None)

    @cached_property
    def attested(self) -> bool:
        """Figures of another harness are among them."""
        return any(item.suite == ATTESTED for item in self.measurements)

    @cached_property
    def points(self) -> tuple[ClaimedPoint, ...]:
        """Figures by suite and case, in order of appearance."""
        groups: dict[tuple[str, str], list[Measurement]] = {}
        for item in self.measurements:
            groups.setdefault((item.suite, item.case), []).append(item)
        return tuple(self._point(*key, items) for key, items in groups.items())

    def _point(self, suite: str, case: str, items: Sequence[Measurement]) -> ClaimedPoint:
        figures: dict[tuple[str, Rank], Measurement] = {}
        for item in items:
            if item.method != "modelled":
                figures.setdefault((item.metric, rank_of(item)), item)
        stated = dict(self.labels)
        for item in items:
            stated.update(item.labels)
        load: dict[str, float] = {}
        if not _LOADED.isdisjoint(stated):
            loads = ((name, _stated(stated, names)) for name, names in _LOAD.items())
            load = {name: value for name, value in loads if value is not None}
        named = case_load(suite, case) if self.statement else {}
        if named:
            load.pop("turns", None)  # a case that names its load replays no trace
        return ClaimedPoint(
            suite=suite,
            case=case,
            load={**named, **load},
            exact=self.statement is not None and suite != ATTESTED,
            valid=all(item.labels.get("valid") is not False for item in items),
            items=items,
            figures=figures,
        )


def of_statement(statement: Statement) -> Claim:
    """Read the claim of a signed result."""
    predicate = statement.predicate
    chip = predicate.machine.chip
    told = {str(item.labels.get("speculation", "none")) for item in predicate.measurements}
    return Claim(
        measurements=predicate.measurements,
        chip=catalog.chips().get(chip.catalog_id or ""),
        count=chip.count,
        models=[(engine.model, engine.precision) for engine in predicate.engines],
        speculative=any(map(drafts, predicate.engines))
        or any(_speculates("speculation", value) for value in told),
        statement=statement,
        predicate=predicate,
    )


def of_reported(result: ReportedResult) -> Claim:
    """Read the claim of somebody else's result."""
    return Claim(
        measurements=result.measurements,
        chip=catalog.chips().get(result.chip.catalog_id or ""),
        count=result.chip.count,
        models=[(result.model, result.precision)],
        speculative=any(_speculates(name, value) for name, value in result.labels.items()),
        labels=result.labels,
    )


def rank_of(item: Measurement) -> Rank:
    """Return the percentile of a latency, "mean", or None for what is none.

    A latency that does not say is a median, as those of the suite `inference` are.
    """
    stated = number(item.labels.get("percentile"))
    if stated is not None:
        return stated
    statistic = str(item.labels.get("statistic", ""))
    if statistic == "mean":
        return "mean"
    if statistic == "median":
        return 50.0
    if named := _PERCENTILE.fullmatch(statistic):
        return float(named[1])
    return 50.0 if item.metric in _LATENCIES and not statistic else None


def flags_of(engine: Engine) -> Iterator[tuple[str, Label]]:
    """Yield an engine's flags by plain names, such as `tensor-parallel-size`, `--a_b=c` too."""
    for flag, value in engine.flags.items():
        name, told, after = flag.partition("=")
        yield _plain(name), after if told else value


def _plain(flag: str) -> str:
    return flag.lstrip("-").replace("_", "-").lower()


def flags_of_run(predicate: Predicate, engine: Engine) -> Iterator[tuple[str, Label]]:
    """Yield an engine's flags, and what the run's options say as such."""
    yield from flags_of(engine)
    options = predicate.run.options or {}
    for name in _AS_FLAGS:
        value = options.get(name)
        if value is not None and not isinstance(value, list):
            yield name, value
    given = options.get("engine_flags")
    for text in given if isinstance(given, list) else ():
        words = [word for word in str(text).split(" ") if word]
        for word, following in zip(words, [*words[1:], "-"], strict=True):
            name, told, after = word.partition("=")
            if word.startswith("-"):
                value = "" if following.startswith("-") else following
                yield _plain(name), after if told else value


def drafts(engine: Engine) -> bool:
    """Whether an engine's flags say that it gives several tokens a step."""
    return any(_speculates(name, value) for name, value in engine.flags.items())


def narrow_cache(engine: Engine) -> str:
    """Name the types that an engine's flags keep its cache in, where one is below 16 bits."""
    told = [
        f"int{value}" if str(value) in _POLICIES else str(value)
        for name, value in flags_of(engine)
        if name in _CACHE
    ]
    narrow = [name for name in told if (bits := bits_of(name)) and bits < _WIDE_BITS]
    return " / ".join(dict.fromkeys(narrow))


def number(label: Label | None) -> float | None:
    """A label as a finite number; labels are the publisher's own, so it may be anything."""
    # NaN and infinity lie outside the bounds too; a bool is an int to Python, not to us.
    if type(label) in _NUMERIC and -_MOST <= label <= _MOST:  # type: ignore[operator]
        return float(label)  # type: ignore[arg-type]
    return None


def place_of(item: Measurement) -> str:
    return f"{item.case} {item.metric}"


def said_by_file(claim: Claim, name: str) -> list[Label]:
    """Return what the file of an attested result says of its own subject, each answer once."""
    if not claim.attested:
        return []
    stated = (
        item.labels.get(f"{name}_in_file") for item in claim.measurements if item.suite == ATTESTED
    )
    named = (value for value in stated if isinstance(value, str | int))
    return list(dict.fromkeys(value for value in named if not isinstance(value, bool)))


def least(item: Measurement) -> float:
    """The lower end of a figure's interval, or the figure itself; never above it."""
    if item.low is None:
        return item.value
    return max(min(item.low, item.value), item.value / _BELIEVED)


def most(item: Measurement) -> float:
    """The upper end of a figure's interval, or the figure itself; never below it."""
    if item.high is None:
        return item.value
    return min(max(item.high, item.value), item.value * _BELIEVED)


@lru_cache(maxsize=1024)
def case_load(suite: str, case: str) -> Mapping[str, float]:
    """Read the load in the name of a case of ours; empty for any other."""
    shape, *parts = case.split("/")
    words = _WORDS.get(suite, {}) if shape in _SHAPES else {}
    named = (word for part in parts if (word := _WORD.fullmatch(part)))
    numbers = {words[word[1]]: float(word[2]) for word in named if word[1] in words}
    return {name: value for name, value in numbers.items() if value > 0}


def _stated(labels: Mapping[str, Label], names: Sequence[str]) -> float | None:
    for name in names:
        if name in labels and (value := number(labels[name])) is not None and value > 0:
            return value
    return None


def _speculates(name: str, value: Label) -> bool:
    return bool(_SPECULATION.search(name)) and str(value).lower() not in _NO_SPECULATION


def series(claim: Claim) -> Iterator[list[tuple[float, Measurement]]]:
    """Yield the percentiles of each distribution, in ascending order of rank."""
    by_case: dict[tuple[str, ...], list[tuple[float, Measurement]]] = {}
    for item in claim.measurements:
        rank = rank_of(item)
        if isinstance(rank, float):
            meter = str(item.labels.get("meter", ""))
            part = str(item.labels.get("turn", item.labels.get("adapter", "")))
            key = (item.suite, item.case, item.metric, item.method, meter, part)
            by_case.setdefault(key, []).append((rank, item))
    for ranked in by_case.values():
        yield sorted(ranked, key=lambda pair: pair[0])
