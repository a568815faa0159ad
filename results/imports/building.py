"""Small parts every importer builds its results from."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from results.imports.reported import ReportedMeasurement
from suites.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from suites.records import Label

__all__ = ["Refused", "Row", "figure", "figures", "known", "load", "number", "positive", "text"]

Row = dict[str, Any]


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The row cannot be understood; the message is the reason, the same for the same cause."""


def number(row: Mapping[str, Any], name: str) -> float | None:
    """Read a finite number, None where it is missing or empty.

    Raises:
        Refused: something else stands there.
    """
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Refused(f"{name} is no number") from error
    if math.isnan(found):
        return None
    if math.isinf(found):
        raise Refused(f"{name} is infinite")
    return found


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


def text(row: Mapping[str, Any], name: str) -> str | None:
    """Read a text of at most 256 characters, None where it is missing or empty."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value).strip()[:256] or None


def known(row: Mapping[str, Any], *names: str) -> dict[str, Label]:
    """Take over those columns that say something, as labels."""
    found = {name: row.get(name) for name in names}
    return {
        name: value if isinstance(value, bool | int | float) else str(value)[:256]
        for name, value in found.items()
        if value is not None and value != "" and value == value  # noqa: PLR0124 - NaN is not itself
    }


def load(row: Mapping[str, Any], *, concurrency: str, osl: str, isl: str = "") -> dict[str, Label]:
    """Read the load behind a rate, as labels; the arguments name columns.

    Raises:
        Refused: a column holds no number.
    """
    columns = {"isl": isl, "osl": osl, "concurrency": concurrency}
    found = {name: number(row, column) for name, column in columns.items() if column}
    return {name: round(value) for name, value in found.items() if value is not None}


def figure(
    suite: str,
    case: str,
    metric: str,
    value: float,
    *,
    n: int = 1,
    labels: Mapping[str, Label] = MappingProxyType({}),
) -> ReportedMeasurement:
    """Build one reported figure in the registry's unit."""
    return ReportedMeasurement(
        suite=suite,
        case=case,
        metric=metric,
        unit=METRICS[metric].unit,
        value=value,
        low=None,
        high=None,
        n=n,
        method="reported",
        labels=dict(labels),
    )


def figures(
    row: Mapping[str, Any], case: str, names: Mapping[str, tuple[str, str, float]]
) -> Iterator[ReportedMeasurement]:
    """Build the serving figures of a row.

    Args:
        row: the published values.
        case: of all the figures.
        names: column -> (metric, statistic, factor to the registry's unit).

    Raises:
        Refused: a value is no number or negative.
    """
    for column, (metric, statistic, factor) in names.items():
        value = number(row, column)
        if value is None:
            continue
        if value < 0:
            raise Refused(f"{column} is negative")
        labels: dict[str, Label] = {"statistic": statistic} if statistic else {}
        yield figure("serving", case, metric, value * factor, labels=labels)
