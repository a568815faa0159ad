"""How far the energy of a wall meter may be off: the *informative* tier's error budget.

JCGM 100:2008 (GUM): each source as a standard uncertainty (a limit ±a spread evenly is a/√3,
section 4.3.7), added in squares, and twice the sum's root as the expanded one (coverage factor 2,
section 6.2). In percent of the window's energy:

- meter: the stated accuracy of its reading;
- resolution: half a step of its figure;
- sampling: power that wanders evenly between idle and its mean, seen n times: swing/√(12·n);
- edges: each edge of the window lies anywhere within one gap, at the swing: gap·swing/√6;
- idle: the same meter and resolution on the idle power that is taken off for `above_idle`.

A power supply loses 4 to 20% (80 PLUS, from Titanium at half load to the plain class at 20%): no
error of a wall meter, but of those who compare its joules with a chip's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

__all__ = ["PSU_PERCENT", "Load", "UncertaintyBudget", "budget"]

_COVERAGE = 2.0
# Standard uncertainty of an efficiency between 80% and 96%, over their middle.
PSU_PERCENT = 100 * (0.96 - 0.80) / sqrt(12) / 0.88


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a meter saw of a window.

    Attributes:
        mean_w, idle_w: power in the window, and at rest before the run.
        duration_s, gap_s: of the window, and between two readings.
        accuracy_percent, resolution_w: as the meter declares them.
    """

    mean_w: float
    idle_w: float
    duration_s: float
    gap_s: float
    accuracy_percent: float
    resolution_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UncertaintyBudget:
    """Standard uncertainties in percent of the energy, and twice their root sum of squares.

    Attributes:
        total: expanded, of the energy itself.
        above_idle: expanded, of the energy less idle, in percent of that.
    """

    meter: float
    resolution: float
    sampling: float
    edges: float
    idle: float
    total: float
    above_idle: float


def budget(load: Load) -> UncertaintyBudget:
    """Compute the budget of one window.

    Raises:
        ValueError: a window without power or length has none.
    """
    if load.mean_w <= 0 or load.duration_s <= 0:
        raise ValueError("a window without energy has no error budget")
    swing = abs(load.mean_w - load.idle_w) / load.mean_w
    readings = max(1.0, load.duration_s / load.gap_s) if load.gap_s else 1.0
    meter = load.accuracy_percent / sqrt(3)
    resolution = 100 * load.resolution_w / 2 / sqrt(3) / load.mean_w
    sampling = 100 * swing / sqrt(12 * readings)
    edges = 100 * swing * load.gap_s / sqrt(6) / load.duration_s
    own = sqrt(meter**2 + resolution**2 + sampling**2 + edges**2)
    # Idle is read by the same meter: its class does not cancel, since it need not be linear.
    share = load.idle_w / load.mean_w
    idle = sqrt((meter * share) ** 2 + resolution**2)
    rest = max(1e-9, 1 - share)
    return UncertaintyBudget(
        meter=meter,
        resolution=resolution,
        sampling=sampling,
        edges=edges,
        idle=idle,
        total=_COVERAGE * own,
        above_idle=_COVERAGE * sqrt(own**2 + idle**2) / rest,
    )
