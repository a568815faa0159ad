"""AIPerf: `profile_export_aiperf.json` and `.csv`; genai-perf, its forerunner, shares the parts.

Its `inter_token_latency` is (latency - TTFT) ÷ (tokens - 1) of a request, which is our TPOT; its
`inter_chunk_latency` is every gap between two chunks, which is our ITL.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import SourceRow, block, conditions, flat, named, text
from results.reported.parts.fields import STATED, Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedResult

__all__ = ["FIELDS", "KIND", "csv_row", "read_as"]

FIELDS = (
    Field(
        theirs="output_token_throughput.avg",
        metric="output_throughput",
        unit=STATED,
        definition="output tokens ÷ duration",
    ),
    Field(
        theirs="total_token_throughput.avg",
        metric="total_throughput",
        unit=STATED,
        definition="input and output tokens ÷ duration",
    ),
    Field(
        theirs="request_throughput.avg",
        metric="request_throughput",
        unit=STATED,
        definition="requests ÷ duration",
    ),
    Field(
        theirs="goodput.avg",
        metric="goodput",
        unit=STATED,
        definition="requests within the asked-for latencies ÷ duration",
    ),
    Field(
        theirs="time_to_first_token.{}",
        metric="ttft",
        unit=STATED,
        definition="sending to the first response; not there without streaming",
    ),
    Field(
        theirs="inter_token_latency.{}",
        metric="tpot",
        unit=STATED,
        definition="(latency − TTFT) ÷ (tokens − 1) of each request",
    ),
    Field(
        theirs="inter_chunk_latency.{}",
        metric="itl",
        unit=STATED,
        definition="gaps between chunks, which may hold several tokens",
    ),
    Field(
        theirs="request_latency.{}",
        metric="e2e",
        unit=STATED,
        definition="sending to the last response",
    ),
    Field(
        theirs="output_token_throughput_per_user.{}",
        metric="interactivity",
        unit=STATED,
        definition="1 ÷ inter-token latency of each request",
    ),
)
_STREAMED = (
    "time_to_first_token.",
    "inter_token_latency.",
    "inter_chunk_latency.",
    "output_token_throughput_per_user.",
)
_CONDITIONS = {
    "isl": "input_sequence_length.avg",
    "osl": "output_sequence_length.avg",
    "requests": "request_count.avg",
    "failed_requests": "error_request_count.avg",
    "concurrency": "phase.concurrency input_config.loadgen.concurrency "
    "input_config.perf_analyzer.stimulus.concurrency input_config.concurrency",
    "rate": "phase.rate phase.request_rate input_config.loadgen.request_rate "
    "input_config.perf_analyzer.stimulus.request_rate input_config.request_rate",
    "streaming": "input_config.endpoint.streaming input_config.streaming",
}
_TITLE = re.compile(r"\s*(?P<name>[^()]+?)\s*(?:\((?P<unit>[^()]*)\))?\s*")
# These CSV files print thousands apart, as in "12,277.70".
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")


def read_as(tool: str, row: SourceRow) -> ReportedResult:
    """Make a result of an exported profile.

    Raises:
        Refused: it holds no figure, or a unit we do not know.
    """
    values = flat(row)
    values |= {f"phase.{name}": value for name, value in _phase(row).items()}
    labels = conditions(values, _CONDITIONS)
    if labels.get("streaming") is False:
        values = {name: value for name, value in values.items() if not name.startswith(_STREAMED)}
    version = named(values, "aiperf_version", "genai_perf_version", "version")
    labels |= {"tool_version": version} if version else {}
    requests = labels.get("requests")
    return made(
        values,
        tool=tool,
        table=FIELDS,
        labels=labels,
        model=_model(row),
        engine=named(values, "input_config.backend", "input_config.endpoint.backend"),
        date=text(values, "start_time"),
        ran_on=chip(None, None),
        n=requests if isinstance(requests, int) and requests else 1,
    )


def _phase(row: SourceRow) -> SourceRow:
    """Return the phase that was measured: a warm-up is none."""
    phases = block(row, "input_config").get("phases")
    measured = [
        phase
        for phase in (phases if isinstance(phases, list) else ())
        if isinstance(phase, dict) and not phase.get("exclude_from_results")
    ]
    return measured[0] if len(measured) == 1 else {}


def _model(row: SourceRow) -> str | None:
    config = block(row, "input_config")
    for home, name in (
        (block(config, "endpoint"), "model_names"),
        (block(config, "models"), "items"),
        (config, "model"),
        (config, "model_names"),
        (config, "model_selection"),
    ):
        models = home.get(name)
        first = models[0] if isinstance(models, list) and models else models
        if isinstance(first, dict):
            first = first.get("name")
        if isinstance(first, str):
            return text({"model": first}, "model")
    return named(config, "formatted_model_name")


def csv_row(document: Document) -> SourceRow | None:
    """Read the CSV: tables of metrics one below the other; None where it is none."""
    if not document.text.lstrip("\ufeff\r\n").startswith("Metric,"):
        return None
    metrics: SourceRow = {}
    columns: Sequence[str] = ()
    for cells in csv.reader(io.StringIO(document.text, newline="")):
        if cells and cells[0] == "Metric":
            columns = ["avg" if name == "Value" else name for name in cells[1:]]
        elif not any(map(str.strip, cells)) or (cells and cells[0] == "Endpoint"):
            columns = columns if cells and cells[0] != "Endpoint" else ()
        elif columns and len(cells) == len(columns) + 1 and (title := _TITLE.fullmatch(cells[0])):
            name = re.sub(r"\W+", "_", title["name"].lower())
            values = dict(zip(columns, map(_plain, cells[1:]), strict=True))
            metrics[name] = {"unit": title["unit"] or "", **values}
    return {"of_csv": True, "columns": list(metrics.get("request_latency", ())), **metrics}


def _plain(cell: str) -> str:
    return cell.replace(",", "") if _THOUSANDS.fullmatch(cell.strip()) else cell


def _rows(document: Document) -> Sequence[Any]:
    row = csv_row(document)
    return [row] if row else document.rows


def _knows(row: SourceRow) -> bool:
    if row.get("of_csv"):
        return "p1" in row["columns"] or "sum" in row["columns"]
    return "aiperf_version" in row or (
        isinstance(row.get("output_token_throughput"), dict)
        and not {"subcommand", "service_kind"} & block(row, "input_config").keys()
    )


def _read(row: SourceRow) -> ReportedResult:
    return read_as("aiperf", row)


KIND = SourceKind(
    name="aiperf",
    title="AIPerf",
    licence=TOOL,
    footnote="The file does not say what it ran on.",
    formats="`profile_export_aiperf.json` and `.csv`",
    fields=FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
