"""LLMPerf (Ray): the summary of a run, mostly of an API behind which nobody names the chips."""

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
from results.reported.parts.results import made, others

if TYPE_CHECKING:
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="results_mean_output_throughput_token_per_s",
        metric="output_throughput",
        unit="tokens/s",
        definition="output tokens of all requests ÷ duration",
    ),
    Field(
        theirs="results_num_completed_requests_per_min",
        metric="request_throughput",
        unit="requests/min",
        definition="answered requests ÷ duration",
    ),
    Field(
        theirs="results_ttft_s_{}",
        metric="ttft",
        unit="s",
        definition="sending to the first chunk",
    ),
    Field(
        theirs="results_end_to_end_latency_s_{}",
        metric="e2e",
        unit="s",
        definition="sending to the last chunk",
    ),
    Field(
        theirs="results_inter_token_latency_s_{}",
        metric="",
        unit="s",
        definition="not taken over: latency ÷ tokens, the first token's wait is in it",
    ),
    Field(
        theirs="results_request_output_throughput_token_per_s_{}",
        metric="",
        unit="tokens/s",
        definition="not taken over: tokens ÷ latency of one request",
    ),
)
_CONDITIONS = {
    "concurrency": "num_concurrent_requests",
    "isl": "results_number_input_tokens_mean mean_input_tokens",
    "osl": "results_number_output_tokens_mean mean_output_tokens",
    "requests": "results_num_completed_requests",
    "failed_requests": "results_number_errors",
}
_READ = {
    "version", "model", "timestamp", "framework", "stddev_input_tokens", "stddev_output_tokens",
    "results_error_rate", "results_num_requests_started", "results_error_code_frequency",
} | {column for columns in _CONDITIONS.values() for column in columns.split()}  # fmt: skip


def _nested(row: SourceRow) -> SourceRow:
    """Give `results` of the newer layout the flat names of the older."""
    values = flat(row)
    return {name.replace(".", "_"): value for name, value in values.items()}


def _knows(row: SourceRow) -> bool:
    return "num_concurrent_requests" in row and (
        "results" in row or any(name.startswith("results_") for name in row)
    )


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a summary.

    Raises:
        Refused: no request was answered, or it holds no figure.
    """
    row = _nested(row)
    completed = number(row, "results_num_completed_requests")
    if completed == 0:
        raise Refused("no request was answered")
    seen = {name: value for name, value in row.items() if not name.startswith("results_")}
    return made(
        row,
        tool="llmperf",
        table=_FIELDS,
        labels=others(seen, _FIELDS, _READ) | conditions(row, _CONDITIONS),
        model=named(row, "model"),
        engine=text(row, "framework"),
        date=text(row, "timestamp"),
        n=round(completed) if completed and 0 < completed < 2**53 else 1,
    )


KIND = SourceKind(
    name="llmperf",
    title="LLMPerf (Ray)",
    licence=TOOL,
    footnote="Measured at an API; the chips behind it are not named.",
    formats="`*_summary.json`",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
)
