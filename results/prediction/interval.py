"""How wide a prediction is: deviations of the fit, stretched until held-out rows lie inside.

Split conformal prediction (Lei et al. 2018) with scores |log measured − log predicted| ÷ deviation,
groups weighing the same: rows of one group are not independent witnesses, and by rows the interval
covers too few of those that come next.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.prediction.cells import ServingCell
    from results.prediction.grid import Floats

__all__ = ["COVERED", "group_weights", "stretch", "weighted_quantile"]

COVERED = 0.90


def group_weights(cells: Sequence[ServingCell]) -> Floats:
    """One over the rows of a cell's group."""
    counts = Counter(cell.group for cell in cells)
    return np.array([1 / counts[cell.group] for cell in cells])


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """The least value at which the weights of those not above it reach a share of all."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    place = min(int(np.searchsorted(reached, share)), len(order) - 1)
    return float(values[order][place])


def stretch(cells: Sequence[ServingCell], errors: Floats, deviations: Floats) -> float:
    """Deviations that 90% of held-out rows lie within.

    Args:
        errors: log measured − log predicted, of rows whose group was held out.
    """
    return weighted_quantile(np.abs(errors) / deviations, group_weights(cells), COVERED)
