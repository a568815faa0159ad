"""Does a statement agree with itself and with the names this version knows?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from results import catalog
from results.checks.finding import label_number, label_tokens, place_of
from suites.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.checks.finding import Context
    from results.statement import Measurement, Statement

__all__ = [
    "intervals_hold_their_value",
    "metrics_are_known",
    "percentiles_are_ordered",
    "software_is_stated",
    "suite_is_known",
    "times_are_sane",
    "tokens_add_up",
]

# Client and engine round; a rate is a median of its own, not the quotient of two medians.
_ARITHMETIC = 1.25
_CLOCK_SKEW = timedelta(minutes=10)


def intervals_hold_their_value(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    for item in statement.predicate.measurements:
        low = item.value if item.low is None else item.low
        high = item.value if item.high is None else item.high
        if not low <= item.value <= high:
            yield place_of(item), f"{item.value:g} lies outside its interval [{low:g}, {high:g}]"


def percentiles_are_ordered(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    numbered = [
        (label_number(item, "percentile"), item) for item in statement.predicate.measurements
    ]
    ranked = [(_series(item), p, item) for p, item in numbered if p is not None]
    ranked.sort(key=lambda one: one[:2])
    for _series_of, group in groupby(ranked, lambda one: one[0]):
        for (_same, p, lower), (_too, q, upper) in pairwise(group):
            if lower.value > upper.value and p < q:
                reason = f"p{p:g} is {lower.value:g}, above p{q:g} at {upper.value:g}"
                yield place_of(lower), reason


def metrics_are_known(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    for item in statement.predicate.measurements:
        metric = METRICS.get(item.metric)
        if metric is None:
            yield place_of(item), "is no metric of this version"
        elif metric.unit != item.unit:
            yield place_of(item), f"is in {item.unit}; {item.metric} is in {metric.unit}"
        elif item.value < 0:
            yield place_of(item), f"is negative: {item.value:g} {item.unit}"
        elif item.n == 0:
            yield place_of(item), "has no sample behind it"


def times_are_sane(statement: Statement, context: Context) -> Iterator[tuple[str, str]]:
    run = statement.predicate.run
    try:
        started, finished = _time(run.started_at), _time(run.finished_at)
    except ValueError:
        yield "run", f"{run.started_at} or {run.finished_at} is no date"
        return
    if finished < started:
        yield "run.finished_at", f"ends at {run.finished_at}, before it began {run.started_at}"
    if context.now and finished > context.now + _CLOCK_SKEW:
        yield "run.finished_at", f"{run.finished_at} lies in the future"


def tokens_add_up(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """Decode rate = batch ÷ TPOT and prefill rate = ISL ÷ TTFT, of the same case."""
    pairs = {"decode_throughput": ("tpot", "batch"), "prefill_throughput": ("ttft", "isl")}
    by_key = {
        (item.case, item.metric): item
        for item in statement.predicate.measurements
        if item.suite == "inference"
    }
    for (case, metric), item in by_key.items():
        latency, tokens = pairs.get(metric, ("", ""))
        other, number = by_key.get((case, latency)), label_tokens(item, tokens)
        if other is None or other.value <= 0 or number is None:
            continue
        expected = number * 1e3 / other.value
        if not expected / _ARITHMETIC <= item.value <= expected * _ARITHMETIC:
            reason = f"{item.value:g} tokens/s, but {tokens} ÷ {latency} gives {expected:g}"
            yield place_of(item), reason


def software_is_stated(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    predicate = statement.predicate
    suites = {item.suite for item in predicate.measurements}
    if suites & {"inference", "serving"} and not predicate.engines:
        yield "engines", "tokens were measured, but no engine is named"
    energy = any(item.metric.startswith("energy_") for item in predicate.measurements)
    if energy and not predicate.meters:
        yield "meters", "energy is given, but no meter is named"
    if predicate.source.modified:
        yield "source", "measured by code that differed from its commit"


def suite_is_known(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    version = statement.predicate.run.suite_version
    if version not in catalog.versions():
        yield "run.suite_version", f"{version} is no released version"


def _series(item: Measurement) -> tuple[str, ...]:
    """Identity of the distribution a percentile belongs to."""
    return (item.suite, item.case, item.metric, item.method, str(item.labels.get("meter", "")))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
