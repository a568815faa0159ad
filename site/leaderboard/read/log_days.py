"""What each day brought to a log, and how long it was that evening."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from results.archive.archive import ArchiveContext
    from results.proof.moderation import Placed

__all__ = ["Day", "LogDays", "log_days"]


@dataclass(frozen=True, slots=True)
class Day:
    """What entered a log on one day, UTC.

    Attributes:
        date: empty of entries of which nobody says when they came.
        size: entries of the log at its end.
        results: how many of them came.
        about_keys: how many entries about keys.
        notices: what was said of results.
    """

    date: str
    size: int
    results: int
    about_keys: int
    notices: Sequence[Placed]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDays:
    """A log by the days on which it grew, newest first.

    Attributes:
        origin: its name.
        size: how many entries of it count.
        stated: it states its own time; else the clocks of those who signed say.
    """

    origin: str
    size: int
    stated: bool
    days: Sequence[Day]


def log_days(origin: str, around: ArchiveContext, clock: Callable[[str], str]) -> LogDays:
    """Return the days of a log.

    Args:
        clock: as `ArchiveContext.times` asks for it.
    """
    dates = [time[:10] for time in around.times(clock)]
    sizes = {date: index + 1 for index, date in enumerate(dates)}
    results = Counter(dates[index] for index in (around.places or {}).values())
    about_keys = Counter(dates[index] for index in around.about_keys)
    notices: defaultdict[str, list[Placed]] = defaultdict(list)
    for state in around.moderated.values():
        for placed in state.notices:
            notices[dates[placed.index]].append(placed)
    days = [
        Day(date, size, results[date], about_keys[date], sorted(notices[date], key=_index))
        for date, size in reversed(sizes.items())
        if date in results or date in about_keys or date in notices
    ]
    return LogDays(origin=origin, size=around.size, stated=bool(around.keys.times), days=days)


def _index(placed: Placed) -> int:
    return placed.index
