"""trtllm-bench (TensorRT-LLM): `--report_json`, or what it prints.

Definitions as in `tensorrt_llm/bench/dataclasses/reporting.py`: output tokens include the first,
times per output token do not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import SourceRow, block, conditions, count, flat, named
from results.reported.parts.fields import Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="performance.system_output_throughput_tok_s",
        metric="output_throughput",
        unit="tok/s",
        definition="output tokens of all requests ÷ time from first to last",
    ),
    Field(
        theirs="performance.system_total_throughput_tok_s",
        metric="total_throughput",
        unit="tok/s",
        definition="input and output tokens ÷ the same time",
    ),
    Field(
        theirs="performance.request_throughput_req_s",
        metric="request_throughput",
        unit="req/s",
        definition="requests ÷ the same time",
    ),
    Field(
        theirs="performance.request_latency_percentiles_ms.{}",
        metric="e2e",
        unit="ms",
        definition="sending to the last token",
    ),
    Field(
        theirs="streaming_metrics.ttft_percentiles.{}",
        metric="ttft",
        unit="ms",
        definition="sending to the first token",
    ),
    Field(
        theirs="streaming_metrics.tpot_percentiles.{}",
        metric="tpot",
        unit="ms",
        definition="(latency − TTFT) ÷ (tokens − 1) of each request",
    ),
    Field(
        theirs="performance.output_throughput_per_user_tok_s",
        metric="",
        unit="tok/s",
        definition="not taken over: tokens ÷ latency of one request",
    ),
    Field(
        theirs="performance.output_throughput_per_gpu_tok_s",
        metric="",
        unit="tok/s",
        definition="not taken over: the system's rate ÷ chips",
    ),
)
_CONDITIONS = {
    "isl": "request_info.avg_input_length",
    "osl": "request_info.avg_output_length",
    "requests": "request_info.num_requests",
    "tensor_parallel": "world_info.tp_size",
    "pipeline_parallel": "world_info.pp_size",
    "expert_parallel": "world_info.ep_size",
    "kv_cache": "engine.kv_cache_dtype",
    "speculation": "decoding_stats.mode",
    "acceptance_length": "decoding_stats.acceptance_length_percentiles.average",
}
_OTHERS = {
    "max_batch_size": "world_info.max_batch_size",
    "max_num_tokens": "world_info.max_num_tokens",
    "scheduling_policy": "world_info.scheduling_policy",
    "mean_concurrency": "request_info.avg_num_concurrent_requests",
    "backend": "engine.backend",
}
# What it prints -> the field of the report.
_PRINTED = {
    "Request Throughput (req/sec)": "performance.request_throughput_req_s",
    "Total Output Throughput (tokens/sec)": "performance.system_output_throughput_tok_s",
    "Total Token Throughput (tokens/sec)": "performance.system_total_throughput_tok_s",
    "Average request latency (ms)": "performance.request_latency_percentiles_ms.average",
    "Average time-to-first-token [TTFT] (ms)": "streaming_metrics.ttft_percentiles.average",
    "Average time-per-output-token [TPOT] (ms)": "streaming_metrics.tpot_percentiles.average",
    "Number of requests": "request_info.num_requests",
    "Number of concurrent requests": "request_info.avg_num_concurrent_requests",
    "Average Input Length (tokens)": "request_info.avg_input_length",
    "Average Output Length (tokens)": "request_info.avg_output_length",
    "TP Size": "world_info.tp_size",
    "PP Size": "world_info.pp_size",
    "EP Size": "world_info.ep_size",
    "Max Runtime Batch Size": "world_info.max_batch_size",
    "Max Runtime Tokens": "world_info.max_num_tokens",
    "Model": "engine.model",
    "TensorRT LLM Version": "engine.version",
    "TensorRT-LLM Version": "engine.version",
    "Dtype": "engine.dtype",
    "KV Cache Dtype": "engine.kv_cache_dtype",
    "Quantization": "engine.quantization",
}
_PERCENTILE = re.compile(r"\[(Latency|TTFT|TPOT)\] (\w+)")
_FAMILIES = {
    "Latency": "performance.request_latency_percentiles_ms",
    "TTFT": "streaming_metrics.ttft_percentiles",
    "TPOT": "streaming_metrics.tpot_percentiles",
}


def _rows(document: Document) -> Sequence[Any]:
    if document.rows or "PERFORMANCE OVERVIEW" not in document.text:
        return document.rows
    fields: SourceRow = {}
    for line in document.text.split("\n"):
        name, mark, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not mark or not value:
            continue
        if field := _PRINTED.get(name):
            fields[field] = value
        elif told := _PERCENTILE.fullmatch(name):
            fields[f"{_FAMILIES[told[1]]}.{told[2].lower()}"] = value
    return [{"printed": True, **fields}] if fields else []


def _knows(row: SourceRow) -> bool:
    return row.get("printed") is True or "system_output_throughput_tok_s" in block(
        row, "performance"
    )


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a report.

    Raises:
        Refused: it holds no figure.
    """
    row = flat(row)
    row.setdefault(
        "performance.request_latency_percentiles_ms.average",
        row.get("performance.avg_request_latency_ms"),
    )
    for short, home in (("ttft", "ttft_percentiles"), ("tpot", "tpot_percentiles")):
        row.setdefault(
            f"streaming_metrics.{home}.average", row.get(f"streaming_metrics.avg_{short}_ms")
        )
    labels = conditions(row, _CONDITIONS)
    labels |= {
        name: value
        for name, field in _OTHERS.items()
        if isinstance(value := row.get(field), int | float | str) and str(value)[:256]
    }
    version = named(row, "engine.version")
    requests = labels.get("requests")
    return made(
        row,
        tool="trtllm-bench",
        table=_FIELDS,
        labels=labels,
        model=named(row, "engine.model"),
        precision=named(row, "engine.quantization", "engine.dtype"),
        engine=f"TensorRT-LLM {version}"[:256] if version else "TensorRT-LLM",
        ran_on=chip(None, _chips(row)),
        n=requests if isinstance(requests, int) and requests else 1,
    )


def _chips(row: SourceRow) -> int | None:
    """Count the ranks: experts are spread over those of the tensor-parallel group."""
    if (world := count(row, "world_info.world_size")) is not None:
        return world
    tensor = count(row, "world_info.tp_size")
    return tensor * (count(row, "world_info.pp_size") or 1) if tensor else None


KIND = SourceKind(
    name="trtllm-bench",
    title="trtllm-bench (TensorRT-LLM)",
    licence=TOOL,
    footnote="The file counts chips and does not name them.",
    formats="`--report_json`, or the printed summary as text",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
