"""lm-evaluation-harness (EleutherAI): scores of named tasks, each with its error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import (
    Refused,
    SourceRow,
    block,
    conditions,
    count,
    figure,
    known,
    named,
    number,
    text,
)
from results.reported.parts.fields import Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.names import chip
from results.statement.reported import ReportedResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedMeasurement
    from suites.base.records import Label

__all__ = ["KIND"]

# What it calls a share of right answers, or of credit between 0 and 1.
_SHARES = {
    "acc": "likeliest of the choices is the right one",
    "acc_norm": "the same, likelihood by length of the choice",
    "exact_match": "the answer found in the text is the expected one",
    "pass@1": "the first program written passes its tests",
    "pass_at_1": "the same, under its other name",
    "f1": "harmonic mean of precision and recall",
    "prompt_level_strict_acc": "every instruction of a prompt is followed",
    "inst_level_strict_acc": "an instruction is followed",
    "prompt_level_loose_acc": "every instruction, after light edits of the answer",
    "inst_level_loose_acc": "an instruction, after light edits of the answer",
}
_FIELDS = (
    *(
        Field(
            theirs=f"results.TASK.{name},FILTER",
            metric="task_score",
            unit="share",
            definition=meaning,
        )
        for name, meaning in _SHARES.items()
    ),
    Field(
        theirs="results.TASK.*,FILTER",
        metric="",
        unit="-",
        definition="not taken over: perplexities, BLEU and others that are not shares",
    ),
)
_TASK = "lm_eval_task"


def _rows(document: Document) -> Sequence[Any]:
    """Make a row of each task; what the file says of the run stands beside it."""
    return [part for row in document.rows for part in (_tasks(row) if _whole(row) else [row])]


def _whole(row: Any) -> bool:
    results = row.get("results") if isinstance(row, dict) else None
    return isinstance(results, dict) and any(
        isinstance(task, dict) and any("," in name for name in task) for task in results.values()
    )


def _tasks(row: SourceRow) -> Iterator[SourceRow]:
    config = block(row, "config")
    run = {
        "model": named(row, "model_name") or named(config, "model"),
        "harness_version": text(row, "lm_eval_version"),
        "date": row.get("date"),
        "limit": config.get("limit"),
    }
    backend = named(row, "model_source") or named(config, "model")
    for name, scores in block(row, "results").items():
        yield {
            _TASK: name,
            "scores": scores,
            "version": block(row, "versions").get(name),
            "fewshot": block(row, "n-shot").get(name),
            "n": block(row, "n-samples", name).get("effective"),
            "backend": backend,
            **run,
        }


def _knows(row: SourceRow) -> bool:
    return _TASK in row


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a task.

    Raises:
        Refused: it has no share of right answers, or one that is none.
    """
    task = text(row, _TASK)
    labels: dict[str, Label] = {"task": task or "unnamed"}
    labels |= conditions(row, {"task_version": "version", "fewshot": "fewshot"})
    if row.get("fewshot") == 0:
        labels["fewshot"] = 0
    figures = list(_figures(row, labels))
    if not figures:
        raise Refused("holds no share of right answers")
    return ReportedResult(
        id=f"lm-eval/{task}"[:256],
        chip=chip(None, None),
        model=text(row, "model"),
        engine=text(row, "backend"),
        date=_date(row),
        labels=known(row, "harness_version", "limit"),
        measurements=figures,
    )


def _figures(row: SourceRow, labels: dict[str, Label]) -> Iterator[ReportedMeasurement]:
    scores = block(row, "scores")
    for field in scores:
        name, comma, found_by = field.partition(",")
        value = number(scores, field) if comma and name in _SHARES else None
        if value is None:
            continue
        if not 0 <= value <= 1:
            raise Refused(f"{field} is not a share")
        own: dict[str, Label] = {"scored_by": name, "answer_filter": found_by[:256] or "none"}
        error = scores.get(f"{name}_stderr,{found_by}")
        if isinstance(error, float) and 0 <= error <= 1:
            own["stderr"] = error
        case = f"lm-eval/{labels['task']}/{name}/{own['answer_filter']}"
        n = count(row, "n") or 1
        yield figure("quality", case, "task_score", value, n=n, labels={**labels, **own})


def _date(row: SourceRow) -> str | None:
    seconds = row.get("date")
    if isinstance(seconds, float) and 0 < seconds < 2**32:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    return None


KIND = SourceKind(
    name="lm-eval",
    title="lm-evaluation-harness (EleutherAI)",
    licence=TOOL,
    footnote="Scores of named public tasks, which a model may have seen; the chips are not named.",
    formats="`results_*.json` of 0.4 and later",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
