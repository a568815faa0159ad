"""Is the new run worse than the old one, beyond what both runs' noise explains?"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from suites.errors import UserError
from suites.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["Change", "Verdict", "compare", "load_rows", "markdown"]

Verdict = Literal["regression", "improvement", "no difference shown"]
Row = dict[str, Any]

_CONFIDENCE = 0.95
# Together they name a figure: one case has a row for each metric, percentile and meter.
_IDENTITY = ("suite", "case", "metric", "percentile", "meter")
_BOUNDS = ("value", "low", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure in both runs.

    Attributes:
        ratio: head over base; [low, high] its interval, widened for the number of comparisons.
        verdict: a regression or improvement only if the interval excludes 1 and the change is
            at least the threshold asked for.
    """

    case: str
    metric: str
    unit: str
    base: float
    head: float
    ratio: float
    low: float
    high: float
    verdict: Verdict


def load_rows(path: Path) -> list[Row]:
    """Read summary rows from an archive folder, a summary.json or a signed result.

    A signed result is read without verifying it: `fenmark verify` is the judge of that.

    Raises:
        UserError: nothing readable is there.
    """
    file = path / "summary.json" if path.is_dir() else path
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot be read: {error}",
            where=str(file),
            expected="an archive folder, a summary.json or a *.dsse.json",
        ) from error
    if isinstance(data, dict) and "payload" in data:
        data = _rows_of_envelope(data, file)
    if not isinstance(data, list) or not all(_is_row(row) for row in data):
        raise UserError("holds no summary rows", where=str(file), expected="a list of rows")
    return data


def compare(
    base: Iterable[Row], head: Iterable[Row], *, min_change: float = 0.03
) -> tuple[list[Change], list[str]]:
    """Compare the measured figures both runs hold.

    The ratio's interval combines both runs' relative half-widths in quadrature on the log
    scale, as for independent errors (JCGM 100:2008, 5.1.2). With m figures compared, one in
    twenty would cry wolf, so intervals are widened to hold all together with 95% (Bonferroni:
    1 − 0.05/m each, by the ratio of normal quantiles).

    Args:
        base, head: summary rows. Rows without an interval, without a direction, or modelled
            are not judged.
        min_change: smallest relative change worth a verdict, such as 0.03.

    Returns:
        The changes, worst first, and a line for every figure only one run has.
    """
    before, after = _judged(base), _judged(head)
    shared = [key for key in before if key in after]
    widening = _widening(len(shared))
    changes = [_change(before[key], after[key], widening, min_change) for key in shared]
    alone = [f"only in base: {_title(before[key])}" for key in before if key not in after]
    alone += [f"only in head: {_title(after[key])}" for key in after if key not in before]
    order = {"regression": 0, "improvement": 1, "no difference shown": 2}
    changes.sort(key=lambda change: (order[change.verdict], -abs(math.log(change.ratio))))
    return changes, alone


def markdown(changes: Sequence[Change], alone: Sequence[str]) -> str:
    """Return the comparison as a comment for a pull request."""
    count = sum(change.verdict == "regression" for change in changes)
    head = f"**Fenmark: {count} significant regressions in {len(changes)} figures compared**"
    table = ["| case | metric | base | head | ratio [95%] | |", "|---|---|---|---|---|---|"]
    table += [
        f"| {change.case} | {change.metric} | {change.base:.4g} {change.unit} "
        f"| {change.head:.4g} {change.unit} "
        f"| {change.ratio:.3f} [{change.low:.3f}, {change.high:.3f}] | {change.verdict} |"
        for change in changes
    ]
    return "\n".join([head, "", *table, *(f"\n{line}" for line in alone)])


def _change(base: Row, head: Row, widening: float, min_change: float) -> Change:
    ratio = head["value"] / base["value"]
    half = widening * math.hypot(_log_half_width(base), _log_half_width(head))
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    return Change(
        case=head["case"],
        metric=head["metric"],
        unit=head["unit"],
        base=base["value"],
        head=head["value"],
        ratio=ratio,
        low=low,
        high=high,
        verdict=_verdict(METRICS[head["metric"]].better, ratio, low, high, min_change),
    )


def _verdict(better: str, ratio: float, low: float, high: float, min_change: float) -> Verdict:
    if low <= 1 <= high or abs(ratio - 1) < min_change:
        return "no difference shown"
    return "improvement" if (ratio > 1) == (better == "higher") else "regression"


def _log_half_width(row: Row) -> float:
    return math.log(row["high"] / row["low"]) / 2


def _widening(comparisons: int) -> float:
    tail = (1 - _CONFIDENCE) / 2
    normal = NormalDist()
    return normal.inv_cdf(1 - tail / max(comparisons, 1)) / normal.inv_cdf(1 - tail)


def _judged(rows: Iterable[Row]) -> dict[tuple[str, ...], Row]:
    return {_identity(row): row for row in rows if _can_be_judged(row)}


def _can_be_judged(row: Row) -> bool:
    metric = METRICS.get(row["metric"])
    return (
        row["method"] == "measured"
        and row.get("valid", True)
        and metric is not None
        and metric.better != "neither"
        and all(isinstance(row[name], int | float) and row[name] > 0 for name in _BOUNDS)
    )


def _identity(row: Row) -> tuple[str, ...]:
    return tuple(str(row.get(name, "")) for name in _IDENTITY)


def _title(row: Row) -> str:
    return f"{row['case']} {row['metric']}"


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and {"case", "metric", "method", *_BOUNDS} <= row.keys()


def _rows_of_envelope(envelope: dict[str, Any], file: Path) -> list[Row]:
    import base64

    try:
        statement = json.loads(base64.b64decode(envelope["payload"]))
        measurements: list[Row] = statement["predicate"]["measurements"]
        return [{**row.pop("labels", {}), **row} for row in measurements]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            "is no Fenmark result", where=str(file), expected="a *.dsse.json"
        ) from error
