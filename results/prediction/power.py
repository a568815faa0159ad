"""Power of a chip under load, and energy per token, from how busy memory and arithmetic are.

    P ÷ TDP = 1 − exp(−(c₀ + c₁·u_mem + c₂·√u_flop + c₃·u_flop + c₄·[chips > 1] + c₅·ln B))

u are shares of the datasheet's bandwidth and peak. The form saturates at the nameplate, as power
limiters make it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from results.prediction.grid import Floats

__all__ = ["Load", "fit_power", "share_of_tdp"]


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """How busy chips are.

    Attributes:
        memory, arithmetic: shares of bandwidth and of peak, 0 to 1.
        chips, batch: of an engine.
    """

    memory: Floats
    arithmetic: Floats
    chips: Floats
    batch: Floats

    def basis(self) -> Floats:
        """What the coefficients multiply, one row a load."""
        return np.stack(
            [
                np.ones(len(self.memory)),
                self.memory,
                np.sqrt(self.arithmetic),
                self.arithmetic,
                np.where(self.chips > 1, 1.0, 0.0),
                np.log(np.maximum(self.batch, 1.0)),
            ],
            axis=1,
        )


def share_of_tdp(coefficients: Floats, load: Load) -> Floats:
    """Power over nameplate power."""
    return np.asarray(1.0 - np.exp(-np.maximum(load.basis() @ coefficients, 0.0)))


def fit_power(load: Load, shares: Floats, weights: Floats) -> Floats:
    """Coefficients that give measured shares; shrunk a little, so that few rows give sane ones."""
    target = -np.log(1.0 - np.clip(shares, 0.01, 0.99))
    # An error of the exponent counts as the share it makes of the power.
    scale = np.sqrt(weights) * (1.0 - np.clip(shares, 0.01, 0.99)) / np.clip(shares, 0.01, 0.99)
    basis = load.basis() * scale[:, None]
    ridge = 1e-3 * len(shares) * np.eye(basis.shape[1])
    return np.linalg.solve(basis.T @ basis + ridge, basis.T @ (target * scale))
