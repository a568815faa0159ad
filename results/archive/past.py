"""Up to where a log is read that is asked what it said on a day. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from results.proof.moderation import Placed

__all__ = ["Moment", "Past", "entry_times"]

_EXPECTED = "a day such as 2026-11-28, or a number of log entries such as 1234"


@dataclass(frozen=True, slots=True)
class Moment:
    """A day's end in UTC, or a number of entries.

    Attributes:
        name: as it is written, which is also the view's place on a site.
        day: None where entries are counted.
        size: None where a day is named.
    """

    name: str
    day: str | None = None
    size: int | None = None

    @classmethod
    def read(cls, text: str, where: str = "--as-of") -> Moment:
        """Read what a reader asks for.

        Raises:
            UserError: it is neither, or the day has not begun.
        """
        if re.fullmatch(r"[1-9][0-9]{0,17}", text):
            return cls(text, size=int(text))
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or day.isoformat() != text:  # it reads weeks, too
            raise UserError(f"{text!r} is not a day", where=where, expected=_EXPECTED)
        if day > datetime.now(UTC).date():
            raise UserError(f"{text} has not begun", where=where, expected="a day of the past")
        return cls(text, day=text)

    def size_in(self, times: Sequence[str], where: str) -> int:
        """Tell how many entries a log had.

        Args:
            times: of each entry, as `entry_times` gives them.
            where: the log, for the message.

        Raises:
            UserError: it never had so many.
        """
        if self.size is None:
            return bisect_right(times, self.day or "", key=lambda time: time[:10])
        if self.size > len(times):
            raise UserError(
                f"holds {len(times)} entries", where=where, expected=f"{self.size} or more"
            )
        return self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What sets a log as it was apart from the log as it is.

    Attributes:
        size: how many entries it had.
        later: results that were entered afterwards.
        removed: removals that came afterwards, of results it had; by the result's digest.
    """

    size: int
    later: AbstractSet[str]
    removed: Mapping[str, Placed]


def entry_times(
    size: int, stated: Sequence[tuple[int, str]], clocks: Mapping[int, str]
) -> list[str]:
    """Return for each entry of a log a time that it came no earlier than; empty: nobody says.

    The log's own word comes first. Before its first word signers' clocks count, in the log's
    order, and none of them beyond that word.

    Args:
        stated: index and time of the entries in which the log states it, in order.
        clocks: by index, what signers say of entries before the first of those.
    """
    first, ceiling = stated[0] if stated else (size, "")
    told = (clocks.get(index, "") for index in range(first))
    times = list(accumulate((min(time, ceiling) if ceiling else time for time in told), max))
    for (start, time), (end, _) in pairwise([*stated, (size, "")]):
        times += [time] * (end - start)
    return times
