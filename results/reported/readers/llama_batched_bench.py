"""llama-batched-bench (llama.cpp): prompts and generation of several sequences at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from results.reported.parts.building import SourceRow, conditions, known, named
from results.reported.parts.fields import Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.reading import Broken
from results.reported.parts.results import made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedResult

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="speed_pp",
        metric="prefill_throughput",
        unit="tokens/s",
        definition="prompt tokens of all sequences ÷ time; of one where they share a prompt",
    ),
    Field(
        theirs="speed_tg",
        metric="decode_throughput",
        unit="tokens/s",
        definition="generated tokens of all sequences ÷ time",
    ),
    Field(
        theirs="speed",
        metric="total_throughput",
        unit="tokens/s",
        definition="all tokens ÷ both times",
    ),
)
# Columns of the printed table -> names of the JSON output.
_PRINTED = {
    "pp": "pp", "tg": "tg", "b": "pl", "n_kv": "n_kv", "t_pp s": "t_pp", "s_pp t/s": "speed_pp",
    "t_tg s": "t_tg", "s_tg t/s": "speed_tg", "t s": "t", "s t/s": "speed",
}  # fmt: skip
_CONDITIONS = {"isl": "pp", "osl": "tg", "batch": "pl"}


def _rows(document: Document) -> Sequence[Any]:
    rows: list[Any] = []
    for table in document.tables:
        names = [_PRINTED.get(name.lower()) for name in table.columns]
        if "speed_tg" not in names:
            continue
        for cells in table.cells:
            if len(cells) != len(names):
                rows.append(Broken(f"has {len(cells)} cells under {len(names)} names"))
            else:
                rows.append({name: cell for name, cell in zip(names, cells, strict=True) if name})
    return rows or document.rows


def _knows(row: SourceRow) -> bool:
    return {"pp", "tg", "pl", "speed_tg"} <= row.keys()


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a line.

    Raises:
        Refused: it holds no figure.
    """
    kept = (
        "n_kv_max", "n_kv", "n_batch", "n_ubatch", "flash_attn", "is_pp_shared", "n_gpu_layers",
        "n_threads", "n_threads_batch", "is_tg_separate",
    )  # fmt: skip
    return made(
        row,
        tool="llama-batched-bench",
        table=_FIELDS,
        suite="inference",
        labels=known(row, *kept) | conditions(row, _CONDITIONS),
        model=named(row, "model", "model_type", "model_filename"),
        engine="llama.cpp",
    )


KIND = SourceKind(
    name="llama-batched-bench",
    title="llama-batched-bench (llama.cpp)",
    licence=TOOL,
    footnote="The file names neither model nor chip; no requests are served.",
    formats="`--output-format jsonl`, or the printed table",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
