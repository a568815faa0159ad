"""Which cells to measure next: those after which the others are known best.

Greedy, by posterior variance (Krause, Singh and Guestrin 2008): the next cell is the one whose
measurement takes most from the summed variance of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from results.prediction.fit import joint

if TYPE_CHECKING:
    from results.prediction.fit import CellTerms, Fit

__all__ = ["most_telling"]


def most_telling(fitted: Fit, candidates: CellTerms, count: int = 3) -> list[int]:
    """Places of the candidates to measure, in order."""
    covariance = joint(fitted, candidates)
    noise = fitted.priors.noise**2
    chosen: list[int] = []
    for _ in range(min(count, len(candidates.cells))):
        taken = (covariance**2).sum(axis=0) / (np.diag(covariance) + noise)
        taken[chosen] = -1.0
        best = int(np.argmax(taken))
        chosen.append(best)
        own = covariance[:, best]
        covariance = covariance - np.outer(own, own) / (own[best] + noise)
    return chosen
