"""How a configuration changed over time, and which changes are more than noise."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from leaderboard.ratios import Ratio, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaderboard.ranking import BoardRow

__all__ = ["Change", "Line", "lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One run of a configuration beside the one before.

    Attributes:
        ratio: output throughput against the run before, None for the first.
        verdict: "better", "worse", "none" or "unknown".
    """

    row: BoardRow
    ratio: Ratio | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """All runs of one configuration on one chip, newest first."""

    chip: str
    chip_id: str
    model: str
    case: str
    precision: str
    changes: tuple[Change, ...]

    @property
    def regressed(self) -> bool:
        """Say whether the newest run is worse by more than both intervals allow."""
        return self.changes[0].verdict == "worse"


def lines(rows: Sequence[BoardRow]) -> list[Line]:
    """Return configurations that were run more than once, regressions first.

    The same configuration is the same chip, model, precision, engine name and case; versions
    differ, and that is what the history shows.
    """
    runs: defaultdict[tuple[str, ...], list[BoardRow]] = defaultdict(list)
    for row in rows:
        point = row.point
        if row.ranks and point.engine:
            engine = point.engine.name
            key = (point.result.chip_id, point.model, point.precision, engine, point.key)
            runs[key].append(row)
    found = [_line(own) for own in runs.values() if len(own) > 1]
    return sorted(found, key=lambda line: (not line.regressed, line.chip, line.model, line.case))


def _line(rows: Sequence[BoardRow]) -> Line:
    ordered = sorted(rows, key=lambda row: row.point.result.predicate.run.finished_at)
    changes = [Change(row=ordered[0], ratio=None, verdict="unknown")]
    for before, after in pairwise(ordered):
        found = (
            ratio(after.throughput, before.throughput)
            if after.throughput and before.throughput
            else None
        )
        changes.append(
            Change(row=after, ratio=found, verdict=found.verdict("higher") if found else "unknown")
        )
    point = ordered[0].point
    return Line(
        chip=ordered[0].chip,
        chip_id=point.result.chip_id,
        model=point.model,
        case=point.case,
        precision=point.precision,
        changes=tuple(reversed(changes)),
    )
