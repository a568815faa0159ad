"""Counts at full resolution: every distinct microsecond is a bin, so nothing is rounded away.

Bins are kept only where something was seen. Histograms of shards and processes add up exactly,
and a percentile is that of all values, never a mean of percentiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Histogram"]

_BINS_PER_MS = 1000


class Histogram:
    """Times in ms, counted per microsecond.

    Attributes:
        bins: microseconds seen, ascending.
        counts: how often each was seen.
    """

    def __init__(self, bins: ArrayLike = (), counts: ArrayLike = ()) -> None:
        """Hold `counts[i]` values of `bins[i]` microseconds, bins ascending."""
        self.bins: NDArray[np.int64] = np.asarray(bins, np.int64)
        self.counts: NDArray[np.int64] = np.asarray(counts, np.int64)

    @classmethod
    def of(cls, values_ms: ArrayLike) -> Self:
        """Count these values."""
        bins = np.rint(np.asarray(values_ms, float) * _BINS_PER_MS).astype(np.int64)
        return cls(*np.unique(bins, return_counts=True))

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Self:
        """Add histograms up."""
        all_parts: list[Histogram] = [cls(), *parts]
        every_bin = np.concatenate([part.bins for part in all_parts])
        bins, place = np.unique(every_bin, return_inverse=True)
        counts = np.zeros(len(bins), np.int64)
        np.add.at(counts, place, np.concatenate([part.counts for part in all_parts]))
        return cls(bins, counts)

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    def percentile(self, q: float) -> float:
        """Nearest-rank quantile in ms, 0 < q ≤ 1.

        Raises:
            ValueError: the histogram is empty.
        """
        if not self.n:
            raise ValueError("no values")
        rank = max(1, int(np.ceil(q * self.n - 1e-9)))
        place = int(np.searchsorted(np.cumsum(self.counts), rank))
        return float(self.bins[place]) / _BINS_PER_MS

    def to_json(self) -> dict[str, Any]:
        """Sparse: the bins seen, as differences from one to the next, and their counts."""
        return {
            "unit": "us",
            "steps": np.diff(self.bins, prepend=0).tolist(),
            "counts": self.counts.tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        return cls(np.cumsum(np.asarray(data["steps"], np.int64)), data["counts"])
