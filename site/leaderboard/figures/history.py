"""How a configuration changed over time, and which changes are more than noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.figures.ratios import Ratio, ratio
from leaderboard.figures.rows import shown
from results.economy.economics import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from leaderboard.figures.rows import PageRow

__all__ = ["ConfigurationRuns", "RunChange", "chosen", "lines"]

# The same configuration is the same of these; versions differ, and that is what history shows.
_SAME = ["chip_id", "model", "precision", "engine_name", "suite", "case"]
_COLUMNS = [
    *_SAME, "chip", "digest", "finished_at", "throughput", "throughput_low", "throughput_high",
]  # fmt: skip
# Newest runs of a line; the older ones are in the tables and downloads.
_RUNS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """One run of a configuration beside the one before.

    Attributes:
        ratio: output throughput against the run before, None for the first.
        verdict: "better", "worse", "none" or "unknown".
    """

    row: PageRow
    ratio: Ratio | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationRuns:
    """The newest runs of one configuration on one chip, newest first."""

    changes: tuple[RunChange, ...]

    @property
    def newest(self) -> PageRow:
        return self.changes[0].row

    @property
    def regressed(self) -> bool:
        """Say whether the newest run is worse by more than both intervals allow."""
        return self.changes[0].verdict == "worse"


def chosen(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the rows of configurations that were run more than once, regressions first.

    Args:
        most: how many configurations; the others are in the tables.

    Returns:
        The rows with the number of their `line`, oldest first within it.
    """
    if rows.empty:  # most chips of the catalogue, and pandas takes its time over nothing
        return rows.assign(line=0)
    # Few columns until the lines are chosen: rows have a hundred.
    runs = rows.loc[rows["sound"] & (rows["engine_name"] != ""), _COLUMNS]
    runs = runs[runs.duplicated(_SAME, keep=False)].sort_values([*_SAME, "finished_at", "digest"])
    heads = runs.drop_duplicates(_SAME, keep="last")
    order = heads.assign(fine=~_regressed(runs, heads)).sort_values(
        ["fine", "chip", "model", "suite", "case", "precision", "engine_name"]
    )
    wanted = order[_SAME][:most].assign(line=range(len(order[:most])))
    own = runs.reset_index().merge(wanted, on=_SAME).sort_values("line", kind="stable")
    own = own.groupby("line").tail(_RUNS)
    return rows.loc[own["index"]].assign(line=own["line"].to_numpy())


def lines(rows: pd.DataFrame, lang: str) -> list[ConfigurationRuns]:
    """Set the runs of each line one beside the other, as `chosen` returned them."""
    numbered = zip(rows["line"], shown(rows, lang), strict=True)
    return [_line([row for _, row in group]) for _, group in groupby(numbered, key=itemgetter(0))]


def _regressed(runs: pd.DataFrame, heads: pd.DataFrame) -> np.ndarray:
    """Say of each newest run whether its ratio to the run before lies below 1, interval and all."""
    places = runs.index.get_indexer(heads.index)
    newest, before = (runs.iloc[places - back] for back in (0, 1))
    verdicts = [
        (change := ratio(a, b)) is not None and change.verdict("higher") == "worse"
        for a, b in zip(_spans(newest), _spans(before), strict=True)
    ]
    return np.array(verdicts, dtype=bool)


def _spans(runs: pd.DataFrame) -> list[Span]:
    ends = runs[["throughput", "throughput_low", "throughput_high"]]
    return [
        Span(value, *(None if math.isnan(end) else end for end in (low, high)))
        for value, low, high in ends.itertuples(index=False, name=None)
    ]


def _line(rows: Sequence[PageRow]) -> ConfigurationRuns:
    """Set each run beside the one before; the rows come oldest first."""
    changes = [RunChange(row=rows[0], ratio=None, verdict="unknown")]
    for before, after in pairwise(rows):
        change = ratio(after.figures["throughput"], before.figures["throughput"])
        changes.append(
            RunChange(
                row=after, ratio=change, verdict=change.verdict("higher") if change else "unknown"
            )
        )
    return ConfigurationRuns(changes=tuple(reversed(changes)))
