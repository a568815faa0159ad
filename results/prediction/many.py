"""Times of very many cells at once, as arrays: what `predict` says of each, without its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from results.prediction.predict import WIDER
from results.prediction.samples import summed
from results.prediction.steps import FIRST_TERMS, TERMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from results.prediction.cells import ServingCell
    from results.prediction.grid import Floats
    from results.prediction.predict import Predictor
    from results.prediction.samples import Summed
    from suites.models import Geometry

__all__ = ["Times", "times_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Mean times of n cells.

    Attributes:
        tpot, ttft: 3 × n milliseconds: the figure, and the ends that hold 90% of held-out rows;
            NaN where a cell is refused.
        basis: level of each; empty where it is refused.
        crowding: requests on a rank over the sequences its memory holds.
        apart: prefill engines that one decode engine of the set-up keeps busy, served apart.
        refused: why, empty where it is not.
    """

    tpot: Floats
    ttft: Floats
    basis: list[str]
    crowding: Floats
    apart: Floats
    refused: list[str]


def times_of(
    using: Predictor, cells: Sequence[ServingCell], geometries: Mapping[str, Geometry] | None = None
) -> Times:
    """Predict cells as `Predictor.predict` does."""
    sums = summed(cells, using.chip, geometries)
    places = np.flatnonzero(sums.kept).tolist()
    times = {kind: np.full((3, len(cells)), np.nan) for kind in ("tpot", "ttft")}
    basis = [""] * len(cells)
    apart = np.full(len(cells), np.nan)
    if not places:
        return Times(times["tpot"], times["ttft"], basis, sums.crowding, apart, sums.refused)
    apart[places] = _apart(using, sums, places)
    levels = [using.level(cells[place]) for place in places]
    for place, level in zip(places, levels, strict=True):
        basis[place] = level[0]
    shift, low, high = np.array([level[1:] for level in levels]).T
    factor = np.array(
        [
            _widened(using.rules(cells[i], float(sums.crowding[i]), near=bool(sums.near[i])))
            for i in places
        ]
    )
    for kind, fitted in (("tpot", using.step_fit), ("ttft", using.first_fit)):
        guess = fitted.guess(sums.sample(kind).where(places))
        stretch = np.array(
            [
                using.base.stretched(kind, level[0], cells[place].engine)
                for place, level in zip(places, levels, strict=True)
            ]
        )
        middle = np.exp(guess.log) * shift
        ends = np.exp(stretch * factor * guess.deviation)
        times[kind][:, places] = (
            middle,
            middle / ends * np.minimum(low, 1.0),
            middle * ends * np.maximum(high, 1.0),
        )
    return Times(times["tpot"], times["ttft"], basis, sums.crowding, apart, sums.refused)


def _apart(using: Predictor, sums: Summed, places: list[int]) -> Floats:
    """Requests each second of a decode engine over those of a prefill engine, of the same set-up.

    B ÷ (T_dec·(OSL − 1)) over 1 ÷ T_pf(ISL), as fitted. The cache's way between them is not in it.
    """
    decode = np.array([not name.startswith("prefill") for name in TERMS])
    steps = using.step_fit.multipliers()[decode] @ sums.step[decode][:, places]
    prompts = sums.first[FIRST_TERMS.index("prompt"), places] * using.first_fit.multipliers()[0]
    loads = np.array([[sums.cells[i].batch, max(sums.cells[i].osl - 1, 1)] for i in places]).T
    return np.asarray(loads[0] * prompts / (steps * loads[1]))


def _widened(rules: tuple[str, ...]) -> float:
    return float(np.prod([WIDER[rule] for rule in rules]))
