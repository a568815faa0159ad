"""Result files of three load generators: vllm bench serve, GuideLLM and AIPerf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from results.reported.building import Refused, Row, figures, known, text
from results.reported.names import chip
from results.statement.reported import ReportedResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from suites.base.records import Label

__all__ = ["read_aiperf", "read_guidellm", "read_vllm", "split"]

_Names = dict[str, tuple[str, str, float]]

_VLLM: _Names = {
    "output_throughput": ("output_throughput", "", 1.0),
    "total_token_throughput": ("total_throughput", "", 1.0),
    "request_throughput": ("request_throughput", "", 1.0),
} | {
    f"{statistic}_{theirs}_ms": (ours, statistic, 1.0)
    for theirs, ours in (("ttft", "ttft"), ("tpot", "tpot"), ("itl", "itl"), ("e2el", "e2e"))
    for statistic in ("mean", "median", "p50", "p90", "p95", "p99")
}

# name -> (metric, factor). GuideLLM's rates are distributions over time: their mean is the rate.
_GUIDELLM_RATES = {
    "output_tokens_per_second": "output_throughput",
    "tokens_per_second": "total_throughput",
    "requests_per_second": "request_throughput",
}
_GUIDELLM_LATENCIES = {
    "time_to_first_token_ms": ("ttft", 1.0),
    "time_per_output_token_ms": ("tpot", 1.0),
    "inter_token_latency_ms": ("itl", 1.0),
    "request_latency": ("e2e", 1e3),
}

# AIPerf's inter_token_latency is (latency - TTFT) / (tokens - 1) of a request, which is our TPOT.
_AIPERF_RATES = {
    "output_token_throughput": ("output_throughput", "tokens/sec"),
    "total_token_throughput": ("total_throughput", "tokens/sec"),
    "request_throughput": ("request_throughput", "requests/sec"),
}
_AIPERF_LATENCIES = {
    "time_to_first_token": "ttft",
    "inter_token_latency": "tpot",
    "request_latency": "e2e",
}
_AIPERF_UNITS_MS = {"ms": 1.0, "sec": 1e3, "s": 1e3, "us": 1e-3}
_PERCENTILES = ("p50", "p90", "p95", "p99")


def split(kind: str, rows: Sequence[Any]) -> list[Any]:
    """Give each benchmark of a GuideLLM report a row of its own; other kinds stay."""
    if kind != "guidellm":
        return list(rows)
    found: list[Any] = []
    for row in rows:
        inside = row.get("benchmarks") if isinstance(row, dict) else None
        found += inside if isinstance(inside, list) else [row]
    return found


def read_vllm(row: Row) -> ReportedResult:
    """Make a result of a file of `vllm bench serve --save-result`.

    Raises:
        Refused: it holds no throughput.
    """
    labels = known(row, "backend", "num_prompts", "request_rate", "max_concurrency", "completed")
    model = text(row, "model_id")
    return _result(
        case=_case("vllm", model),
        model=model,
        date=text(row, "date"),
        labels=labels,
        row=row,
        names=_VLLM,
    )


def read_guidellm(row: Row) -> ReportedResult:
    """Make a result of one benchmark of a report.

    Raises:
        Refused: it holds no metrics of successful requests.
    """
    metrics = _dict(row, "metrics")
    values: Row = {}
    names: _Names = {}
    for theirs, ours in _GUIDELLM_RATES.items():
        values[theirs] = _successful(metrics, theirs).get("mean")
        names[theirs] = (ours, "", 1.0)
    for theirs, (ours, factor) in _GUIDELLM_LATENCIES.items():
        found = _successful(metrics, theirs)
        percentiles = found.get("percentiles")
        for statistic in _PERCENTILES:
            key = f"{theirs}.{statistic}"
            values[key] = percentiles.get(statistic) if isinstance(percentiles, dict) else None
            names[key] = (ours, statistic, factor)
    return _result(
        case=_case("guidellm", None), model=None, date=None, labels={}, row=values, names=names
    )


def read_aiperf(row: Row) -> ReportedResult:
    """Make a result of a `profile_export_aiperf.json`.

    Raises:
        Refused: it holds no throughput, or a unit we do not know.
    """
    values: Row = {}
    names: _Names = {}
    for theirs, (ours, unit) in _AIPERF_RATES.items():
        block = _block(row, theirs)
        if block and block.get("unit") != unit:
            raise Refused(f"{theirs} is not in {unit}")
        values[theirs] = block.get("avg")
        names[theirs] = (ours, "", 1.0)
    for theirs, ours in _AIPERF_LATENCIES.items():
        block = _block(row, theirs)
        factor = _AIPERF_UNITS_MS.get(str(block.get("unit")), 0.0)
        if block and not factor:
            raise Refused(f"{theirs} is in no unit of time")
        for statistic in _PERCENTILES:
            values[f"{theirs}.{statistic}"] = block.get(statistic)
            names[f"{theirs}.{statistic}"] = (ours, statistic, factor)
    endpoint = _block(_block(row, "input_config"), "endpoint")
    models = endpoint.get("model_names")
    model = str(models[0])[:256] if isinstance(models, list) and models else None
    return _result(
        case=_case("aiperf", model),
        model=model,
        date=text(row, "start_time"),
        labels={},
        row=values,
        names=names,
    )


def _result(
    *,
    case: str,
    model: str | None,
    date: str | None,
    labels: dict[str, Label],
    row: Row,
    names: _Names,
) -> ReportedResult:
    measurements = list(figures(row, case, names))
    if not any(m.metric == "output_throughput" and m.value > 0 for m in measurements):
        raise Refused("no output token rate")
    return ReportedResult(
        id=case,
        chip=chip(None, None),
        model=model,
        date=date,
        labels=labels,
        measurements=measurements,
    )


def _successful(metrics: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _block(_block(metrics, name), "successful")


def _block(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _dict(row: Row, name: str) -> Mapping[str, Any]:
    if not isinstance(row.get(name), dict):
        raise Refused(f"no {name}")
    return _block(row, name)


def _case(tool: str, model: str | None) -> str:
    return f"{tool}/{model or 'unnamed'}"[:256]
