"""The readers, and which of them wrote a file: the one that knows most of its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from results.reported.parts.reading import Broken
from results.reported.readers import (
    aiconfigurator,
    aiperf,
    aisbench,
    club_3090,
    evalscope,
    flagperf,
    genai_perf,
    guidellm,
    inference_perf,
    inferencex,
    llama_batched_bench,
    llama_bench,
    llm_d_planner,
    llm_d_prism,
    llm_inference_bench,
    llmd_report,
    llmperf,
    lm_eval,
    mlenergy,
    mlperf,
    qwen_mtp,
    sglang,
    trtllm_bench,
    vllm,
    vllm_ascend,
)
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.reported.parts.kind import SourceKind
    from results.reported.parts.reading import Document

__all__ = ["KINDS", "recognise", "rows_of"]

# Of two that know as many rows the first is taken: the more particular stand first.
KINDS: dict[str, SourceKind] = {
    module.KIND.name: module.KIND
    for module in (
        mlperf,
        inferencex,
        mlenergy,
        flagperf,
        aiconfigurator,
        llm_inference_bench,
        llama_bench,
        llama_batched_bench,
        guidellm,
        genai_perf,
        aiperf,
        sglang,
        inference_perf,
        llmd_report,
        llmperf,
        lm_eval,
        evalscope,
        trtllm_bench,
        aisbench,
        llm_d_prism,
        llm_d_planner,
        vllm_ascend,
        club_3090,
        qwen_mtp,
        vllm,
    )
}
# Rows that are tried: publishers begin with rows as good as the others.
_TRIED = 50


# Scripts wrap what a harness wrote: so deep, and so many places are looked at.
_DEEPEST, _MOST_PLACES = 3, 24


def recognise(document: Document, where: str) -> SourceKind:
    """Return the reader of a published file.

    Raises:
        UserError: none knows a row of it.
    """
    for places in _places(document):
        known = {kind.name: max(_known(kind, place) for place in places) for kind in KINDS.values()}
        name = max(known, key=lambda name: known[name])
        if known[name]:
            return KINDS[name]
    raise UserError(
        "is not a signed result, a statement or a file of a harness or publisher we read",
        where=where,
        expected=", ".join(KINDS),
        remedy="name its kind with --kind",
    )


def rows_of(kind: SourceKind, document: Document) -> Sequence[Any]:
    """Return the rows of a kind in a file, or in what a wrapper of its rows holds."""
    for places in _places(document):
        for place in places:
            if _known(kind, place):
                return kind.rows(place)
    return kind.rows(document)


def _known(kind: SourceKind, document: Document) -> int:
    """Count the first rows of a document that are of a kind."""
    first = replace(document, rows=document.rows[:_TRIED])
    return sum(_knows(kind, row) for row in kind.rows(first)[:_TRIED])


def _places(document: Document) -> Iterator[list[Document]]:
    """Yield the document itself, then what its wrappers hold, the outermost first."""
    places = [document]
    for _ in range(_DEEPEST + 1):
        yield places
        # What its text says was found above, if anything.
        inside = [rows for place in places for rows in _inside(place.rows)][:_MOST_PLACES]
        places = [replace(document, text="", tables=(), rows=rows) for rows in inside]
        if not places:
            return


def _inside(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield what one wrapper holds: lists and objects; or what each of several has by one name."""
    first = rows[0] if rows else None
    for name, value in first.items() if isinstance(first, dict) else ():
        if len(rows) == 1 and isinstance(value, list) and any(isinstance(v, dict) for v in value):
            yield value
        elif isinstance(value, dict):
            yield [row.get(name) if isinstance(row, dict) else row for row in rows]


def _knows(kind: SourceKind, row: Any) -> bool:
    if isinstance(row, Broken):
        row = dict.fromkeys(row.names)
    return isinstance(row, dict) and kind.knows(row)
