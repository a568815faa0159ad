"""Two runs compared, figure by figure: what differs beyond what both runs' noise explains. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, get_args

from suites.base.metrics import METRICS
from suites.quality.summary import QUALITY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from results.statement.statement import Predicate

__all__ = ["Change", "ChangeVerdict", "RowFields", "compare", "rows_of"]

ChangeVerdict = Literal["regression", "improvement", "other hardware", "no difference shown"]
RowFields = dict[str, Any]

_CONFIDENCE = 0.95
# Together they name a figure: one case has a row for each metric, percentile, meter, turn and
# adapter; what made it cheaper compares with nothing else.
_IDENTITY = (
    "suite", "case", "metric", "percentile", "meter", "turn", "adapter", "api", "addresses",
    "documents", "speculation", "draft_tokens", "acceptance_length", "acceptance",
)  # fmt: skip
# Drafts accepted as often: tokens a step relative to the other's, a place's share absolute.
_SAME_LENGTH, _SAME_SHARE = 0.03, 0.05
_JUDGED = ("regression", "improvement")
_BOUNDS = ("value", "low", "high")
# Magnitudes that something here could have; ratios of others overflow.
_LEAST, _MOST = 1e-15, 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure in both runs.

    Attributes:
        ratio: head over base; [low, high] its interval, widened for the number of comparisons.
        percentile: of a latency's distribution; None of a figure that has none.
        verdict: a regression or improvement only if the interval excludes 1 and the change is
            at least the threshold asked for, and only of the same hardware.
    """

    suite: str
    case: str
    metric: str
    percentile: float | None
    unit: str
    base: float
    head: float
    ratio: float
    low: float
    high: float
    verdict: ChangeVerdict

    @property
    def title(self) -> str:
        """The metric, with its percentile where it has one: "ttft p90"."""
        return _metric_title(self.metric, self.percentile)


def rows_of(predicate: Predicate) -> list[RowFields]:
    """Return the measurements of a statement as flat rows, like those of `summary.json`."""
    rows = [item.model_dump() for item in predicate.measurements]
    return [{**row.pop("labels"), **row} for row in rows]


def compare(
    base: Iterable[RowFields],
    head: Iterable[RowFields],
    *,
    min_change: float = 0.03,
    same_hardware: bool = True,
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
        same_hardware: another chip's figures differ, but are neither improvement nor regression.

    Returns:
        The changes, worst first, and a line for every figure only one run has.
    """
    before, after = _judged(base), _judged(head)
    apart = [key for key in before if key in after and not _drafts_alike(before[key], after[key])]
    shared = [key for key in before if key in after and key not in apart]
    widening = _widening(len(shared))
    changes = [_change(before[key], after[key], widening, min_change) for key in shared]
    if not same_hardware:
        changes = [
            replace(change, verdict="other hardware") if change.verdict in _JUDGED else change
            for change in changes
        ]
    alone = [f"only in base: {_title(before[key])}" for key in before if key not in after]
    alone += [f"only in head: {_title(after[key])}" for key in after if key not in before]
    alone += [f"drafts were accepted otherwise: {_title(before[key])}" for key in apart]
    order = {name: place for place, name in enumerate(get_args(ChangeVerdict))}
    changes.sort(key=lambda change: (order[change.verdict], -abs(math.log(change.ratio))))
    return changes, alone


def _change(base: RowFields, head: RowFields, widening: float, min_change: float) -> Change:
    ratio = head["value"] / base["value"]
    half = widening * math.hypot(_log_half_width(base), _log_half_width(head))
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    return Change(
        suite=head.get("suite", ""),
        case=head["case"],
        metric=head["metric"],
        percentile=_percentile(head),
        unit=head["unit"],
        base=base["value"],
        head=head["value"],
        ratio=ratio,
        low=low,
        high=high,
        verdict=_verdict(METRICS[head["metric"]].better, ratio, low, high, min_change),
    )


def _verdict(
    better: str, ratio: float, low: float, high: float, min_change: float
) -> ChangeVerdict:
    if low <= 1 <= high or abs(ratio - 1) < min_change:
        return "no difference shown"
    return "improvement" if (ratio > 1) == (better == "higher") else "regression"


def _log_half_width(row: RowFields) -> float:
    return math.log(row["high"] / row["low"]) / 2


def _widening(comparisons: int) -> float:
    tail = (1 - _CONFIDENCE) / 2
    normal = NormalDist()
    return normal.inv_cdf(1 - tail / max(comparisons, 1)) / normal.inv_cdf(1 - tail)


def _judged(rows: Iterable[RowFields]) -> dict[tuple[str, ...], RowFields]:
    return {_identity(row): row for row in rows if _can_be_judged(row)}


def _can_be_judged(row: RowFields) -> bool:
    metric = METRICS.get(row["metric"])
    return (
        not _counts_answers(row)
        and row["method"] == "measured"
        and row.get("valid", True)
        and metric is not None
        and metric.better != "neither"
        and all(
            isinstance(row[name], int | float) and _LEAST <= row[name] <= _MOST for name in _BOUNDS
        )
    )


def _counts_answers(row: RowFields) -> bool:
    """Shares of right answers are compared by family and level: see `results.agreement.quality`."""
    return row.get("suite") == QUALITY and row["unit"] == METRICS["score"].unit


def _identity(row: RowFields) -> tuple[str, ...]:
    if row.get("acceptance") == "measured":  # compared with the other's by `_drafts_alike`
        row = {**row, "acceptance_length": ""}
    return tuple(str(row.get(name, "")) for name in _IDENTITY)


def _drafts_alike(base: RowFields, head: RowFields) -> bool:
    """Whether both engines accepted as many drafted tokens, as far as both say it."""
    first, second = base.get("acceptance_length"), head.get("acceptance_length")
    if (first is None) != (second is None):
        return False
    if (
        isinstance(first, int | float)
        and isinstance(second, int | float)
        and abs(first - second) > _SAME_LENGTH * first
    ):
        return False
    rates = [_rates(row) for row in (base, head)]
    if not all(rates):  # one of the two servers says nothing of places
        return True
    pairs = zip(*rates, strict=False)
    return len(rates[0]) == len(rates[1]) and all(abs(a - b) <= _SAME_SHARE for a, b in pairs)


def _rates(row: RowFields) -> list[float]:
    """Shares of drafts accepted by place, empty where a row has none that can be read."""
    try:
        return [float(share) for share in str(row.get("acceptance_rates") or "").split("/")]
    except ValueError:
        return []


def _title(row: RowFields) -> str:
    return f"{row['case']} {_metric_title(row['metric'], _percentile(row))}"


def _percentile(row: RowFields) -> float | None:
    """What a row says of it; a summary may say anything."""
    percentile = row.get("percentile")
    return percentile if isinstance(percentile, int | float) else None


def _metric_title(metric: str, percentile: float | None) -> str:
    return metric if percentile is None else f"{metric} p{percentile:g}"
