"""Import a file of others' results: every row is imported, folded into another, or refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from results import catalog
from results.imports import (
    aiconfigurator,
    flagperf,
    inferencex,
    llama_bench,
    load_generators,
    mlenergy,
    mlperf,
)
from results.imports.building import Refused
from results.imports.names import stated
from results.imports.reading import MOST_BYTES, rows
from results.imports.reported import Folded, Refusal, ReportedFile, ReportedResult, ReportedSource
from suites import files
from suites.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

__all__ = ["KINDS", "Kind", "import_file"]

_TOOL = "not stated: results of the named tool, licensed as whoever ran it says"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One publisher or tool.

    Attributes:
        read: makes a result of a row; raises `Refused` with the reason.
        same_run: rows with equal answers are one run, published twice; by default equal rows.
    """

    title: str
    licence: str
    footnote: str
    read: Callable[[dict[str, Any]], ReportedResult]
    view: Literal["general", "mlperf"] = "general"
    same_run: Callable[[dict[str, Any]], object] = lambda row: json.dumps(
        row, sort_keys=True, default=str
    )


KINDS = {
    "mlperf": Kind(
        title="MLPerf Inference, summary of results (MLCommons)",
        licence="Apache-2.0 (v4.1); the v5.1 repository states none",
        footnote="Results by ID and round, from the repositories of MLCommons. Token rates "
        "count output tokens. Energy and cost per token are derived by Fenmark: they are no "
        "official MLPerf results and not verified by MLCommons. The MLPerf name and logo are "
        "trademarks of the MLCommons Association in the United States and other countries.",
        read=mlperf.read,
        same_run=mlperf.same_run,
        view="mlperf",
    ),
    "inferencex": Kind(
        title="InferenceX (SemiAnalysis), serving points of its CI runs",
        licence="GPL-3.0 repository; each row names its public CI run",
        footnote="Energy is of the GPUs alone, all of it divided by one kind of token, or by pool "
        "where prefill and decode GPUs have figures of their own. A disaggregated point charges "
        "both pools.",
        read=inferencex.read,
    ),
    "mlenergy": Kind(
        title="ML.ENERGY Leaderboard v3",
        licence="Apache-2.0",
        footnote="Energy is of the GPUs alone, all of it divided by output tokens.",
        read=mlenergy.read,
    ),
    "flagperf": Kind(
        title="FlagPerf (BAAI), results in its README tables",
        licence="Apache-2.0",
        footnote="Each cell of a table is one row; measured by the vendor or by BAAI.",
        read=flagperf.read,
    ),
    "aiconfigurator": Kind(
        title="NVIDIA AIConfigurator, measured kernel and serving times",
        licence="Apache-2.0",
        footnote="Kernel times by shape; attained rates are derived from them.",
        read=aiconfigurator.read,
        # Two equal times of one shape are two measurements; only rows of other files repeat.
        same_run=id,
    ),
    "llama-bench": Kind(
        title="llama-bench (llama.cpp)",
        licence=_TOOL,
        footnote="Mean rate of the repetitions; no requests are served.",
        read=llama_bench.read,
    ),
    "vllm": Kind(
        title="vllm bench serve",
        licence=_TOOL,
        footnote="The file does not say what it ran on.",
        read=load_generators.read_vllm,
    ),
    "guidellm": Kind(
        title="GuideLLM",
        licence=_TOOL,
        footnote="Successful requests only. The file does not say what it ran on.",
        read=load_generators.read_guidellm,
    ),
    "aiperf": Kind(
        title="AIPerf",
        licence=_TOOL,
        footnote="The file does not say what it ran on.",
        read=load_generators.read_aiperf,
    ),
}


def import_file(
    kind: str, path: Path, *, chip: str | None = None, count: int | None = None
) -> ReportedFile:
    """Read one published file.

    Args:
        chip, count: catalogue id and number, where the file says neither; what it says is kept.

    Raises:
        UserError: the kind or the chip is unknown, or the file cannot be read or is in no format
            of the kind.
    """
    if kind not in KINDS:
        raise UserError(f"unknown kind {kind!r}", expected=", ".join(KINDS))
    if chip is not None and chip not in catalog.chips():
        raise UserError(f"no chip {chip!r} in the catalogue", remedy="see `fenmark chips`")
    importer = KINDS[kind]
    results: list[ReportedResult] = []
    folded: list[Folded] = []
    refused: list[Refusal] = []
    first: dict[object, str] = {}
    # A list, so that `id` of a row stays its own.
    data = files.read(path, MOST_BYTES, expected="CSV, JSON, JSON Lines or Parquet")
    found = load_generators.split(kind, list(rows(path, data)))
    for index, row in enumerate(found, 1):
        try:
            result = importer.read(_with_fields(row))
        except (Refused, ValidationError) as error:
            refused.append(Refusal(row=index, reason=_reason(error)))
            continue
        run = importer.same_run(row)
        if run in first:
            folded.append(Folded(row=index, id=first[run]))
            continue
        # Publishers' names repeat; the row number tells two results of one file apart.
        known = stated(result.chip, chip, count)
        update = {"id": f"{result.id[:200]}#{index}", "chip": known}
        results.append(result.model_copy(update=update))
        first[run] = results[-1].id
    return ReportedFile(
        schema_version=1,
        source=ReportedSource(
            kind=kind,
            view=importer.view,
            title=importer.title,
            licence=importer.licence,
            footnote=importer.footnote,
            file=path.name,
            file_sha256=hashlib.sha256(data).hexdigest(),
            importer_version=version("fenmark"),
        ),
        rows=len(found),
        results=results,
        folded=folded,
        refused=refused,
    )


def _reason(error: Refused | ValidationError) -> str:
    """Say why a row is refused; a value that no reported result may have, by its field."""
    if isinstance(error, Refused):
        return str(error).encode(errors="replace").decode()[:256]  # it may quote the row
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{first['loc'][-1] if first['loc'] else 'it'}: {first['msg']}"


def _with_fields(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise Refused("the row has no named fields")
    return row
