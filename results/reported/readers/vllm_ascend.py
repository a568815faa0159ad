"""vllm-ascend: serving tables of its documentation, as CSV; a cell may hold a range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from results.reported.parts.building import Refused, SourceRow, conditions, known, number, text
from results.reported.parts.fields import Field
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made

if TYPE_CHECKING:
    from results.statement.reported import ReportedChip, ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="output_tok_s",
        metric="output_throughput",
        unit="tok/s",
        definition="output tokens ÷ duration",
    ),
    Field(
        theirs="tpot_ms",
        metric="tpot",
        unit="ms",
        definition="as `vllm bench serve`; a range over several rows stays a label",
    ),
    Field(theirs="ttft_ms", metric="ttft", unit="ms", definition="as `vllm bench serve`"),
)
_CONDITIONS = {"isl": "input_len", "osl": "output_len", "concurrency": "concurrency"}
# "(16x64G)" and "16 NPU" count dies with memory of their own, "4x Atlas A2" cards.
_COUNT = re.compile(r"\((\d{1,5})x\d+G\)|\b(\d{1,5}) NPU\b|^(\d{1,5})x ")


def _knows(row: SourceRow) -> bool:
    return {"hardware", "output_tok_s", "tpot_ms", "ttft_ms"} <= row.keys()


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a row.

    Raises:
        Refused: it holds no figure.
    """
    ranges = {field.theirs for field in _FIELDS if _is_text(row, field.theirs)}
    hardware = text(row, "hardware") or ""
    labels = known(row, *(f"{name}" for name in ranges)) | conditions(row, _CONDITIONS)
    if "no speculation" in hardware:
        labels["speculation"] = "none"
    elif "MTP" in hardware:
        labels["speculation"] = "mtp"
    return made(
        {name: value for name, value in row.items() if name not in ranges},
        tool="vllm-ascend",
        table=_FIELDS,
        labels=labels | {"hardware": hardware},
        model=text(row, "model"),
        engine=text(row, "software"),
        ran_on=_chip(hardware),
    )


def _is_text(row: SourceRow, name: str) -> bool:
    try:
        number(row, name)
    except Refused:
        return "range" in str(row.get(name))
    return False


def _chip(hardware: str) -> ReportedChip:
    """The A2 generation holds the 910B; a die of an A3 is not a chip of the catalogue."""
    match = _COUNT.search(hardware)
    chips = next((int(digits) for digits in match.groups() if digits), None) if match else None
    return chip(hardware or None, chips, "ascend-910b" if "A2" in hardware else None)


KIND = SourceKind(
    name="vllm-ascend",
    title="vllm-ascend, tables of its documentation",
    licence="Apache-2.0",
    footnote="Typed from the documentation's tables; chips of an A3 are counted by die.",
    formats="CSV of its serving tables",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
)
