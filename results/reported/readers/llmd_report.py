"""llm-d's benchmark report, v0.1 and v0.2: one run of any harness with the stack it ran on."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import (
    Refused,
    SourceRow,
    block,
    conditions,
    count,
    flat,
    named,
    text,
)
from results.reported.parts.fields import STATED, Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made

if TYPE_CHECKING:
    from collections.abc import Mapping

    from results.statement.reported import ReportedChip, ReportedResult
    from suites.base.records import Label

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="throughput.output_token_rate.mean",
        metric="output_throughput",
        unit=STATED,
        definition="mean over the run",
    ),
    Field(
        theirs="throughput.input_token_rate.mean",
        metric="input_throughput",
        unit=STATED,
        definition="mean over the run",
    ),
    Field(
        theirs="throughput.total_token_rate.mean",
        metric="total_throughput",
        unit=STATED,
        definition="mean over the run",
    ),
    Field(
        theirs="throughput.request_rate.mean",
        metric="request_throughput",
        unit=STATED,
        definition="mean over the run",
    ),
    Field(
        theirs="latency.time_to_first_token.{}",
        metric="ttft",
        unit=STATED,
        definition="as the harness that is named measures it",
    ),
    Field(
        theirs="latency.time_per_output_token.{}",
        metric="tpot",
        unit=STATED,
        definition="without the first token",
    ),
    Field(
        theirs="latency.inter_token_latency.{}",
        metric="itl",
        unit=STATED,
        definition="gaps between tokens",
    ),
    Field(
        theirs="latency.request_latency.{}",
        metric="e2e",
        unit=STATED,
        definition="sending to the last token",
    ),
    Field(
        theirs="latency.normalized_time_per_output_token.{}",
        metric="",
        unit=STATED,
        definition="not taken over: latency ÷ tokens, the first token's wait is in it",
    ),
)
_CONDITIONS = {
    "rate": "load.rate_qps",
    "concurrency": "load.concurrency",
    "isl": "requests.input_length.mean load.input_seq_len.value",
    "osl": "requests.output_length.mean load.output_seq_len.value",
    "requests": "requests.total",
    "failed_requests": "requests.failures",
}
_PARALLEL = {
    "tensor_parallel": "accelerator.parallelism.tp",
    "pipeline_parallel": "accelerator.parallelism.pp",
    "expert_parallel": "accelerator.parallelism.ep",
    "data_parallel": "accelerator.parallelism.dp",
    "replicas": "replicas",
}


# Rates of v0.1, which have their unit in their name -> those of v0.2.
_RATES = {
    "output_tokens_per_sec": ("output_token_rate", "tokens/s"),
    "input_tokens_per_sec": ("input_token_rate", "tokens/s"),
    "total_tokens_per_sec": ("total_token_rate", "tokens/s"),
    "requests_per_sec": ("request_rate", "1/s"),
}


def _knows(row: SourceRow) -> bool:
    return "scenario" in row and bool(
        block(row, "results", "request_performance") or block(row, "metrics", "latency")
    )


def _of_v0_2(row: SourceRow) -> SourceRow:
    """Lay a report of v0.1 out as one of v0.2."""
    metrics, scenario = block(row, "metrics"), block(row, "scenario")
    rates = block(metrics, "throughput")
    aggregate = {
        "requests": metrics.get("requests"),
        "latency": metrics.get("latency"),
        "throughput": {
            name: {"mean": rates[name_in_file], "units": unit}
            for name_in_file, (name, unit) in _RATES.items()
            if name_in_file in rates
        },
    }
    hosts, roles, engines = (
        value if isinstance(value, list) else [value] if value else []
        for value in (
            block(scenario, "host").get("accelerator"),
            block(scenario, "host").get("type"),
            block(scenario, "platform").get("engine"),
        )
    )
    stack = [
        {
            "standardized": {
                "kind": "inference_engine",
                "tool": block({"of": engine}, "of").get("name"),
                "tool_version": block({"of": engine}, "of").get("version"),
                "role": role,
                "accelerator": host,
                "model": scenario.get("model"),
            }
        }
        for host, role, engine in zip_longest(hosts, roles, engines)
    ]
    load = {"tool": block(scenario, "load").get("name")}
    return {
        "run": {"time": metrics.get("time")},
        "scenario": {"stack": stack, "load": {"standardized": load}},
        "results": {"request_performance": {"aggregate": aggregate}},
    }


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a report.

    Raises:
        Refused: it has no aggregate, or a count that is none.
    """
    row = _of_v0_2(row) if "metrics" in row else row
    values = flat(block(row, "results", "request_performance", "aggregate"))
    if not values:
        raise Refused("no aggregate of requests")
    load = flat(block(row, "scenario", "load", "standardized"))
    engines = _engines(row)
    labels = conditions(
        values | {f"load.{name}": value for name, value in load.items()}, _CONDITIONS
    )
    for name in ("tool", "tool_version", "stage", "source"):
        if stated := text(load, name):
            labels[f"load_{name}"] = stated
    answered = labels.get("requests")
    failed = labels.get("failed_requests")
    if isinstance(answered, int) and isinstance(failed, int):
        labels["requests"] = max(0, answered - failed)
    first = engines[0] if engines else {}
    return made(
        values,
        tool="llm-d",
        table=_FIELDS,
        labels=labels | _stack(engines),
        model=named(first, "model.name"),
        precision=named(first, "model.quantization", "model.precision"),
        engine=" ".join(filter(None, (text(first, "tool"), text(first, "tool_version")))) or None,
        ran_on=_chip(engines),
        date=named(block(row, "run", "time"), "start"),
        n=answered if isinstance(answered, int) and answered else 1,
    )


def _engines(row: SourceRow) -> list[SourceRow]:
    stack = block(row, "scenario").get("stack")
    parts = [
        flat(block(part, "standardized"))
        for part in (stack if isinstance(stack, list) else ())
        if isinstance(part, dict)
    ]
    return [part for part in parts if part.get("kind") == "inference_engine"]


def _chips(engine: Mapping[str, Any]) -> int | None:
    """Count the chips of an engine: those of one replica × replicas."""
    own = count(engine, "accelerator.count")
    if own is None:
        sizes = [count(engine, f"accelerator.parallelism.{name}") for name in ("tp", "pp", "dp")]
        if sizes[0] is None:
            return None
        own = sizes[0] * (sizes[1] or 1) * (sizes[2] or 1)
    return own * (count(engine, "replicas") or 1)


def _chip(engines: list[SourceRow]) -> ReportedChip:
    named_ = {text(engine, "accelerator.model") for engine in engines}
    counts = [_chips(engine) for engine in engines]
    known = [count for count in counts if count is not None]
    total = sum(known) if engines and len(known) == len(counts) else None
    return chip(", ".join(sorted(filter(None, named_))) or None, total)


def _stack(engines: list[SourceRow]) -> dict[str, Label]:
    pools = {
        role: [engine for engine in engines if text(engine, "role") == role]
        for role in ("prefill", "decode")
    }
    if not all(pools.values()):
        return conditions(engines[0], _PARALLEL) if len(engines) == 1 else {}
    labels: dict[str, Label] = {"disaggregated": True}
    for role, pool in pools.items():
        sizes = conditions(pool[0], _PARALLEL)
        labels[f"{role}_pool"] = ", ".join(f"{name} {size}" for name, size in sizes.items())
        counts = [count for engine in pool if (count := _chips(engine)) is not None]
        if len(counts) == len(pool):
            labels[f"{role}_chips"] = sum(counts)
    return labels


KIND = SourceKind(
    name="llm-d",
    title="llm-d benchmark report",
    licence=TOOL,
    footnote="Chips are those of all engines of the stack, replicas included.",
    formats="benchmark report v0.1 and v0.2 (YAML or JSON)",
    fields=tuple(
        replace(field, theirs=f"results.request_performance.aggregate.{field.theirs}")
        for field in _FIELDS
    ),
    knows=_knows,
    read=_read,
)
