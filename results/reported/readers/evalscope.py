"""evalscope perf (ModelScope): the summary of a run, and its percentiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from results.reported.parts.building import Refused, SourceRow, conditions, number, text
from results.reported.parts.fields import Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.results import made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="Output token throughput (tok/s)",
        metric="output_throughput",
        unit="tok/s",
        definition="output tokens of answered requests ÷ time taken",
    ),
    Field(
        theirs="Total token throughput (tok/s)",
        metric="total_throughput",
        unit="tok/s",
        definition="input and output tokens ÷ time taken",
    ),
    Field(
        theirs="Request throughput (req/s)",
        metric="request_throughput",
        unit="req/s",
        definition="answered requests ÷ time taken",
    ),
    Field(
        theirs="{} time to first token (s)",
        metric="ttft",
        unit="s",
        definition="sending to the first chunk",
    ),
    Field(
        theirs="{} time per output token (s)",
        metric="tpot",
        unit="s",
        definition="(latency − TTFT) ÷ (tokens − 1) of each request",
    ),
    Field(
        theirs="{} inter-token latency (s)",
        metric="itl",
        unit="s",
        definition="gaps between chunks",
    ),
    Field(theirs="{} latency (s)", metric="e2e", unit="s", definition="sending to the last chunk"),
)
# Columns of the table of percentiles -> what the summary calls the same.
_PERCENTILES = {
    "TTFT (s)": "time to first token (s)",
    "TPOT (s)": "time per output token (s)",
    "ITL (s)": "inter-token latency (s)",
    "Latency (s)": "latency (s)",
}
_NAMES = {
    "concurrency": "Number of concurrency",
    "rate": "Request rate (req/s)",
    "isl": "Average input tokens per request",
    "osl": "Average output tokens per request",
    "requests": "Succeed requests",
    "failed_requests": "Failed requests",
}


def _rows(document: Document) -> Sequence[Any]:
    """Join the percentiles to their summary, where a file holds both or them alone."""
    listed = [row for row in document.rows if isinstance(row, dict)]
    if listed and all("Percentiles" in row for row in listed):
        return [_joined({}, listed)]
    rows: list[Any] = []
    for row in document.rows:
        inside = [
            part
            for part in (row.values() if isinstance(row, dict) else ())
            if isinstance(part, dict) and isinstance(part.get("metrics"), dict)
        ]
        rows += [_joined(part["metrics"], part.get("percentiles")) for part in inside] or [row]
    return rows


def _joined(summary: SourceRow, percentiles: Any) -> SourceRow:
    row = dict(summary)
    listed = percentiles if isinstance(percentiles, list) else []
    if isinstance(percentiles, dict) and isinstance(percentiles.get("Percentiles"), list):
        ranks = percentiles["Percentiles"]
        listed = [
            {"Percentiles": rank}
            | {
                name: column[at]
                for name, column in percentiles.items()
                if isinstance(column, list) and at < len(column)
            }
            for at, rank in enumerate(ranks)
        ]
    for entry in listed:
        if not isinstance(entry, dict):
            continue
        rank = str(entry.get("Percentiles", "")).strip().rstrip("%")
        row |= {
            f"p{rank} {told}": entry[column]
            for column, told in _PERCENTILES.items()
            if column in entry
        }
    return row


def _knows(row: SourceRow) -> bool:
    return (
        "Output token throughput (tok/s)" in row
        or "Number of concurrency" in row
        or any(name.endswith(" time to first token (s)") for name in row)
    )


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a summary.

    Raises:
        Refused: no request was answered, or it holds no figure.
    """
    if number(row, "Succeed requests") == 0:
        raise Refused("no request was answered")
    # Names of these fields hold blanks, which part alternatives in a table of conditions.
    plain = {label: row.get(name) for label, name in _NAMES.items()}
    labels = conditions(plain, {label: label for label in _NAMES})
    requests = labels.get("requests")
    return made(
        row,
        tool="evalscope",
        table=_FIELDS,
        labels=labels,
        model=text(row, "Model") or text(row, "model"),
        n=requests if isinstance(requests, int) and requests else 1,
    )


KIND = SourceKind(
    name="evalscope",
    title="evalscope perf (ModelScope)",
    licence=TOOL,
    footnote="The file does not say what it ran on.",
    formats="`benchmark_summary.json`, `benchmark_percentile.json`, or both in one",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
