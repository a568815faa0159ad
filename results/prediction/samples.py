"""From cells to named terms: what each is summed from, or why it is refused."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from results.prediction.chip import Missing
from results.prediction.dtypes import dtypes_of
from results.prediction.fit import CellTerms, features
from results.prediction.memory import capacity
from results.prediction.steps import FIRST_TERMS, TERMS, Loads, PlacedModel, terms_of
from suites import models

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from results.prediction.cells import ServingCell
    from results.prediction.chip import ChipTiming
    from results.prediction.grid import Floats
    from results.prediction.plan import Layout
    from suites.models import Geometry

__all__ = ["Summed", "summed", "undivided"]

_FATAL = {
    "disaggregated_unmarked": "more chips than an aggregated engine of this system spans",
    "no_concurrency": "the load is not given",
    "no_precision": "the precision is not stated",
    "no_worker_counts": "prefill and decode workers are not counted",
    "load_of_replicas": "the load is that of several engines",
}


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """Cells, summed.

    Attributes:
        step, first: terms of TPOT and of TTFT, one column a cell; NaN where it is refused.
        crowding: requests on a rank over the sequences its memory holds.
        near: whether its experts are priced by those of a near shape.
        refused: the reason, empty where it is predicted.
    """

    cells: Sequence[ServingCell]
    step: Floats
    first: Floats
    crowding: Floats
    near: npt.NDArray[np.bool_]
    refused: list[str]

    @property
    def kept(self) -> Floats:
        """Places that are predicted."""
        return np.array([not reason for reason in self.refused], dtype=bool)

    def sample(self, kind: str) -> CellTerms:
        """The cells with their terms of "tpot" or "ttft", refused ones too."""
        terms = self.step if kind == "tpot" else self.first
        times = [cell.tpot_ms if kind == "tpot" else cell.ttft_ms for cell in self.cells]
        measured = np.array([np.nan if time is None else time for time in times])
        return CellTerms(self.cells, terms, features(self.cells), measured)


def summed(
    cells: Sequence[ServingCell],
    chip_of: Callable[[str], ChipTiming],
    geometries: Mapping[str, Geometry] | None = None,
) -> Summed:
    """Sum the terms of cells; like layouts at once.

    Args:
        chip_of: a chip of the catalogue by its id; raises `Missing` where nothing is known.
        geometries: of models that the library does not hold, by the name cells give them.
    """
    step = np.full((len(TERMS), len(cells)), np.nan)
    first = np.full((len(FIRST_TERMS), len(cells)), np.nan)
    crowding = np.full(len(cells), np.nan)
    near = np.zeros(len(cells), dtype=bool)
    refused = [_reason(cell) for cell in cells]
    for (chip, model, precision, gemm, layout), places in _alike(cells, refused).items():
        own = [cells[i] for i in places]
        lengths = np.array([[cell.isl, cell.osl, cell.batch] for cell in own]).T
        try:
            geometry = (geometries or {}).get(model) or models.load(model)
            kernels = chip_of(chip)
            dtypes = dtypes_of(kernels, geometry, precision, gemm)
            tokens = lengths[0] + lengths[1] / 2
            held = {t: capacity(kernels, geometry, layout, dtypes, t) for t in np.unique(tokens)}
            room = np.array([held[t] for t in tokens])
            batch = np.minimum(lengths[2], np.maximum(room, 1.0))
            _divides(geometry, layout)
            served = PlacedModel(kernels, geometry, layout, dtypes)
            steps, firsts = terms_of(served, Loads(lengths[2], batch, *lengths[:2]))
        except Missing as missing:
            for i in places:
                refused[i] = str(missing)
            continue
        near[places] = not all(kernels.exact(dtypes.experts, s) for _, s in served.plan.experts)
        step[:, places], first[:, places] = steps, firsts
        crowding[places] = lengths[2] / room
    return Summed(cells, step, first, crowding, near, refused)


def _divides(geometry: Geometry, layout: Layout) -> None:
    reason = undivided(geometry, layout)
    if reason:
        raise Missing(reason)


def undivided(geometry: Geometry, layout: Layout) -> str:
    """Say why ranks cannot share a model out: heads by TP, experts by EP; empty where they can."""
    for heads in sorted(geometry.query_heads):
        if heads % layout.tp:
            return f"TP {layout.tp} does not divide {heads} heads"
    if geometry.moe and geometry.moe.experts % layout.ep:
        return f"EP {layout.ep} does not divide {geometry.moe.experts} experts"
    return ""


def _reason(cell: ServingCell) -> str:
    if cell.reason:
        return cell.reason
    if cell.mode != "agg":
        return (
            _FATAL["no_worker_counts"]
            if "no_worker_counts" in cell.faults
            else ("disaggregated deployments are not predicted")
        )
    for fault in cell.faults & set(_FATAL):
        return _FATAL[fault]
    return "" if cell.isl >= 1 and cell.osl >= 1 else "the lengths are not given"


def _alike(
    cells: Sequence[ServingCell], refused: Sequence[str]
) -> dict[tuple[str, str, str, str, Layout], list[int]]:
    places = defaultdict(list)
    for place, cell in enumerate(cells):
        if not refused[place]:
            key = (cell.chip, cell.model, cell.precision, cell.gemm, cell.layout)
            places[key].append(place)
    return places
