"""inference-perf (Kubernetes): lifecycle metrics of a stage or of the whole run, JSON or YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.reported.parts.building import Refused, SourceRow, block, conditions, flat, number
from results.reported.parts.fields import Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.results import made

if TYPE_CHECKING:
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="successes.throughput.output_tokens_per_sec",
        metric="output_throughput",
        unit="tokens/s",
        definition="output tokens ÷ time from the first request to the last answer",
    ),
    Field(
        theirs="successes.throughput.input_tokens_per_sec",
        metric="input_throughput",
        unit="tokens/s",
        definition="likewise, of prompts",
    ),
    Field(
        theirs="successes.throughput.total_tokens_per_sec",
        metric="total_throughput",
        unit="tokens/s",
        definition="likewise, of both",
    ),
    Field(
        theirs="successes.throughput.requests_per_sec",
        metric="request_throughput",
        unit="1/s",
        definition="likewise, of requests",
    ),
    Field(
        theirs="successes.latency.time_to_first_token.{}",
        metric="ttft",
        unit="s",
        definition="sending to the first token",
    ),
    Field(
        theirs="successes.latency.time_per_output_token.{}",
        metric="tpot",
        unit="s",
        definition="(last token − first token) ÷ (tokens − 1) of each request",
    ),
    Field(
        theirs="successes.latency.inter_token_latency.{}",
        metric="itl",
        unit="s",
        definition="gaps between tokens; tokens of one chunk are microseconds apart",
    ),
    Field(
        theirs="successes.latency.request_latency.{}",
        metric="e2e",
        unit="s",
        definition="sending to the last token",
    ),
    Field(
        theirs="successes.latency.normalized_time_per_output_token.{}",
        metric="",
        unit="s",
        definition="not taken over: latency ÷ tokens, the first token's wait is in it",
    ),
)
_CONDITIONS = {
    "isl": "successes.prompt_len.mean",
    "osl": "successes.output_len.mean",
    "requests": "successes.count",
    "failed_requests": "failures.count",
    "rate": "load_summary.requested_rate",
    "concurrency": "load_summary.concurrency",
}


def _knows(row: SourceRow) -> bool:
    return "load_summary" in row and isinstance(row.get("successes"), dict)


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a report.

    Raises:
        Refused: no request was answered, or it holds no figure.
    """
    if number(block(row, "successes"), "count") == 0:
        raise Refused("no request was answered")
    row = flat(row)
    labels = conditions(row, _CONDITIONS)
    requests = labels.get("requests")
    return made(
        row,
        tool="inference-perf",
        table=_FIELDS,
        labels=labels,
        model=None,
        n=requests if isinstance(requests, int) and requests else 1,
    )


KIND = SourceKind(
    name="inference-perf",
    title="inference-perf (Kubernetes)",
    licence=TOOL,
    footnote="The file names neither model nor chip.",
    formats="`summary_lifecycle_metrics.json`, `stage_N_lifecycle_metrics.json`, also as YAML",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
)
