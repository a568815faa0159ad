"""Faults that only show against what kernels take: speculation nobody marked, times too short."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.prediction.cells import Cell
    from results.prediction.grid import Floats

__all__ = ["suspects"]

# A sweep whose low loads are so much faster than their kernels (natural logarithm), and which
# slows towards them by so much for each factor e of load, drafts tokens.
_FASTER, _FADING, _LOW = -0.25, 0.03, 16
_FEWEST = 3


def suspects(cells: Sequence[Cell], ratios: Floats) -> list[Cell]:
    """Flag sweeps of one engine, version and day that look like unmarked speculation.

    Args:
        ratios: log(measured ÷ sum of kernels), one a cell.
    """
    sweeps = defaultdict(list)
    for place, cell in enumerate(cells):
        sweeps[(*cell.group, cell.version, cell.day)].append(place)
    flagged = list(cells)
    for places in sweeps.values():
        low = [i for i in places if (cells[i].concurrency or 0) <= _LOW]
        if len(low) < _FEWEST or np.median(ratios[low]) > _FASTER:
            continue
        if _slope(cells, ratios, places) > _FADING:
            for i in places:
                flagged[i] = replace(cells[i], faults=cells[i].faults | {"speculation_unmarked"})
    return flagged


def _slope(cells: Sequence[Cell], ratios: Floats, places: Sequence[int]) -> float:
    """Rise of the ratio with the logarithm of the load, within lengths and layout."""
    rows = defaultdict(list)
    for i in places:
        rows[cells[i].isl, cells[i].osl, cells[i].layout].append(i)
    over, under = 0.0, 0.0
    for own in rows.values():
        load = np.log([cells[i].concurrency or 1.0 for i in own])
        load -= load.mean()
        over += float(load @ ratios[own])
        under += float(load @ load)
    return over / under if under else 0.0
