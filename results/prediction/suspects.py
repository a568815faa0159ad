"""Faults that show against what memory holds or kernels take: times too short, loads that wait."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from results import catalog
from results.prediction.chip import rates_of
from suites import models
from suites.models.widths import bits_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.prediction.cells import ServingCell
    from results.prediction.grid import Floats
    from suites.models.part import Routing

__all__ = ["below_roofline", "mostly_waiting", "roofline_ms", "suspects"]

# A sweep whose low loads are so much faster than their kernels (natural logarithm), and which
# slows towards them by so much for each factor e of load, drafts tokens.
_FASTER, _FADING, _LOW = -0.25, 0.03, 16
_FEWEST = 3
# A load of which less than this decodes is not the load of the step that was timed.
_DECODES = 0.5
_EIGHT = 8.0


def roofline_ms(cell: ServingCell, routing: Routing, cache_bytes: float = 2) -> float:
    """A decode step of all requests: bytes over bandwidth or FLOPs over peak, shared evenly."""
    geometry, rates = models.load(cell.model), rates_of(catalog.chips()[cell.chip])
    bits, context = bits_of(cell.precision) or 16.0, int(cell.isl + cell.osl / 2)
    batch = max(1, round(cell.concurrency or 1))
    moved = geometry.decode_min_bytes(
        context,
        batch,
        bits_per_parameter=bits,
        kv_dtype_bytes=cache_bytes,
        routing=routing,
    )
    flops = geometry.decode_flops(context, batch)
    least = max(
        moved / rates.bandwidth, flops / rates.peak("fp8" if bits <= _EIGHT else "bfloat16")
    )
    return least / cell.layout.chips


def below_roofline(cells: Sequence[ServingCell], crowding: Floats) -> list[ServingCell]:
    """Flag cells faster than reading weights once and a cache of 8 bits allows.

    Args:
        crowding: requests over the sequences that memory holds; above 1 not all decode at once.
    """
    return [
        replace(cell, faults=cell.faults | {"below_roofline"})
        if full <= 1 and cell.tpot_ms and cell.tpot_ms < roofline_ms(cell, "same", cache_bytes=1)
        else cell
        for cell, full in zip(cells, crowding, strict=True)
    ]


def mostly_waiting(cells: Sequence[ServingCell], crowding: Floats) -> list[ServingCell]:
    """Flag cells whose own times say that most requests wait, though memory holds all of them.

    Of C requests in a closed loop C·TPOT·(OSL − 1) ÷ (TTFT + TPOT·(OSL − 1)) decode on average
    (Little 1961). Where that is a fraction of them the engine admits no more, by a limit no row
    states.

    Args:
        crowding: requests over the sequences that memory holds; above 1 the rest waits for it.
    """
    return [
        replace(cell, faults=cell.faults | {"load_not_admitted"})
        if full <= 1 and _decoding(cell) < _DECODES
        else cell
        for cell, full in zip(cells, crowding, strict=True)
    ]


def _decoding(cell: ServingCell) -> float:
    """Share of its time that a request decodes; 1 where a time is missing."""
    if not cell.tpot_ms or not cell.ttft_ms or cell.osl <= 1:
        return 1.0
    answer = cell.tpot_ms * (cell.osl - 1)
    return answer / (cell.ttft_ms + answer)


def suspects(cells: Sequence[ServingCell], ratios: Floats) -> list[ServingCell]:
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


def _slope(cells: Sequence[ServingCell], ratios: Floats, places: Sequence[int]) -> float:
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
