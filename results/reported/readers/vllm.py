"""vLLM's `bench serve`, `bench throughput`, `bench latency` and `bench sweep`.

Definitions as in `vllm/benchmarks/serve.py`: TPOT is (latency - TTFT) ÷ (tokens - 1) of a request,
ITL every gap between two outputs, and rates are over the whole run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.reported.parts.building import (
    Refused,
    SourceRow,
    conditions,
    count,
    flat,
    named,
    number,
    text,
)
from results.reported.parts.fields import Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import counted, lengths, made, others

if TYPE_CHECKING:
    from results.statement.reported import ReportedResult
    from suites.base.records import Label

__all__ = ["KIND"]

_SERVE = (
    Field(
        theirs="output_throughput",
        metric="output_throughput",
        unit="tokens/s",
        definition="output tokens of answered requests ÷ duration",
    ),
    Field(
        theirs="total_token_throughput",
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
        theirs="request_goodput",
        metric="goodput",
        unit="1/s",
        definition="requests within the asked-for latencies ÷ duration",
    ),
    Field(theirs="{}_ttft_ms", metric="ttft", unit="ms", definition="sending to the first token"),
    Field(
        theirs="{}_tpot_ms",
        metric="tpot",
        unit="ms",
        definition="(latency − TTFT) ÷ (tokens − 1) of each request",
    ),
    Field(theirs="{}_itl_ms", metric="itl", unit="ms", definition="gaps between outputs"),
    Field(theirs="{}_e2el_ms", metric="e2e", unit="ms", definition="sending to the last token"),
)
_OFFLINE = (
    Field(
        theirs="tokens_per_second",
        metric="total_throughput",
        unit="tokens/s",
        definition="`bench throughput`: input and output tokens ÷ elapsed time",
    ),
    Field(
        theirs="requests_per_second",
        metric="request_throughput",
        unit="1/s",
        definition="`bench throughput`: requests ÷ elapsed time",
    ),
)
_LATENCY = (
    Field(
        theirs="{}_latency",
        metric="e2e",
        unit="s",
        definition="`bench latency`: time of one batch; `avg_latency` and `percentiles`",
    ),
)
# What `backend` may say of the engine itself; others name the protocol the client spoke.
_ENGINES = {"vllm", "sglang", "tgi", "tensorrt-llm", "lmdeploy", "deepspeed-mii", "scalellm"}
_CONDITIONS = {
    "concurrency": "max_concurrency",
    "rate": "request_rate",
    "requests": "completed num_requests",
    "failed_requests": "failed",
    "tensor_parallel": "tensor_parallel_size tp",
    "pipeline_parallel": "pipeline_parallel_size pp",
    "data_parallel": "data_parallel_size dp",
    "repetition": "run_number",
    "dataset": "dataset_name dataset",
    "acceptance_length": "spec_decode_acceptance_length",
}
_READ = {
    "model_id", "date", "duration", "total_input_tokens", "total_output_tokens", "label",
    "tokenizer_id", "elapsed_time", "total_num_tokens", "rtfx", "gpu", "model",
    "max_output_tokens_per_s", "max_concurrent_requests", "request_goodput:",
} | {column for columns in _CONDITIONS.values() for column in columns.split()}  # fmt: skip


def _knows(row: SourceRow) -> bool:
    if "output_throughput" in row:
        return not row.keys() & {"total_output_tokens_retokenized", "tput_per_gpu", "hw"}
    return {"tokens_per_second", "requests_per_second"} <= row.keys() or {
        "avg_latency", "percentiles",
    } <= row.keys()  # fmt: skip


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a file of any of the four.

    Raises:
        Refused: no request was answered, or it holds no figure.
    """
    completed = number(row, "completed")
    if completed == 0:
        raise Refused("no request was answered")
    table: tuple[Field, ...] = _SERVE
    row = flat(row)
    if "avg_latency" in row:
        table = _LATENCY
        row |= {
            f"p{name.partition('.')[2]}_latency": value
            for name, value in row.items()
            if name.startswith("percentiles.")
        }
    elif "tokens_per_second" in row:
        table = _OFFLINE
    model = named(row, "model_id", "model")
    gpu, gpus = counted(text(row, "gpu"))
    samples = round(completed) if completed and 0 < completed < 2**53 else 1
    return made(
        row,
        tool="vllm",
        table=table,
        labels=_labels(row, completed),
        model=model,
        engine=backend if (backend := text(row, "backend")) in _ENGINES else None,
        date=text(row, "date"),
        ran_on=chip(gpu, gpus or _chips(row)),
        n=samples,
    )


def _labels(row: SourceRow, completed: float | None) -> dict[str, Label]:
    labels = conditions(row, _CONDITIONS)
    labels |= lengths(
        number(row, "total_input_tokens"), number(row, "total_output_tokens"), completed
    )
    asked = number(row, "num_prompts")
    if completed is not None and asked is not None and asked > completed:
        labels.setdefault("failed_requests", round(asked - completed))
    if text(row, "request_rate") == "inf" and "concurrency" not in labels:
        labels["arrival"] = "burst"
    elif "rate" in labels and number(row, "burstiness") == 1:
        labels["arrival"] = "poisson"
    seen = {name: value for name, value in row.items() if not name.startswith("percentiles.")}
    return others(seen, _SERVE + _OFFLINE + _LATENCY, _READ) | labels


def _chips(row: SourceRow) -> int | None:
    tensor = count(row, "tensor_parallel_size")
    if tensor is None:
        return None
    return (
        tensor
        * (count(row, "pipeline_parallel_size") or 1)
        * (count(row, "data_parallel_size") or 1)
    )


KIND = SourceKind(
    name="vllm",
    title="vLLM bench",
    licence=TOOL,
    footnote="The file does not say what it ran on.",
    formats="`vllm bench serve --save-result` (JSON, JSON Lines with `--append-result`), "
    "`bench throughput` and `bench latency --output-json`, `bench sweep` (`summary.json`, CSV)",
    fields=(*_SERVE, *_OFFLINE, *_LATENCY),
    knows=_knows,
    read=_read,
)
