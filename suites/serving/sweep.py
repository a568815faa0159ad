"""Find the curve of throughput against interactivity: which concurrency to measure next.

Concurrency doubles until another doubling no longer pays, then the gaps around the knee and
around the TPOT limit are halved. Pure: the caller measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from suites.base import toml_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["CurvePoint", "Sweep", "knee_of", "next_concurrency", "read_sweep"]


class Sweep(BaseModel):
    """The plan of a sweep.

    Attributes:
        most: highest concurrency to try.
        gain: a doubling that adds less throughput than this share has passed the knee.
        refinements: points added around the knee and the limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    most: int = Field(default=64, ge=1, le=65_536)
    gain: float = Field(default=0.05, gt=0, lt=1)
    refinements: int = Field(default=4, ge=0, le=64)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of the curve: streams, output tokens per second, median TPOT in ms."""

    concurrency: int
    throughput: float
    tpot_ms: float


def read_sweep(path: Path) -> Sweep:
    """Read a plan from TOML.

    Raises:
        UserError: the file is missing or is not a plan.
    """
    return toml_file.read_model(path, Sweep)


def next_concurrency(
    sweep: Sweep, seen: Sequence[CurvePoint], *, slo_tpot_ms: float | None = None
) -> int | None:
    """Give the concurrency to measure next, None when the curve is known well enough."""
    if not seen:
        return 1
    curve = sorted(seen, key=lambda point: point.concurrency)
    doubled = [point for point in curve if point.concurrency & (point.concurrency - 1) == 0]
    if len(doubled) == len(curve) and _doubling_pays(sweep, doubled):
        return 2 * doubled[-1].concurrency
    refined = len(curve) - _length_of_doubling(sweep, curve)
    return _middle(sweep, curve, slo_tpot_ms) if refined < sweep.refinements else None


def _doubling_pays(sweep: Sweep, doubled: Sequence[CurvePoint]) -> bool:
    if 2 * doubled[-1].concurrency > sweep.most:
        return False
    if len(doubled) == 1:
        return True
    return doubled[-1].throughput >= (1 + sweep.gain) * doubled[-2].throughput


def _length_of_doubling(sweep: Sweep, curve: Sequence[CurvePoint]) -> int:
    """Points of the first phase: the powers of two up to where it stopped."""
    powers = [p for p in curve if p.concurrency & (p.concurrency - 1) == 0]
    for length in range(1, len(powers)):
        if not _doubling_pays(sweep, powers[:length]):
            return length
    return len(powers)


def knee_of(curve: Sequence[CurvePoint], gain: float) -> CurvePoint:
    """The lowest concurrency whose throughput is within `gain` of the best.

    The best itself is any point of a noisy plateau.
    """
    best = max(point.throughput for point in curve)
    enough = [point for point in curve if point.throughput * (1 + gain) >= best]
    return min(enough, key=lambda point: point.concurrency)


def _middle(sweep: Sweep, curve: Sequence[CurvePoint], slo_tpot_ms: float | None) -> int | None:
    """Geometric middle of the widest gap beside the knee or across the limit."""
    knee = curve.index(knee_of(curve, sweep.gain))
    gaps = []
    for place, (low, high) in enumerate(pairwise(curve)):
        at_knee = place in {knee - 1, knee}
        at_limit = slo_tpot_ms is not None and low.tpot_ms <= slo_tpot_ms < high.tpot_ms
        if (at_knee or at_limit) and high.concurrency - low.concurrency > 1:
            gaps.append((high.concurrency / low.concurrency, low.concurrency, high.concurrency))
    if not gaps:
        return None
    _, low_streams, high_streams = max(gaps)
    middle = round(math.sqrt(low_streams * high_streams))
    return min(max(middle, low_streams + 1), high_streams - 1)
