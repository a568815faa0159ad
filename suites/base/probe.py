"""A one-second look at the machine before and after each cell: did its speed drift meanwhile?

Two figures that neighbours and clocks move: memory bandwidth and a small matrix product. They
are a check on the run, never a result.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DRIFT_LIMIT", "Probe", "drift", "probe"]

# Process restarts alone were seen to move medians by 0.3 to 2%; a tenth is somebody else's work.
DRIFT_LIMIT = 0.10

_BYTES = 128 * 2**20  # beyond the last-level cache share of any rented core
_SIDE = 768  # 0.9 GFLOP: long enough for the clock, short enough for the cache
_ROUNDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Best of a few rounds: read+write bandwidth of a copy, and f32 matrix product rate."""

    copy_gb_s: float
    gemm_gflop_s: float


def probe() -> Probe:
    """Measure both figures with NumPy; takes about half a second."""
    import numpy as np

    source = np.ones(_BYTES // 8)
    target = np.empty_like(source)
    copy_s = _best_s(lambda: np.copyto(target, source))
    left = np.random.default_rng(0).standard_normal((_SIDE, _SIDE), dtype=np.float32)
    out = np.empty_like(left)
    gemm_s = _best_s(lambda: np.matmul(left, left, out=out))
    return Probe(
        copy_gb_s=2 * _BYTES / copy_s / 1e9,
        gemm_gflop_s=2 * _SIDE**3 / gemm_s / 1e9,
    )


def drift(before: Probe, after: Probe) -> float:
    """Largest relative change of either figure, 0.0 for none."""
    pairs = (
        (before.copy_gb_s, after.copy_gb_s),
        (before.gemm_gflop_s, after.gemm_gflop_s),
    )
    return max(abs(b - a) / max(a, b) for a, b in pairs)


def _best_s(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
