"""llm-d Prism: points of llm-d's benchmark of prefill and decode on pools of their own.

Its `throughput` counts input and output tokens, its `target_qps` is the rate that was reached; a
percentile of 0 was not measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from results.reported.parts.building import (
    Refused,
    SourceRow,
    block,
    conditions,
    count,
    flat,
    known,
    named,
    positive,
    text,
)
from results.reported.parts.fields import Field
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made

if TYPE_CHECKING:
    from results.statement.reported import ReportedResult
    from suites.base.records import Label

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="metrics.throughput",
        metric="total_throughput",
        unit="tokens/s",
        definition="requests/s × (input + output tokens); refused where it is not that",
    ),
    Field(
        theirs="metrics.request_rate",
        metric="request_throughput",
        unit="1/s",
        definition="answered requests ÷ duration",
    ),
    Field(
        theirs="metrics.latency.{}", metric="e2e", unit="ms", definition="sending to the last token"
    ),
    Field(
        theirs="metrics.ttft.{}", metric="ttft", unit="ms", definition="sending to the first token"
    ),
    Field(
        theirs="metrics.tpot",
        metric="tpot",
        unit="ms",
        definition="mean of (latency − TTFT) ÷ (tokens − 1)",
    ),
    Field(theirs="metrics.itl", metric="itl", unit="ms", definition="mean gap between outputs"),
)
_CONDITIONS = {
    "isl": "workload.input_tokens",
    "osl": "workload.output_tokens",
    "concurrency": "workload.concurrency",
    "failed_requests": "metrics.error_count",
}
_KEPT = ("configuration", "pd_ratio", "architecture", "source", "filename", "id")
_NEAR = 0.03


def _knows(row: SourceRow) -> bool:
    return {"pd_ratio", "accelerator_count", "metrics", "workload"} <= row.keys()


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a point.

    Raises:
        Refused: its throughput is not all tokens of its requests.
    """
    values = flat({name: value for name, value in row.items() if name != "metadata"})
    labels = known(row, *_KEPT) | conditions(values, _CONDITIONS)
    rate = positive(values, "metrics.request_rate")
    tokens = positive(values, "workload.input_tokens") + positive(values, "workload.output_tokens")
    throughput = positive(values, "metrics.throughput")
    if not math.isclose(throughput, rate * tokens, rel_tol=_NEAR):
        raise Refused("throughput is not requests/s × (input + output tokens)")
    precision = text(block(row, "metadata"), "precision")
    return made(
        values,
        tool="llm-d-prism",
        table=_FIELDS,
        labels=labels | _pools(row),
        model=named(row, "model", "model_name"),
        precision=None if precision == "Unknown" else precision,
        engine=text(block(row, "metadata"), "backend"),
        date=text(row, "timestamp"),
        ran_on=chip(named(row, "accelerator_type", "hardware"), count(row, "accelerator_count")),
    )


def _pools(row: SourceRow) -> dict[str, Label]:
    if text(row, "architecture") != "disaggregated":
        size = conditions(block(row, "metadata"), {"tensor_parallel": "tensor_parallelism"})
        return size | {"disaggregated": False}
    labels: dict[str, Label] = {"disaggregated": True}
    for pool in ("prefill", "decode"):
        workers, tensor = count(row, f"{pool}_node_count"), count(row, f"{pool}_tp")
        if workers and tensor:
            labels[f"{pool}_pool"] = f"tp {tensor}, num_workers {workers}"
            labels[f"{pool}_chips"] = workers * tensor
    return labels


KIND = SourceKind(
    name="llm-d-prism",
    title="llm-d Prism, points of llm-d's benchmarks",
    licence="Apache-2.0",
    footnote="Throughput counts input and output tokens; a bare H100 may be SXM, PCIe or NVL.",
    formats="JSON list of points",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
)
