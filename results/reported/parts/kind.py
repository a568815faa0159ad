"""What a reader registers: who publishes, under which licence, by which table, and how to read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from results.reported.parts.building import SourceRow
    from results.reported.parts.fields import Field
    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedResult

__all__ = ["TOOL", "SourceKind", "objects"]

# The licence of what anybody measured with a tool.
TOOL = "not stated: results of the named tool, licensed as those who ran it say"


def objects(document: Document) -> Sequence[Any]:
    """Return the objects of JSON or YAML, or the rows of a table, as they stand."""
    return document.rows


def _whole(row: SourceRow) -> object:
    return json.dumps(row, sort_keys=True, default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """One publisher or tool.

    Attributes:
        name: as `--kind` takes it.
        formats: what it reads, for the documentation.
        fields: the table it reads by.
        knows: whether a row is one of this kind, by the fields that it has.
        read: makes a result of a row; raises `Refused` with the reason.
        rows: finds the rows in a file.
        same_run: rows with equal answers are one run, published twice; by default equal rows.
    """

    name: str
    title: str
    licence: str
    footnote: str
    formats: str
    fields: tuple[Field, ...]
    knows: Callable[[SourceRow], bool]
    read: Callable[[SourceRow], ReportedResult]
    rows: Callable[[Document], Sequence[Any]] = objects
    view: Literal["general", "mlperf"] = "general"
    same_run: Callable[[SourceRow], object] = _whole
