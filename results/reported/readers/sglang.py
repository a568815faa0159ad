"""SGLang's `bench_serving`: one JSON object a run, appended to a file of JSON Lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.reported.parts.building import (
    Refused,
    SourceRow,
    conditions,
    flat,
    named,
    number,
    text,
)
from results.reported.parts.fields import Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.results import lengths, made, others

if TYPE_CHECKING:
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="output_throughput",
        metric="output_throughput",
        unit="tokens/s",
        definition="output tokens, as asked for or counted by the server, ÷ duration",
    ),
    Field(
        theirs="input_throughput",
        metric="input_throughput",
        unit="tokens/s",
        definition="input tokens ÷ duration",
    ),
    Field(
        theirs="total_throughput",
        metric="total_throughput",
        unit="tokens/s",
        definition="input and output tokens ÷ duration",
    ),
    Field(
        theirs="request_throughput",
        metric="request_throughput",
        unit="1/s",
        definition="answered requests ÷ duration",
    ),
    Field(
        theirs="{}_e2e_latency_ms", metric="e2e", unit="ms", definition="sending to the last token"
    ),
    Field(theirs="{}_ttft_ms", metric="ttft", unit="ms", definition="sending to the first token"),
    Field(
        theirs="{}_tpot_ms",
        metric="tpot",
        unit="ms",
        definition="(latency − TTFT) ÷ (tokens − 1) of each request",
    ),
    Field(theirs="{}_itl_ms", metric="itl", unit="ms", definition="gaps between chunks"),
)
_CONDITIONS = {
    "concurrency": "max_concurrency",
    "rate": "request_rate",
    "requests": "completed",
    "dataset": "dataset_name",
    "acceptance_length": "accept_length",
    "tensor_parallel": "server_info.tp_size tp_size",
    "pipeline_parallel": "server_info.pp_size pp_size",
    "data_parallel": "server_info.dp_size dp_size",
    "expert_parallel": "server_info.ep_size ep_size",
    "speculation": "server_info.speculative_algorithm",
    "kv_cache": "server_info.kv_cache_dtype",
}
_READ = {
    "model", "model_id", "model_path", "duration", "total_input_tokens", "total_output_tokens",
    "total_output_tokens_retokenized", "output_throughput_retokenized", "backend", "tag",
    "total_throughput_retokenized", "output_details", "concurrency",
} | {column for columns in _CONDITIONS.values() for column in columns.split()}  # fmt: skip


def _knows(row: SourceRow) -> bool:
    return "output_throughput" in row and bool(
        row.keys()
        & {"total_output_tokens_retokenized", "mean_e2e_latency_ms", "median_e2e_latency_ms"}
    )


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a line.

    Raises:
        Refused: no request was answered, or it holds no figure.
    """
    completed = number(row, "completed")
    if completed == 0:
        raise Refused("no request was answered")
    row = flat(row)
    labels = conditions(row, _CONDITIONS)
    labels |= lengths(
        number(row, "total_input_tokens"), number(row, "total_output_tokens"), completed
    )
    if text(row, "request_rate") == "inf" and "concurrency" not in labels:
        labels["arrival"] = "burst"
    seen = {name: value for name, value in row.items() if not name.startswith("server_info.")}
    return made(
        row,
        tool="sglang",
        table=_FIELDS,
        labels=others(seen, _FIELDS, _READ) | labels,
        model=named(row, "model", "model_id", "server_info.model_path", "model_path"),
        precision=text(row, "server_info.quantization"),
        engine=" ".join(filter(None, (text(row, "backend"), text(row, "server_info.version"))))
        or None,
        n=round(completed) if completed and 0 < completed < 2**53 else 1,
    )


KIND = SourceKind(
    name="sglang",
    title="SGLang bench_serving",
    licence=TOOL,
    footnote="The file does not say what it ran on.",
    formats="`python -m sglang.bench_serving --output-file` (JSON Lines)",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
)
