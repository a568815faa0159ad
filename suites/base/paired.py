"""Two configurations side by side: taken in turns, compared in pairs, and no difference said so."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from suites.base.metrics import METRICS
from suites.base.statistics import Interval, ratio_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.base.records import CellResult, Series

__all__ = ["PairedRatio", "compare", "turns"]

Side = Literal["A", "B"]
NO_DIFFERENCE = "no difference shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRatio:
    """One metric of one case, A over B.

    Attributes:
        case: its name without the backend, which may be what differs.
        ratio: A over B with its 95% interval between pairs; `n` pairs.
        verdict: "A better", "B better", or that no difference was shown.
    """

    case: str
    metric: str
    ratio: Interval
    verdict: str

    def to_json(self) -> dict[str, Any]:
        return {
            "case": self.case,
            "metric": self.metric,
            "ratio": self.ratio.value,
            "low": self.ratio.low,
            "high": self.ratio.high,
            "n": self.ratio.n,
            "verdict": self.verdict,
        }


def turns(pairs: int) -> list[tuple[int, Side]]:
    """Order of the processes: A B, B A, A B, …, so that a steady drift cancels."""
    order: list[tuple[int, Side]] = []
    for pair in range(pairs):
        order += [(pair, "A"), (pair, "B")] if pair % 2 == 0 else [(pair, "B"), (pair, "A")]
    return order


def compare(a: Sequence[CellResult], b: Sequence[CellResult]) -> list[PairedRatio]:
    """Compare the i-th process of A with the i-th of B in everything both measured.

    A metric that was not positive in every process has no ratio and is left out.
    """
    before, after = ([_medians(result) for result in side] for side in (a, b))
    shared = set.intersection(*(set(process) for process in (*before, *after)))
    ratios = []
    for key in [key for key in before[0] if key in shared]:
        values = [process[key] for process in before], [process[key] for process in after]
        if min(map(min, values)) > 0:
            ratio = ratio_interval(*values)
            ratios.append(
                PairedRatio(
                    case=key[0], metric=key[1], ratio=ratio, verdict=_verdict(key[1], ratio)
                )
            )
    return ratios


def _medians(result: CellResult) -> dict[tuple[str, str], float]:
    return {
        (_name(series), series.metric): statistics.median(series.samples)
        for series in result.series
        if series.samples
    }


def _name(series: Series) -> str:
    """The case without its backend, so that two backends meet."""
    backend = series.labels.get("backend")
    parts = series.case.split("/")
    return "/".join(part for part in parts if part != backend)


def _verdict(metric: str, ratio: Interval) -> str:
    if ratio.holds(1.0):
        return NO_DIFFERENCE
    better = METRICS[metric].better if metric in METRICS else "neither"
    if better == "neither":
        return "A higher" if ratio.value > 1 else "A lower"
    return "A better" if (ratio.value > 1) == (better == "higher") else "B better"
