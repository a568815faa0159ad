"""One result of a row: what every reader does alike once its fields and conditions are read."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from results.reported.parts.building import Refused, known
from results.reported.parts.fields import measured, statistic
from results.reported.parts.names import chip
from results.statement.reported import ReportedResult
from suites.base.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from results.reported.parts.building import SourceRow
    from results.reported.parts.fields import Field
    from results.statement.reported import ReportedChip, ReportedMeasurement
    from suites.base.records import Label

__all__ = ["case_of", "counted", "lengths", "made", "others"]

_NOTHING: Mapping[str, Label] = MappingProxyType({})
_MOST_OTHERS = 48
_COUNTED = re.compile(r"\s*(\d{1,6})\s*[x×*]\s*(?=[A-Za-z])")


def made(
    row: SourceRow,
    *,
    tool: str,
    table: Iterable[Field],
    labels: Mapping[str, Label],
    model: str | None,
    suite: str = "serving",
    ran_on: ReportedChip | None = None,
    precision: str | None = None,
    engine: str | None = None,
    system: str | None = None,
    date: str | None = None,
    url: str | None = None,
    n: int = 1,
    extra: Iterable[ReportedMeasurement] = (),
) -> ReportedResult:
    """Make a result of a row by its reader's table.

    Raises:
        Refused: it holds no figure, or one that makes no sense.
    """
    case = case_of(tool, model, labels)
    figures = [*measured(row, case, table, suite=suite, n=n), *extra]
    figures = _without_false_first_tokens(figures)
    figures = _without_second_medians(figures)
    if not any(figure.value > 0 for figure in figures):
        raise Refused("holds no figure we know")
    return ReportedResult(
        id=case,
        chip=ran_on or chip(None, None),
        system=system,
        model=model,
        precision=precision,
        engine=engine,
        date=date,
        url=url,
        labels=dict(labels),
        measurements=figures,
    )


def case_of(tool: str, model: str | None, labels: Mapping[str, Label]) -> str:
    """Name the case of all figures of a row: the tool, the model and the load."""
    case = f"{tool}/{model or 'unnamed'}"[:200]
    load = _load(labels)
    return f"{case}/{load}"[:256] if load else case


def _load(labels: Mapping[str, Label]) -> str:
    named = (("isl", "isl"), ("osl", "osl"), ("concurrency", "c"), ("rate", "r"), ("batch", "b"))
    return "/".join(f"{short}{labels[name]:g}" for name, short in named if name in labels)


def _without_false_first_tokens(
    figures: list[ReportedMeasurement],
) -> list[ReportedMeasurement]:
    """Drop a TTFT that is the whole latency: nothing was streamed, so no first token was seen."""
    by_metric = {
        metric: {f.labels.get("statistic"): f.value for f in figures if f.metric == metric}
        for metric in ("ttft", "e2e")
    }
    first, whole = by_metric["ttft"], by_metric["e2e"]
    if first and all(whole.get(word) == value for word, value in first.items()):
        return [figure for figure in figures if figure.metric != "ttft"]
    return figures


def _without_second_medians(figures: list[ReportedMeasurement]) -> list[ReportedMeasurement]:
    """Drop a p50 where the same distribution has a median: they are one figure."""
    told = {figure.metric for figure in figures if figure.labels.get("statistic") == "median"}
    return [
        figure
        for figure in figures
        if figure.labels.get("statistic") != "p50" or figure.metric not in told
    ]


def lengths(put_in: float | None, out: float | None, requests: float | None) -> dict[str, Label]:
    """Return mean lengths of prompts and answers from their sums over all answered requests."""
    if not requests or requests <= 0:
        return {}
    totals = {"isl": put_in, "osl": out}
    return {
        name: round(total / requests)
        for name, total in totals.items()
        if total and round(total / requests) >= LABELS[name].least
    }


def counted(name: str | None) -> tuple[str | None, int | None]:
    """Take a count off the front of a chip's name, as in "4xNVIDIA L40S"."""
    match = _COUNTED.match(name or "")
    return (name[match.end() :], int(match[1])) if name and match else (name, None)


def others(row: SourceRow, table: Iterable[Field], read: Iterable[str]) -> dict[str, Label]:
    """Return what else a row says, under its own names: nobody can tell what sets two apart.

    Left out are figures and what was read already; a name of our registry means something else.
    """
    taken = set(read)
    patterns = [field.theirs.split("{}") for field in table]
    labels: dict[str, Label] = {}
    for name, value in row.items():
        if name in taken or _is_figure(name, patterns):
            continue
        told = f"{name}_in_file" if name in LABELS else name
        labels |= known({told: value}, told)
        if len(labels) >= _MOST_OTHERS:
            break
    return labels


def _is_figure(name: str, patterns: Iterable[list[str]]) -> bool:
    for parts in patterns:
        if len(parts) == 1:
            if name == parts[0]:
                return True
        elif name.startswith(parts[0]) and name.endswith(parts[1]):
            middle = name[len(parts[0]) : len(name) - len(parts[1])]
            if statistic(middle):
                return True
    return False
