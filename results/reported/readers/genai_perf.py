"""genai-perf: `profile_export_genai_perf.json` and `.csv`; fields and definitions as in AIPerf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from results.reported.parts.building import block
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.readers.aiperf import FIELDS, csv_row, read_as

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.reported.parts.building import SourceRow
    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]


def _rows(document: Document) -> Sequence[Any]:
    row = csv_row(document)
    return [row] if row else document.rows


def _knows(row: SourceRow) -> bool:
    if row.get("of_csv"):
        return not {"p1", "sum"} & set(row["columns"])
    return bool({"subcommand", "service_kind"} & block(row, "input_config").keys())


def _read(row: SourceRow) -> ReportedResult:
    return read_as("genai-perf", row)


KIND = SourceKind(
    name="genai-perf",
    title="genai-perf (Triton)",
    licence=TOOL,
    footnote="The file does not say what it ran on. Without streaming its time to first token is "
    "the whole latency, and is left out.",
    formats="`profile_export_genai_perf.json` and `.csv`",
    fields=FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
