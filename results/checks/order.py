"""Do the figures of one point agree with each other, by what they mean?"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from results.checks.claim import case_load, least, most, place_of, rank_of, series
from results.checks.finding import CheckedFigure, at_most
from results.statement.statement_v2 import ATTESTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.checks.claim import Claim, ClaimedPoint, Rank
    from results.checks.finding import Context
    from results.statement.statement import Measurement

__all__ = [
    "clocks_agree",
    "each_figure_stands_once",
    "good_requests_are_requests",
    "interactivity_is_the_pace",
    "latencies_contain_each_other",
    "means_lie_among_their_quantiles",
    "more_work_takes_no_less",
    "percentiles_are_ordered",
    "values_lie_in_their_interval",
]

# Rounding of published figures; a quantile by interpolation is not a sample.
_ROUNDED = 1.02
# A mean beyond its highest percentile by more is of another unit.
_TAIL = 10.0
# Published lengths are what was asked for: answers may be shorter by a fifth.
_ASKED_FOR = 1.35
# Means of sums are sums of means; medians are not, by this much at most where neighbours differ.
_END_TO_END = 1.5
_INTERACTIVITY = 1.1
# Of an even few, the lower of the two middle ones may be the median of one figure and the mean of
# both that of the other, which is half of the larger at least.
_FEW, _MIDDLE = 32, 2.0
# A client's clock against the engine's own, and a busy machine's decode against a quiet one's.
_CLOCKS, _ALONE = 0.75, 5.0
# Neighbours on the machine come and go between two points of one suite.
_NO_LESS = 2.0
# What may grow in the name of a case -> the letters before it, and what grows with it.
_GROWING = {
    "concurrency": ("c", ("tpot", "e2e")),
    "batch": ("b", ("tpot",)),
    "context": ("ctx", ("tpot",)),
    "isl": ("isl", ("ttft",)),
}
_BY_SUITE = {"serving": ("concurrency",), "inference": ("batch", "context", "isl")}
# A clock's offset, and what is lost against a reference, lie on both sides of zero.
_SIGNED = {"clock_offset", "score_drop", "hidden_drop"}
# Times that a request's own are parts of, by what they are parts of.
_PARTS = (
    ("ttft", "TTFT", "e2e", "the whole request"),
    ("ttft", "TTFT", "ttfo", "TTFO"),
    ("ttfo", "TTFO", "e2e", "the whole request"),
    ("service_time", "the service", "e2e", "the whole request"),
)
# Between which all requests of a point stand, whatever was seen of them.
_OF_ALL = ("ttft", "e2e")
# Figures of a whole case, which nothing but a percentile of a latency tells apart: those that pages
# show and rank. Their percentile is that of a latency alone.
_WHOLE = {"ttft", "tpot", "e2e", "itl", "ttfo"}
_RATES = {
    "output_throughput", "input_throughput", "total_throughput", "request_throughput", "goodput",
    "decode_throughput", "prefill_throughput", "interactivity", "time", "compute_rate",
    "integer_rate", "bandwidth",
}  # fmt: skip
# What a served load is, by its labels: two cases that agree in all of them are one. The rest stands
# behind figures, or is of a part of them.
_CONDITIONS = (
    "isl", "osl", "isl_spread", "osl_spread", "lengths_sha256", "length", "concurrency", "rate",
    "arrival", "burstiness", "api", "documents", "shared_prefix", "images", "image_size", "audio_s",
    "lora_mix", "speculation", "draft_tokens", "batch", "context", "depth", "model",
)  # fmt: skip
_ONE_LOAD = {"serving": ("closed", "open"), "inference": ("prefill", "decode")}
# Labels that tell two figures of one case and metric apart.
_APART = (
    "percentile", "statistic", "meter", "scope", "tokens", "host", "process", "pool", "column",
    "turn", "adapter", "position",
)  # fmt: skip


def values_lie_in_their_interval(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    for item in claim.measurements:
        low = item.value if item.low is None else item.low
        high = item.value if item.high is None else item.high
        where = place_of(item)
        if item.value < 0 and item.metric not in _SIGNED:
            yield CheckedFigure(
                where=where, reason=f"is negative: {item.value:g}", left=item.value, right=0.0
            )
        elif not low <= item.value <= high:
            bound = low if item.value < low else high
            reason = f"{item.value:g} lies outside its interval [{low:g}, {high:g}]"
            yield CheckedFigure(where=where, reason=reason, left=item.value, right=bound)


def percentiles_are_ordered(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    for ranked in series(claim):
        for (p, lower), (q, upper) in pairwise(ranked):
            if p < q:
                reason = f"p{p:g} is {{left}}, above p{q:g} at {{right}}"
                yield at_most(place_of(lower), lower.value, upper.value, reason)


def means_lie_among_their_quantiles(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """A share 1 − q is at least p_q (Markov); a median lies within a deviation of its mean."""
    for point in claim.points:
        for (metric, rank), mean in point.figures.items():
            if rank == "mean" and mean.value > 0:
                yield from _among(point, metric, mean)


def _among(point: ClaimedPoint, metric: str, mean: Measurement) -> Iterator[CheckedFigure]:
    where, ranks = place_of(mean), point.ranks(metric)
    for rank, item in ranks.items():
        reason = f"p{rank:g} alone makes the mean {{left}} at least, it is {{right}}"
        bound = item.value * (1 - rank / 100)
        yield at_most(where, bound, mean.value * _ROUNDED, reason)
    if ranks:
        highest = max(item.value for item in ranks.values())
        reason = "the mean is {left}, its highest percentile allows {right}"
        yield at_most(where, mean.value, highest * _TAIL, reason)
    told = {
        str(item.labels.get("statistic")): item.value
        for item in point.items
        if item.metric == metric
    }
    if "std" in told and 50.0 in ranks:
        median = ranks[50.0].value
        reason = "mean and median are {left} apart, the standard deviation allows {right}"
        apart = abs(mean.value - median)
        most_apart = told["std"] * _ROUNDED + (_ROUNDED - 1) * median
        yield at_most(where, apart, most_apart, reason)
    if "min" in told:
        reason = "the mean is {right}, the least is {left}"
        yield at_most(where, told["min"], mean.value * _ROUNDED, reason)
    if "max" in told:
        reason = "the mean is {left}, the most is {right}"
        yield at_most(where, mean.value, told["max"] * _ROUNDED, reason)


def latencies_contain_each_other(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """End-to-end = TTFT + TPOT × (OSL − 1) of each request, so that quantiles dominate.

    P(X + Y > x + y) ≤ P(X > x) + P(Y > y): half of all requests end by the sum of both p90.
    """
    for point in claim.points:
        for metric, told, of, told_of in _PARTS:
            for rank, whole in point.ranks(of).items():
                part = point.get(metric, rank)
                # A part that was seen of other requests bounds nothing.
                if part and ((metric, of) == _OF_ALL or part.n == whole.n):
                    reason = f"p{rank:g} of {told} is {{left}} ms, of {told_of} {{right}} ms"
                    yield at_most(place_of(part), part.value, whole.value * _ROUNDED, reason)
        if "osl" in point.load and point.load["osl"] > 1:
            yield from _sums(point, point.load["osl"] - 1)


def _sums(point: ClaimedPoint, steps: float) -> Iterator[CheckedFigure]:
    slack = _ROUNDED if point.exact else _ASKED_FOR
    ranks, paces = point.ranks("e2e"), point.ranks("tpot")
    for rank, whole in ranks.items():
        if pace := paces.get(rank):
            reason = f"{steps:g} steps at TPOT p{rank:g} take {{left}} ms, the request {{right}} ms"
            yield at_most(place_of(pace), pace.value * steps, whole.value * slack, reason)
    # (end-to-end, its parts, tolerance): half of all end by the sum of both p90, all but a tenth
    # by that of both p99. Medians add up to nothing certain: they are held where no p90 is given.
    pairs: list[tuple[Rank, Rank, float]] = [(50.0, 90.0, _ROUNDED), (90.0, 99.0, _ROUNDED)]
    pairs += [("mean", "mean", _END_TO_END)]
    pairs += [] if 90.0 in ranks else [(50.0, 50.0, _END_TO_END)]
    for inner, outer, tolerance in pairs:
        total, first = point.get("e2e", inner), point.get("ttft", outer)
        step = point.get("tpot", outer)
        if total and first and step:
            most_ms = (first.value + step.value * steps) * tolerance
            reason = "{left} ms, TTFT + TPOT × (OSL − 1) allows {right}"
            yield at_most(place_of(total), least(total), most_ms, reason)


def clocks_agree(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """The client waits no less than the engine works, and a crowd no less than one alone."""
    alone = [
        item
        for point in claim.points
        if point.exact and point.suite == "inference" and point.load.get("batch") == 1
        if (item := point.get("tpot", 50.0))
    ]
    for point in claim.points:
        for client_metric, engine_metric in (("tpot", "engine_tpot"), ("ttft", "engine_ttft")):
            by_client, by_engine = point.get(client_metric, 50.0), point.get(engine_metric)
            if by_client and by_engine:
                reason = "the engine says {left} ms, its client saw {right} ms"
                yield at_most(
                    place_of(by_client), least(by_engine) * _CLOCKS, most(by_client), reason
                )
        pace = point.get("tpot", 50.0) if point.exact and point.suite == "serving" else None
        if pace and alone:
            fastest = min(map(least, alone))
            reason = f"{{right}} ms a token under load, {fastest:.4g} ms alone: below {{left}} ms"
            yield at_most(place_of(pace), fastest / _ALONE, most(pace), reason)


def more_work_takes_no_less(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """More at once, longer contexts and longer prompts take no less time than fewer and shorter."""
    for (name, *_rest), points in _rising(claim).items():
        for metric in _GROWING[name][1]:
            slowest = 0.0
            for size, point in points:
                item = point.get(metric, 50.0)
                if item is None:
                    continue
                if slowest:
                    reason = f"{{right}} ms at {name} {size:g}, of less {slowest:.4g} ms"
                    yield at_most(place_of(item), slowest / _NO_LESS, most(item), reason)
                slowest = max(slowest, least(item))


def _rising(claim: Claim) -> dict[tuple[str, ...], list[tuple[float, ClaimedPoint]]]:
    """Valid points whose cases differ in one number alone, in its order."""
    by_case: dict[tuple[str, ...], list[tuple[float, ClaimedPoint]]] = {}
    for point in claim.points:
        if not (point.exact and point.valid):
            continue
        named = case_load(point.suite, point.case)
        for name in _BY_SUITE.get(point.suite, ()):
            if name in named:
                rest = _without(point.case, _GROWING[name][0])
                by_case.setdefault((name, point.suite, rest), []).append((named[name], point))
    return {key: sorted(points, key=itemgetter(0)) for key, points in by_case.items()}


@lru_cache(maxsize=1024)
def _without(case: str, letters: str) -> str:
    """The case's name without the part of these letters and a number."""
    return re.sub(f"/{letters}[0-9][^/]*", "/", case, count=1)


def interactivity_is_the_pace(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """1000 ÷ TPOT in ms, of the same statistic."""
    for point in claim.points:
        for rank in (50.0, "mean"):
            seen = point.get("interactivity", rank) or (
                point.get("interactivity") if rank == 50 else None
            )
            pace = point.get("tpot", rank)
            if not seen:
                continue
            where = place_of(seen)
            if not pace:
                if point.exact and rank == 50 and not _saturated(seen):
                    yield CheckedFigure(
                        where=where, reason="stands without the TPOT it is one over"
                    )
                continue
            high = 1e3 / least(pace) * _INTERACTIVITY
            parted = rank == 50 and pace.n < _FEW and pace.n % 2 == 0
            low = 1e3 / most(pace) / (_MIDDLE if parted else _INTERACTIVITY)
            reason = "{left} tokens/s a user, 1 ÷ TPOT is at most {right}"
            yield at_most(where, least(seen), high, reason)
            yield at_most(where, low, most(seen), "1 ÷ TPOT is {left} tokens/s, {right} are stated")


def _saturated(item: Measurement) -> bool:
    return item.labels.get("saturated") is True


def good_requests_are_requests(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    for point in claim.points:
        good, all_ = point.get("goodput"), point.get("request_throughput")
        if good and all_:
            reason = "{left} good requests/s of {right} in all"
            yield at_most(place_of(good), good.value, all_.value * _ROUNDED, reason)
        failed = point.figures.get(("failed", None))
        if failed and point.exact:
            reason = "{left} of {right} requests failed"
            yield at_most(place_of(failed), failed.value, failed.n, reason)


def each_figure_stands_once(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    seen: dict[tuple[object, ...], float] = {}
    for item in claim.measurements:
        key = (item.suite, item.case, item.metric, *_apart(claim, item))
        if key in seen:
            reason = f"stands twice: {seen[key]:g} and {item.value:g}"
            yield CheckedFigure(
                where=place_of(item), reason=reason, left=seen[key], right=item.value
            )
        seen[key] = item.value
    yield from _one_load_has_one_case(claim)


def _apart(claim: Claim, item: Measurement) -> Sequence[object]:
    """What tells a figure from others of its case and metric."""
    signed = claim.statement is not None and item.suite != ATTESTED
    if signed and item.metric in _RATES:
        return ()
    if signed and item.metric in _WHOLE:
        return (rank_of(item),)
    return (item.method, *map(item.labels.get, _APART))


def _one_load_has_one_case(claim: Claim) -> Iterator[CheckedFigure]:
    """A load that is stated twice, under two names, is the better of two."""
    seen: dict[tuple[object, ...], str] = {}
    for point in claim.points:
        shape = point.case.partition("/")[0]
        if not point.exact or shape not in _ONE_LOAD.get(point.suite, ()):
            continue
        first = point.items[0]
        key = (point.suite, shape, *map(first.labels.get, _CONDITIONS))
        if key in seen:
            reason = f"is the load of {seen[key]} once more, under another name"
            yield CheckedFigure(where=place_of(first), reason=reason)
        seen.setdefault(key, point.case)
