"""From every engine's outcome to the rows that are signed and shown."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Any

from suites.base.records import CellResult, Label, Row, Series
from suites.base.statistics import Interval, between_processes, dependence, percentile_interval
from suites.quality.summary import worse_under_load
from suites.serving.instrument.instrument import Error, Instrument
from suites.serving.instrument.validity import instrument_problem
from suites.serving.load.histogram import Histogram
from suites.serving.processes.server_metrics import UNITS
from suites.serving.search import LoadSearch, Tried, bracket

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["summarize"]

_PERCENTILES = (50.0, 90.0, 99.0, 99.9)
# Figures of a part of the requests, by the label that says which part: medians only.
_PART_OF = {"turn_ttft": "turn", "turn_tpot": "turn", "adapter_ttft": "adapter"}
_LATENCIES = (
    *("ttft", "ttfo", "tpot", "e2e", "send_delay", "service_time", "session_time"),
    *_PART_OF,
)
# Which error of the instrument bears on which figure.
_ERROR_OF = {
    "ttft": "ttft",
    "e2e": "ttft",
    "tpot": "tpot",
    "itl": "itl",
    "turn_ttft": "ttft",
    "turn_tpot": "tpot",
    "adapter_ttft": "ttft",
}
# What the reasons of a metric make invalid besides it.
_OWN = {"turn_ttft": "ttft", "turn_tpot": "tpot", "adapter_ttft": "ttft"}


def summarize(results: Sequence[CellResult]) -> list[Row]:
    """Percentiles over all requests of all engines; intervals from the engines' spread.

    A percentile row carries `percentile`; where there are too few requests for the early-stopping
    bound its `high` is None. A percentile beyond the number of requests is left out. Each row
    carries `valid` and, if it is not, `invalid_because`.
    """
    series = sorted(
        (item for result in results for item in result.series), key=lambda item: item.case
    )
    rows: list[Row] = []
    worse = worse_under_load(results)
    for case, group in groupby(series, lambda item: item.case):
        facts = [
            result.facts["points"][case] for result in results if case in result.facts["points"]
        ]
        rows += _case_rows(list(group), facts, worse.get(case) or worse.get("all"))
    searches = [result.facts["search"] for result in results if "search" in result.facts]
    return [*rows, *filter(None, map(_searched, searches))]


def _searched(search: dict[str, Any]) -> Row | None:
    """What a search found: the highest load seen to meet the limits, up to the next tried.

    None where it found none.
    """
    plan = LoadSearch(**search["plan"])
    ends = bracket(plan, [Tried(**tried) for tried in search["tried"]])
    if ends.low is None:
        return None
    return Row(
        suite="serving",
        case=search["case"],
        metric=f"searched_{plan.by}",
        unit="1/s" if plan.by == "rate" else "count",
        value=ends.low.load,
        low=ends.low.load,
        high=ends.high.load if ends.high else None,
        n=ends.low.n,
        method="measured",
        labels=_labels(search["labels"], []),
    )


def _case_rows(
    series: list[Series], facts: list[dict[str, Any]], worse: str | None
) -> Iterator[Row]:
    by_metric: dict[tuple[str, Label], list[Series]] = {}
    for item in series:
        part = item.labels.get(_PART_OF.get(item.metric, ""), "")
        by_metric.setdefault((item.metric, part), []).append(item)
    checks = [Instrument.from_json(fact["instrument"]) for fact in facts]
    shared = sorted({problem for fact in facts for problem in fact["problems"]})
    shared += [worse] if worse else []
    first = series[0]
    blank = Row(
        suite="serving",
        case=first.case,
        metric="",
        unit="",
        value=0.0,
        low=None,
        high=None,
        n=0,
        method="measured",
        labels=_labels({**_of_all(first.labels), "processes": len(facts)}, shared),
    )
    own = _own_problems(facts)
    dependent = all(fact.get("record", 1) > 1 for fact in facts)
    saturated = any(fact.get("saturated") for fact in facts)
    if saturated:
        blank = replace(blank, labels={**blank.labels, "saturated": True})
    for (metric, part), group in by_metric.items():
        template = replace(blank, metric=metric, unit=group[0].unit)
        if metric in _PART_OF:
            template = replace(template, labels={**template.labels, _PART_OF[metric]: part})
        reasons = [*shared, *own.get(_OWN.get(metric, metric), [])]
        if saturated and metric in _LATENCIES:
            continue
        if metric in _LATENCIES:
            yield from _latency_rows(template, group, checks, reasons, dependent=dependent)
        elif metric == "failed":
            total = sum(sum(item.samples) for item in group)
            yield replace(template, value=total, n=sum(fact["measured"] for fact in facts))
        else:
            medians = [median(item.samples) for item in group]
            template = replace(template, labels=_labels(template.labels, reasons))
            yield _with(template, between_processes(medians), sum(len(s.samples) for s in group))
    yield from _cache_rows(replace(blank, metric="cached_tokens", unit="count"), facts)
    yield from _server_rows(blank, facts)
    if not saturated:
        gap_reasons = [*shared, *own["itl"]]
        yield from _gap_rows(replace(blank, metric="itl", unit="ms"), facts, checks, gap_reasons)
    yield from _instrument_rows(blank, checks)
    yield from _clock_rows(replace(blank, metric="clock_offset", unit="ms"), facts)


def _of_all(labels: dict[str, Label]) -> dict[str, Label]:
    """Labels that all figures of a case carry."""
    return {name: value for name, value in labels.items() if name not in _PART_OF.values()}


def _own_problems(facts: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What makes single metrics invalid, by metric: a pace that is none, a first token unseen.

    Records of before November 2026 say nothing of it.
    """
    pace = sorted({problem for fact in facts for problem in fact.get("pace_problems", ())})
    gaps = sorted({problem for fact in facts for problem in fact.get("gap_problems", ())})
    hidden = sum(fact.get("hidden", 0) for fact in facts)
    unseen = [f"{hidden} answers hide their thoughts: see TTFO"] if hidden else []
    media = sorted({problem for fact in facts for problem in fact.get("media_problems", ())})
    prompts = sorted({problem for fact in facts for problem in fact.get("prompt_problems", ())})
    inputs = [*media, *prompts]
    return {
        "ttft": unseen,
        "tpot": pace,
        "interactivity": pace,
        "itl": [*pace, *gaps],
        "input_throughput": inputs,
        "total_throughput": inputs,
        "prefill_throughput": inputs,
    }


def _latency_rows(
    template: Row,
    group: list[Series],
    checks: list[Instrument],
    shared: list[str],
    *,
    dependent: bool,
) -> Iterator[Row]:
    """Percentiles of one latency.

    Args:
        dependent: requests that wait alike count as fewer; a record of before November 2026 was
            summed up as if each stood for itself, and its signed intervals stay what they are.
    """
    samples = [sample for series in group for sample in series.samples]
    offered = _offered(len(samples))
    for percentile in offered[:1] if template.metric in _PART_OF else offered:
        alike = [series.samples for series in group]
        weight = dependence(alike, percentile / 100) if dependent else 1.0
        interval = percentile_interval(samples, percentile / 100, weight=weight)
        if percentile == 50 and len(group) > 1:
            spread = between_processes([median(series.samples) for series in group])
            interval = Interval(interval.value, spread.low, spread.high, interval.n)
            interval = _holding(interval)
        yield _judged(template, interval, percentile, checks, shared)


def _gap_rows(
    template: Row, facts: list[dict[str, Any]], checks: list[Instrument], shared: list[str]
) -> Iterator[Row]:
    """Percentiles of all gaps together.

    Gaps of one stream are not independent, so the interval is the spread between engines.
    """
    parts = [Histogram.from_json(fact["itl"]) for fact in facts]
    parts = [part for part in parts if part.n]
    merged = Histogram.merged(parts)
    for percentile in _offered(merged.n):
        q = percentile / 100
        interval = Interval(merged.percentile(q), None, None, merged.n)
        if len(parts) > 1:
            spread = between_processes([part.percentile(q) for part in parts])
            interval = _holding(Interval(interval.value, spread.low, spread.high, merged.n))
        yield _judged(template, interval, percentile, checks, shared)


def _cache_rows(template: Row, facts: list[dict[str, Any]]) -> Iterator[Row]:
    """Cache hits as the engine reports them; no row where it is silent."""
    cached, tokens, requests = (
        sum(fact["cached_tokens"][key] for fact in facts) for key in ("cached", "input", "requests")
    )
    if requests:
        labels = {**template.labels, "share_of_input": round(cached / max(1, tokens), 4)}
        yield replace(template, value=cached, n=requests, method="reported", labels=labels)


def _server_rows(blank: Row, facts: list[dict[str, Any]]) -> Iterator[Row]:
    """What the server said of itself beside the load: an endpoint's, which one process measures."""
    for fact in facts[:1]:
        server = fact.get("server", {"figures": {}})
        for metric, statistics in server["figures"].items():
            for statistic, value in statistics.items():
                labels: dict[str, Label] = {"statistic": statistic} if statistic else {}
                if metric == "server_position_acceptance":
                    labels = {"position": int(statistic)}
                yield replace(
                    blank,
                    metric=metric,
                    unit=UNITS[metric],
                    value=value,
                    n=server["samples"],
                    method="reported",
                    labels={**blank.labels, **labels},
                )


def _instrument_rows(blank: Row, checks: list[Instrument]) -> Iterator[Row]:
    """The self-check's worst process."""
    for name in ("ttft", "itl"):
        errors: list[Error] = [getattr(check, name) for check in checks]
        for percentile in (50.0, 99.0):
            values = [error.p50 if percentile == 50 else error.p99 for error in errors]
            yield replace(
                blank,
                metric=f"instrument_{name}_error",
                unit="ms",
                value=max(values),
                n=sum(error.n for error in errors),
                labels={**blank.labels, "percentile": percentile},
            )


def _clock_rows(template: Row, facts: list[dict[str, Any]]) -> Iterator[Row]:
    """A fleet's clocks: the offset of each host, low and high what it is sure to lie between."""
    for process, fact in enumerate(facts):
        for host, clock in enumerate(fact["clocks"]):
            offset_ms, error_ms = clock["offset_ns"] / 1e6, clock["error_ns"] / 1e6
            yield replace(
                template,
                value=offset_ms,
                low=offset_ms - error_ms,
                high=offset_ms + error_ms,
                n=clock["asked"],
                labels={**template.labels, "host": host, "process": process},
            )


def _judged(
    template: Row,
    interval: Interval,
    percentile: float,
    checks: list[Instrument],
    shared: list[str],
) -> Row:
    name = _ERROR_OF.get(template.metric, "")
    errors: list[Error] = [getattr(check, name) for check in checks] if name else []
    own = [instrument_problem(error, percentile, interval.value) for error in errors]
    labels = _labels({**template.labels, "percentile": percentile}, [*shared, *filter(None, own)])
    return _with(replace(template, labels=labels), interval, interval.n)


def _labels(labels: dict[str, Label], reasons: list[str]) -> dict[str, Label]:
    labels = {key: value for key, value in labels.items() if key != "invalid_because"}
    labels["valid"] = not reasons
    if reasons:
        labels["invalid_because"] = "; ".join(dict.fromkeys(reasons))[:256]
    return labels


def _offered(n: int) -> list[float]:
    """Percentiles that at least one value lies beyond."""
    return [
        percentile
        for percentile in _PERCENTILES
        if n and (percentile == 50 or n * (100 - percentile) >= 100 - 1e-9)
    ]


def _holding(interval: Interval) -> Interval:
    """Widen the interval to hold its value: pooled and per-process figures differ a little."""
    low = None if interval.low is None else min(interval.low, interval.value)
    high = None if interval.high is None else max(interval.high, interval.value)
    return Interval(interval.value, low, high, interval.n)


def _with(row: Row, interval: Interval, n: int) -> Row:
    return replace(row, value=interval.value, low=interval.low, high=interval.high, n=n)
