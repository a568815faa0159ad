"""Do the drafts that a figure says it was made with add up?"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from results.checks.claim import number, place_of
from results.checks.finding import CheckedFigure, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.checks.claim import Claim
    from results.checks.finding import Context
    from results.statement.statement import Measurement

__all__ = ["LENGTHS", "drafts_add_up"]

# Shares by place are rounded to hundredths; what was pinned or stated is held within 5% of what the
# server's metrics say (`suites.client.speculation`), and so is a length to the sum of its shares.
_ROUNDED = 0.01
LENGTHS = 1.06
_SHARE = re.compile(r"[01](?:\.\d{1,9})?", re.ASCII)


def drafts_add_up(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """1 ≤ tokens a step ≤ drafts + 1, and 1 + the shares accepted up to each place."""
    for point in claim.points:
        item = next((item for item in point.items if "speculation" in item.labels), None)
        if item is None:
            continue
        length, drafts = (number(item.labels.get(n)) for n in ("acceptance_length", "draft_tokens"))
        if length is not None:
            yield at_most(place_of(item), 1.0, length, "accepts {right} tokens a step, less than 1")
            yield from _within(item, length, drafts)
        yield from _by_place(item, length, drafts)


def _within(item: Measurement, length: float, drafts: float | None) -> Iterator[CheckedFigure]:
    if drafts is not None:
        reason = "accepts {left} tokens a step, drafts and its own make {right}"
        yield at_most(place_of(item), length, (drafts + 1) * (1 + _ROUNDED), reason)


def _by_place(
    item: Measurement, length: float | None, drafts: float | None
) -> Iterator[CheckedFigure]:
    told = item.labels.get("acceptance_rates")
    if told is None:
        return
    where, shares = place_of(item), _shares(str(told))
    if shares is None or (drafts is not None and len(shares) > drafts):
        yield CheckedFigure(
            where=where, reason=f"accepts by place {str(told)[:40]!r}: no such shares"
        )
        return
    rises = max((after - before for before, after in pairwise(shares)), default=0.0)
    yield at_most(where, rises, _ROUNDED, "accepts a place more often than the one before")
    if length is not None:
        sides = sorted((length, 1 + sum(shares)))
        reason = "accepts {left} tokens a step by one of its labels, at most {right} by the other"
        yield at_most(where, sides[1], sides[0] * LENGTHS + _ROUNDED, reason)


def _shares(text: str) -> Sequence[float] | None:
    """Shares with slashes between; None where one is none."""
    parts = text.split("/")
    shares = [float(part) for part in parts if _SHARE.fullmatch(part)]
    return shares if len(shares) == len(parts) and max(shares) <= 1 else None
