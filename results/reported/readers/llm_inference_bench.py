"""LLM-Inference-Bench (Argonne): tables of batches run offline, all requests of a batch alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from results.reported.parts.building import (
    Refused,
    SourceRow,
    conditions,
    count,
    known,
    named,
    number,
    positive,
)
from results.reported.parts.fields import Field
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made

if TYPE_CHECKING:
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="throughput",
        metric="total_throughput",
        unit="tokens/s",
        definition="(input + output tokens) × batch ÷ latency; where a table divides output tokens "
        "alone, it is output throughput",
    ),
    Field(theirs="latency", metric="e2e", unit="s", definition="time of the whole batch"),
)
_OUTPUT = (
    Field(theirs="throughput", metric="output_throughput", unit="tokens/s", definition=""),
    _FIELDS[1],
)
_CONDITIONS = {
    "isl": "max_input_length input_length",
    "osl": "max_output_len max_output_length output_length",
    "batch": "batch_size",
    "tensor_parallel": "tp_size tensor_parallel",
    "pipeline_parallel": "pp_size",
}
_NEAR = 0.03


def _knows(row: SourceRow) -> bool:
    return {"batch_size", "throughput", "latency"} <= row.keys() and bool(
        row.keys() & {"max_output_len", "max_output_length", "output_length"}
    )


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a row.

    Raises:
        Refused: its throughput is neither all tokens nor output tokens over its latency.
    """
    labels = conditions(row, _CONDITIONS)
    put_in, out, batch = (number(labels, name) for name in ("isl", "osl", "batch"))
    if not put_in or not out or not batch:
        raise Refused("lengths or batch are missing")
    rate, seconds = positive(row, "throughput"), positive(row, "latency")
    if math.isclose(rate * seconds, (put_in + out) * batch, rel_tol=_NEAR):
        table = _FIELDS
    elif math.isclose(rate * seconds, out * batch, rel_tol=_NEAR):
        table = _OUTPUT
    else:
        raise Refused("throughput × latency is neither all tokens of the batch nor its output")
    tensor = count(row, "tp_size")
    return made(
        row,
        tool="llm-inference-bench",
        table=table,
        labels=labels | known(row, "int8_kv_cache", "framework", "kv_cache_dtype"),
        model=named(row, "model_name", "model"),
        precision=named(row, "precision", "dtype"),
        engine=named(row, "framework", "engine"),
        ran_on=chip(
            named(row, "hardware", "device", "gpu"),
            tensor * (count(row, "pp_size") or 1) if tensor else None,
        ),
    )


KIND = SourceKind(
    name="llm-inference-bench",
    title="LLM-Inference-Bench (Argonne National Laboratory)",
    licence="BSD-3-Clause",
    footnote="Batches offline: no requests are served. The chip is not in the table.",
    formats="its CSV tables",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
)
