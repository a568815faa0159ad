"""AISBench (Ascend): rates of a run in a JSON file, its latencies in a CSV file beside it.

Values carry their unit, as in "10.6965 ms". `Concurrency` is the mean that was reached, `Max
Concurrency` what was asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import Refused, SourceRow, conditions, number
from results.reported.parts.fields import STATED, Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.results import lengths, made

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="Output Token Throughput.value",
        metric="output_throughput",
        unit=STATED,
        definition="output tokens ÷ duration",
    ),
    Field(
        theirs="Input Token Throughput.value",
        metric="input_throughput",
        unit=STATED,
        definition="input tokens ÷ duration",
    ),
    Field(
        theirs="Total Token Throughput.value",
        metric="total_throughput",
        unit=STATED,
        definition="both ÷ duration",
    ),
    Field(
        theirs="Request Throughput.value",
        metric="request_throughput",
        unit=STATED,
        definition="requests ÷ duration",
    ),
    Field(theirs="TTFT.{}", metric="ttft", unit=STATED, definition="sending to the first token"),
    Field(
        theirs="TPOT.{}",
        metric="tpot",
        unit=STATED,
        definition="mean step of a request, without its first token",
    ),
    Field(theirs="ITL.{}", metric="itl", unit=STATED, definition="gaps between tokens"),
    Field(theirs="E2EL.{}", metric="e2e", unit=STATED, definition="sending to the last token"),
    Field(
        theirs="Prefill Token Throughput.value",
        metric="",
        unit=STATED,
        definition="not taken over: input tokens ÷ the sum of all times to first token",
    ),
)
_COUNTS = (
    "Total Requests",
    "Success Requests",
    "Failed Requests",
    "Max Concurrency",
    "Total Input Tokens",
    "Total Output Tokens",
    "Total generated tokens",
)
_QUANTITY = re.compile(r"\s*([+-]?\d[\d.eE+-]*)\s*([A-Za-z/]*)\s*")


def _rows(document: Document) -> Sequence[Any]:
    """Give each stage, "total" or "stable", a row of its own."""
    rows: list[Any] = []
    stages: dict[str, SourceRow] = {}
    for row in document.rows:
        if not isinstance(row, dict):
            rows.append(row)
        elif "Performance Parameters" in row and "Stage" in row:
            inside = {name: value for name, value in row.items() if name not in _NAMES}
            stage = stages.setdefault(str(row["Stage"]), {})
            stage.update(_parted(str(row["Performance Parameters"]), inside.items()))
        elif any(isinstance(row.get(field), dict) for field in ("Request Throughput", *_COUNTS)):
            for name, values in row.items():
                for stage_name, value in values.items() if isinstance(values, dict) else ():
                    stage = stages.setdefault(str(stage_name), {})
                    stage.update(_parted(name, [("value", value)]))
        else:
            rows.append(row)
    return [{"stage": name, **stage} for name, stage in stages.items()] + rows


_NAMES = {"Performance Parameters", "Stage", "N"}


def _parted(name: str, values: Iterable[tuple[str, Any]]) -> SourceRow:
    """Part "10.6965 ms" into the value and its unit."""
    cells: SourceRow = {}
    for column, value in values:
        parted = _QUANTITY.fullmatch(str(value))
        cells[f"{name}.{column}"] = parted[1] if parted else value
        if parted and parted[2]:
            cells[f"{name}.unit"] = parted[2]
    return cells


def _knows(row: SourceRow) -> bool:
    return "stage" in row and any(
        name.startswith(("TTFT.", "E2EL.", "Output Token Throughput.", "Request Throughput."))
        for name in row
    )


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a stage.

    Raises:
        Refused: no request was answered, or it holds no figure.
    """
    counts = {name.replace(" ", "_"): row.get(f"{name}.value") for name in _COUNTS}
    answered = number(counts, "Success_Requests")
    if answered == 0:
        raise Refused("no request was answered")
    answered = answered or number(counts, "Total_Requests")
    labels = conditions(
        counts,
        {
            "requests": "Success_Requests Total_Requests",
            "failed_requests": "Failed_Requests",
            "concurrency": "Max_Concurrency",
        },
    )
    out = number(counts, "Total_Output_Tokens") or number(counts, "Total_generated_tokens")
    labels |= lengths(number(counts, "Total_Input_Tokens"), out, answered)
    for label, name in (("isl", "InputTokens.Average"), ("osl", "OutputTokens.Average")):
        mean = number(row, name)
        if mean and mean >= 1:
            labels.setdefault(label, round(mean))
    return made(
        row,
        tool="aisbench",
        table=_FIELDS,
        labels=labels | {"stage": str(row.get("stage"))[:256]},
        model=None,
        n=round(answered) if answered and 0 < answered < 2**53 else 1,
    )


KIND = SourceKind(
    name="aisbench",
    title="AISBench (Ascend)",
    licence=TOOL,
    footnote="The files name neither model nor chip; rates and latencies of one run are in two.",
    formats="the JSON of rates and the CSV of latencies in `performances/`",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
