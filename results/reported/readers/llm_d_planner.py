"""llm-d-planner: tables of what a model does on some hardware under a load, by which it plans.

Some are measured; `benchmarks_BLIS.json` is simulated and says so, as do those that are estimated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.reported.parts.building import SourceRow, conditions, count, known, named, text
from results.reported.parts.fields import Field
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made

if TYPE_CHECKING:
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="tokens_per_second",
        metric="output_throughput",
        unit="tokens/s",
        definition="output tokens ÷ duration",
    ),
    Field(
        theirs="responses_per_second",
        metric="request_throughput",
        unit="1/s",
        definition="answered requests ÷ duration",
    ),
    Field(theirs="ttft_{}", metric="ttft", unit="ms", definition="sending to the first token"),
    Field(theirs="itl_{}", metric="itl", unit="ms", definition="gaps between tokens"),
    Field(theirs="e2e_{}", metric="e2e", unit="ms", definition="sending to the last token"),
)
_CONDITIONS = {
    "isl": "mean_input_tokens prompt_tokens",
    "osl": "mean_output_tokens output_tokens",
    "rate": "requests_per_second",
}
_KEPT = ("prompt_tokens_stdev", "output_tokens_stdev")


def _knows(row: SourceRow) -> bool:
    return {"hardware", "hardware_count", "ttft_mean", "itl_mean", "e2e_mean"} <= row.keys()


def _read(row: SourceRow) -> ReportedResult:
    engine = " ".join(filter(None, (text(row, "framework"), text(row, "framework_version"))))
    return made(
        row,
        tool="llm-d-planner",
        table=_FIELDS,
        labels=known(row, *_KEPT) | conditions(row, _CONDITIONS),
        model=named(row, "model_hf_repo", "model_id", "model_name"),
        engine=engine or None,
        ran_on=chip(text(row, "hardware"), count(row, "hardware_count")),
    )


KIND = SourceKind(
    name="llm-d-planner",
    title="llm-d-planner, tables it plans by",
    licence="Apache-2.0",
    footnote="Tables that call themselves simulated or estimated are refused.",
    formats="JSON with `benchmarks`, or the list alone",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
)
