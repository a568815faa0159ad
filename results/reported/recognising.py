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
    from collections.abc import Sequence

    from results.reported.parts.kind import Kind
    from results.reported.parts.reading import Document

__all__ = ["KINDS", "recognise", "rows_of"]

# Of two that know as many rows the first is taken: the more particular stand first.
KINDS: dict[str, Kind] = {
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


def recognise(document: Document, where: str) -> Kind:
    """Return the reader of a published file.

    Raises:
        UserError: none knows a row of it.
    """
    first = replace(document, rows=document.rows[:_TRIED])
    known = {
        kind.name: sum(_knows(kind, row) for row in rows_of(kind, first)[:_TRIED])
        for kind in KINDS.values()
    }
    name = max(known, key=lambda name: known[name])
    if not known[name]:
        raise UserError(
            "is no signed result, no statement and no file of a harness or publisher we read",
            where=where,
            expected=", ".join(KINDS),
            remedy="name its kind with --kind",
        )
    return KINDS[name]


def rows_of(kind: Kind, document: Document) -> Sequence[Any]:
    """Return the rows of a kind in a file; those of an object that wraps them in one list."""
    found = kind.rows(document)
    if any(_knows(kind, row) for row in found[:_TRIED]) or len(found) != 1:
        return found
    wrapper = found[0]
    for value in wrapper.values() if isinstance(wrapper, dict) else ():
        if isinstance(value, list) and any(_knows(kind, row) for row in value[:_TRIED]):
            return value
    return found


def _knows(kind: Kind, row: Any) -> bool:
    if isinstance(row, Broken):
        row = dict.fromkeys(row.names)
    return isinstance(row, dict) and kind.knows(row)
