"""A reader's table: each field of theirs, the metric of ours that it is, its unit and definition.

The table is what the reader reads by, and what the page of the documentation shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from results.reported.parts.building import Refused, figure, number, text
from suites.base.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from results.statement.reported import ReportedMeasurement
    from suites.base.records import Label

__all__ = ["STATED", "Field", "factor", "measured", "statistic"]

# A unit that the file itself names, in `unit` or `units` beside the figure.
STATED = "as the file states"
_TIMES = {"ms": 1.0, "s": 1e3, "sec": 1e3, "seconds": 1e3, "us": 1e-3, "µs": 1e-3, "ns": 1e-6}
_TOKENS = ("tokens/s", "tokens/sec", "token/s", "tok/s", "tps")
_REQUESTS = ("1/s", "requests/s", "requests/sec", "req/s", "req/sec", "queries/s")
_USERS = ("tokens/s/user", "tokens/sec/user", "tok/s/user", "tokens/s", "tokens/sec", "tok/s")
# Our unit -> theirs -> the factor from theirs to ours.
_FACTORS: Mapping[str, Mapping[str, float]] = {
    "ms": _TIMES | {f"{unit}/token": value for unit, value in _TIMES.items()},
    "tokens/s": dict.fromkeys(_TOKENS, 1.0) | {"tokens/min": 1 / 60},
    "1/s": dict.fromkeys(_REQUESTS, 1.0) | {"requests/min": 1 / 60},
    "tokens/s/user": dict.fromkeys(_USERS, 1.0),
    "W": {"W": 1.0, "kW": 1e3},
    "J/token": {"J/token": 1.0, "mJ/token": 1e-3},
    "TFLOP/s": {"TFLOPS": 1.0, "TFLOP/s": 1.0, "GFLOPS": 1e-3, "PFLOPS": 1e3},
    "TOP/s": {"TOPS": 1.0, "TOP/s": 1.0, "TFLOPS": 1.0, "GOPS": 1e-3, "POPS": 1e3},
    "GB/s": {"GB/s": 1.0, "TB/s": 1e3, "MB/s": 1e-3, "GiB/s": 1.073741824},
    "count": {"count": 1.0, "requests": 1.0},
    "share": {"share": 1.0},
    "J/image": {"J/image": 1.0},
    "J/video": {"J/video": 1.0},
}
_WORDS = {
    "mean": "mean", "avg": "mean", "average": "mean",
    "median": "median", "med": "median",
    "std": "std", "stddev": "std", "std_dev": "std",
    "min": "min", "minimum": "min", "max": "max", "maximum": "max",
}  # fmt: skip
# "p99", "p99.9", "p99p9", "p999" and "p001" (99.9 and 0.1), "99.90 percentile".
_PERCENTILE = re.compile(
    r"p(\d{1,2})(?:[.p](\d{1,3}))?|p(99|00)(\d{1,2})|(\d{1,2})(?:\.(\d{1,3}))? percentile"
)
_MAY_BE_ZERO = {"min", "std"}
_BLOCKS = ("percentiles.", "quantiles_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One line of a reader's table.

    Attributes:
        theirs: path in the row, objects apart from each other by dots; "{}" stands for the
            statistic, of which the file may have several.
        metric: of ours; empty for a field that is not taken over.
        unit: theirs, or `STATED`.
        definition: what theirs means; why it is not taken over.
    """

    theirs: str
    metric: str
    unit: str
    definition: str


def statistic(spelled: str) -> str | None:
    """Return a publisher's word for a statistic as ours, None for one that is none of a figure.

    >>> statistic("avg"), statistic("p999"), statistic("percentiles.p05"), statistic("count")
    ('mean', 'p99.9', 'p5', None)
    """
    word = spelled.strip().lower()
    for prefix in _BLOCKS:
        word = word.removeprefix(prefix)
    if word in _WORDS:
        return _WORDS[word]
    if word in {"p100", "100 percentile"}:
        return "max"
    match = _PERCENTILE.fullmatch(word)
    if not match:
        return None
    whole, part = (*filter(None, match.groups()), "0")[:2]
    rank = float(f"{whole}.{part}")
    return f"p{rank:g}" if rank > 0 else "min"


def factor(metric: str, unit: str) -> float | None:
    """Return what a value in their unit is multiplied with; None for a unit we do not know."""
    return _FACTORS.get(METRICS[metric].unit, {}).get(unit)


def measured(
    row: Mapping[str, Any],
    case: str,
    table: Iterable[Field],
    *,
    suite: str = "serving",
    n: int = 1,
    labels: Mapping[str, Label] = MappingProxyType({}),
) -> Iterator[ReportedMeasurement]:
    """Build the figures of a row by its reader's table.

    Args:
        row: published values by dotted path.
        case: of all the figures.
        n: samples behind each distribution, 1 where nobody says.
        labels: of every figure.

    Raises:
        Refused: a value is not a number, is negative, or in a unit we do not know.
    """
    for field in table:
        if not field.metric:
            continue
        for name, word in _stated(row, field.theirs):
            value = number(row, name)
            if value is None:
                continue
            if value < 0:
                raise Refused(f"{name} is negative")
            if value == 0 and word not in _MAY_BE_ZERO:
                continue  # written where nothing was measured
            own: dict[str, Label] = {"statistic": word} if word else {}
            scale = _scale(row, name, field)
            yield figure(
                suite,
                case,
                field.metric,
                value * scale,
                n=n if word else 1,
                labels={**labels, **own},
            )


def _stated(row: Mapping[str, Any], name_in_file: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a row that a line of the table means, with their statistic."""
    if "{}" not in name_in_file:
        if name_in_file in row:
            yield name_in_file, ""
        return
    pattern = _pattern(name_in_file)
    for name in row:
        if (match := pattern.fullmatch(name)) and (word := statistic(match[1])):
            yield name, word


@cache
def _pattern(name_in_file: str) -> re.Pattern[str]:
    before, _, after = name_in_file.partition("{}")
    return re.compile(f"{re.escape(before)}(.{{1,24}}){re.escape(after)}")


def _scale(row: Mapping[str, Any], name: str, field: Field) -> float:
    unit = field.unit
    if unit == STATED:
        home = field.theirs.partition("{}")[0].rstrip(".") if "{}" in field.theirs else name
        home = home if "{}" in field.theirs else home.rpartition(".")[0]
        unit = text(row, f"{home}.unit") or text(row, f"{home}.units") or ""
    scale = factor(field.metric, unit)
    if scale is None:
        raise Refused(f"{name} is in {unit[:40]!r}" if unit else f"{name} has no unit")
    return scale
