"""Values of a published row, read strictly: a number is a number, and nothing is guessed."""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from results.statement.reported import ReportedMeasurement
from suites.base.labels import LABELS
from suites.base.metrics import METRICS
from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suites.base.records import Label

__all__ = [
    "Refused",
    "SourceRow",
    "Twice",
    "block",
    "conditions",
    "count",
    "figure",
    "flat",
    "known",
    "named",
    "number",
    "positive",
    "text",
]

SourceRow = dict[str, Any]

_LONGEST = 256
# A number as every format of these files writes it; Python's float takes "1_000" and "infinity".
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NOT_FINITE = {"inf", "+inf", "-inf", "infinity", "-infinity"}
_MISSING = {"", "nan", "null", "none", "n/a", "-"}
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
_DEEPEST = 8
# Products of two such figures stay finite; pages draw nothing beyond.
_LEAST, _MOST = 1e-15, 1e15


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The row cannot be understood; the message is the reason, the same for the same cause."""


class Twice:
    """Stands for a field that its row has twice: nobody can say which of the two is meant."""

    def __repr__(self) -> str:
        return "twice"


def number(row: Mapping[str, Any], name: str) -> float | None:
    """Read a finite number, None where it is missing, empty or NaN.

    Raises:
        Refused: something else stands there.
    """
    value = row.get(name)
    if isinstance(value, str):
        value = _spelled(value.strip(), name)
    if value is None:
        return None
    if isinstance(value, Twice):
        raise Refused(f"{name} stands twice")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{name} is not a number")
    try:
        figure = float(value)
    except OverflowError as error:
        raise Refused(f"{name} is infinite") from error
    if math.isnan(figure):
        return None
    if math.isinf(figure):
        raise Refused(f"{name} is infinite")
    return figure


def _spelled(value: str, name: str) -> float | None:
    if value.lower() in _MISSING:
        return None
    if value.lower() in _NOT_FINITE:
        raise Refused(f"{name} is infinite")
    if not _NUMBER.fullmatch(value):
        raise Refused(f"{name} is not a number")
    return float(value)


def positive(row: Mapping[str, Any], name: str) -> float:
    """Read a number above 0.

    Raises:
        Refused: it is missing, or not.
    """
    value = number(row, name)
    if value is None:
        raise Refused(f"{name} is missing")
    if value <= 0:
        raise Refused(f"{name} is not above 0")
    return value


def count(row: Mapping[str, Any], name: str) -> int | None:
    """Read a whole number of things, None where it is missing.

    Raises:
        Refused: it is none, or below 1, or more than anything holds.
    """
    value = number(row, name)
    if value is None:
        return None
    if value < 1 or value != round(value) or value > 10**7:
        raise Refused(f"{name} is not a count of things")
    return round(value)


def text(row: Mapping[str, Any], name: str) -> str | None:
    """Read a line of at most 256 characters, None where it is missing or empty.

    Raises:
        Refused: a list or an object stands there, or the field stands twice.
    """
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, Twice):
        raise Refused(f"{name} stands twice")
    if isinstance(value, dict | list):
        raise Refused(f"{name} is not text")
    return _line(str(value)) or None


def named(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of several fields that holds a text."""
    return next((word for name in names if (word := text(row, name))), None)


def block(row: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return the object at the end of a path of fields, empty where there is none."""
    inner: Any = row
    for name in names:
        inner = inner.get(name) if isinstance(inner, dict) else None
    return inner if isinstance(inner, dict) else {}


def flat(row: Mapping[str, Any], prefix: str = "", depth: int = 0) -> SourceRow:
    """Return the values of nested objects by dotted paths; lists stay as they are."""
    flattened: SourceRow = {}
    for name, value in row.items():
        if isinstance(value, dict) and depth < _DEEPEST:
            flattened |= flat(value, f"{prefix}{name}.", depth + 1)
        else:
            flattened[f"{prefix}{name}"] = value
    return flattened


def known(row: Mapping[str, Any], *names: str) -> dict[str, Label]:
    """Take over those columns that say something under the publisher's own names."""
    labels: dict[str, Label] = {}
    for name in names:
        value = row.get(name)
        if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            labels[_line(name)] = value
        elif isinstance(value, str) and (line := _line(value)):
            labels[_line(name)] = line
    return labels


def conditions(row: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, Label]:
    """Read what a row was measured under, as labels of the registry.

    Args:
        table: label -> the publisher's field, or several apart from each other by blanks, of which
            the first that says something is read.

    Raises:
        Refused: a field holds what the label cannot be.
    """
    labels: dict[str, Label] = {}
    for label, columns in table.items():
        for column in columns.split():
            value = _condition(row, column, label)
            if value is not None:
                labels[label] = value
                break
    return labels


def _condition(row: Mapping[str, Any], column: str, label: str) -> Label | None:
    kind = LABELS[label]
    if kind.type == "text":
        return text(row, column)
    if kind.type == "boolean":
        stated = text(row, column)
        if stated is None or stated.lower() in _MISSING:
            return None
        if stated.lower() not in _TRUTH:
            raise Refused(f"{column} is neither true nor false")
        return _TRUTH[stated.lower()]
    stated = row.get(column)
    if str(stated).strip().lower() in _NOT_FINITE:
        return None  # no limit was set
    value = number(row, column)
    if value is None or (value <= 0 and kind.least > 0):
        return None  # publishers write 0 or -1 for what was not set
    if not kind.least <= value <= kind.most:
        raise Refused(f"{column} is out of range")
    return round(value) if kind.type == "whole" else value


def _line(value: str) -> str:
    return printable(value.strip()[:_LONGEST], _LONGEST)


def figure(
    suite: str,
    case: str,
    metric: str,
    value: float,
    *,
    n: int = 1,
    labels: Mapping[str, Label] = MappingProxyType({}),
) -> ReportedMeasurement:
    """Build one reported figure in the registry's unit.

    Raises:
        Refused: nothing has this magnitude.
    """
    if value != 0 and not _LEAST <= value <= _MOST:
        raise Refused(f"{metric} of {value:.3g} {METRICS[metric].unit} is of no possible magnitude")
    return ReportedMeasurement(
        suite=suite,
        case=case[:_LONGEST],
        metric=metric,
        unit=METRICS[metric].unit,
        value=value,
        low=None,
        high=None,
        n=n,
        method="reported",
        labels=dict(labels),
    )
