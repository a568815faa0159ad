"""Errors on what was held out: whole units left out of the fit, then predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from results.prediction.ask import most_telling
from results.prediction.fit import fit
from results.prediction.interval import group_weights, stretch, weighted_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from results.prediction.cells import ServingCell
    from results.prediction.fit import CellTerms, Priors
    from results.prediction.grid import Floats

__all__ = ["UNITS", "HeldOut", "after_asking", "leave_out"]

# What is left out as a whole.
UNITS: dict[str, Callable[[ServingCell], Hashable]] = {
    "group": lambda cell: cell.group,
    "model": lambda cell: cell.model,
    "chip": lambda cell: cell.chip,
    "campaign": lambda cell: cell.campaign,
}


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Predictions of rows that the fit had not seen.

    Attributes:
        cells, measured: the rows; log, deviation: what was expected of them.
    """

    cells: list[ServingCell]
    measured: Floats
    log: Floats
    deviation: Floats

    @property
    def errors(self) -> Floats:
        """log measured − log expected."""
        return np.log(self.measured) - self.log

    def summary(self, share: float = 0.5) -> float:
        """A quantile of the absolute error in percent, groups weighing the same."""
        wrong = np.abs(np.exp(self.log) / self.measured - 1) * 100
        return weighted_quantile(wrong, group_weights(self.cells), share)

    def covered(self, stretch: float) -> float:
        """Share of rows within so many deviations, groups weighing the same."""
        inside = np.abs(self.errors) <= stretch * self.deviation
        weights = group_weights(self.cells)
        return float(weights[inside].sum() / weights.sum())

    def holds(self) -> float:
        """Share of rows inside intervals whose stretch is that of the other groups' rows."""
        groups = [cell.group for cell in self.cells]
        inside = 0.0
        for group in dict.fromkeys(groups):
            own = np.array([other == group for other in groups])
            others = self.where(~own)
            wide = stretch(others.cells, others.errors, others.deviation)
            inside += self.where(own).covered(wide)
        return inside / len(set(groups))

    def where(self, keep: npt.ArrayLike) -> HeldOut:
        """Some of the rows."""
        places = np.flatnonzero(keep)
        cells = [self.cells[i] for i in places]
        return HeldOut(cells, self.measured[places], self.log[places], self.deviation[places])


def leave_out(
    sample: CellTerms, unit: Callable[[ServingCell], Hashable], priors: Priors
) -> HeldOut:
    """Predict each unit from all others."""
    names = [unit(cell) for cell in sample.cells]
    log, deviation = np.zeros(len(names)), np.zeros(len(names))
    for name in dict.fromkeys(names):
        held = np.array([other == name for other in names])
        if held.all():
            raise ValueError("one unit alone cannot be predicted from others")
        guess = fit(sample.where(~held), priors).guess(sample.where(held))
        log[held], deviation[held] = guess.log, guess.deviation
    return HeldOut(list(sample.cells), sample.measured, log, deviation)


def after_asking(sample: CellTerms, priors: Priors, count: int) -> HeldOut:
    """Predict each group from all others and `count` of its cells, chosen by what they tell."""
    parts: list[tuple[Floats, Floats, Floats]] = []
    for group in dict.fromkeys(cell.group for cell in sample.cells):
        held = np.array([cell.group == group for cell in sample.cells])
        own, others = sample.where(held), sample.where(~held)
        if len(own.cells) <= 2 * count:
            continue
        asked = most_telling(fit(others, priors), own, count)
        rest = np.setdiff1d(np.arange(len(own.cells)), asked)
        guess = fit(others + own.where(asked), priors).guess(own.where(rest))
        parts.append((np.flatnonzero(held)[rest].astype(float), guess.log, guess.deviation))
    places, log, deviation = (np.concatenate(column) for column in zip(*parts, strict=True))
    rows = sample.where(places.astype(int))
    return HeldOut(list(rows.cells), rows.measured, log, deviation)
