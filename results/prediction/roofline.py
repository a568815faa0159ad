"""The least time of each operator: bytes over bandwidth or FLOPs over peak, and one launch.

Roofline model: Williams, Waterman and Patterson 2009. Sizes are those of one chip's share. Times
are in ms, rates in bytes and FLOPs per ms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from results.prediction.grid import Floats

__all__ = ["CACHE_BYTES", "LAUNCH_MS", "WEIGHT_BYTES", "Mixture", "Rates"]

# Nothing on an accelerator is shorter: it keeps ratios of tiny kernels between 1 and some tens.
LAUNCH_MS = 0.002
# Bytes of one weight as stored, scales included, by the names of kernel tables.
WEIGHT_BYTES = {
    "bfloat16": 2.0, "fp8": 1.0, "fp8_block": 1.0, "nvfp4": 0.5625, "int4_wo": 0.53,
    "w4a16_mxfp4": 0.53125, "w4a8_mxfp4_mxfp8": 0.53125, "int8": 1.0,
}  # fmt: skip
# Bytes of one input value, and the peaks that may bound the product: the first that is known.
_INPUT = {
    "bfloat16": (2.0, ("bf16", "f16")),
    "fp8": (1.0, ("fp8", "bf16")),
    "fp8_block": (1.0, ("fp8", "bf16")),
    "int8": (1.0, ("int8", "bf16")),
    "nvfp4": (0.5625, ("fp4", "fp8", "bf16")),
    "int4_wo": (2.0, ("bf16", "f16")),
    "w4a16_mxfp4": (2.0, ("bf16", "f16")),
    "w4a8_mxfp4_mxfp8": (1.0, ("fp8", "bf16")),
}
CACHE_BYTES = {"bfloat16": 2.0, "fp8": 1.0}


@dataclass(frozen=True, slots=True)
class Mixture:
    """Routed experts of a layer, and over how many ranks they lie.

    Attributes:
        inter: width of one expert; matrices: 3 where it is gated, else 2.
        tp, ep: ranks that share each expert, and ranks that share out the experts.
    """

    hidden: int
    inter: int
    topk: int
    experts: int
    tp: int = 1
    ep: int = 1
    matrices: int = 3

    @property
    def chips(self) -> int:
        """Ranks together."""
        return self.tp * self.ep


@dataclass(frozen=True, slots=True)
class Rates:
    """What bounds a chip.

    Attributes:
        bandwidth: of its memory, bytes per ms.
        peaks: FLOPs per ms by dtype of the catalogue.
        link: to other chips in one direction, bytes per ms.
    """

    bandwidth: float
    peaks: dict[str, float] = field(default_factory=dict)
    link: float = 64e6 / 2

    def peak(self, dtype: str) -> float:
        """FLOPs per ms of a product of this dtype of the tables."""
        named = (self.peaks[name] for name in _INPUT[dtype][1] if name in self.peaks)
        return next(named, None) or max(self.peaks.values())

    def gemm(self, dtype: str, m: Any, n: Any, k: Any) -> Floats:
        """A product of m×k inputs by n×k weights."""
        moved = n * k * WEIGHT_BYTES[dtype] + m * k * _INPUT[dtype][0] + 2.0 * m * n
        return self._bound(moved, 2.0 * m * n * k, dtype)

    def decode_attention(
        self, cache: str, tokens: Any, heads: Any, kv_heads: Any, dim: Any
    ) -> Floats:
        """One new token for each sequence: keys and values of `tokens` cached ones are read."""
        moved = tokens * kv_heads * 2.0 * dim * CACHE_BYTES[cache]
        return self._bound(moved, 4.0 * tokens * heads * dim, "bfloat16")

    def prefill_attention(self, pairs: Any, heads: Any, dim: Any) -> Floats:
        """All pairs (query, key) of a prompt."""
        return np.asarray(LAUNCH_MS + 4.0 * pairs * heads * dim / self.peak("bfloat16"))

    def latent_decode(self, cache: str, tokens: Any, heads: Any, width: Any, rank: Any) -> Floats:
        """Latent attention, absorbed: `width` cached values a token, scores and values in it."""
        moved = tokens * width * CACHE_BYTES[cache]
        return self._bound(moved, 2.0 * tokens * heads * (width + rank), "bfloat16")

    def experts(self, dtype: str, tokens: Any, shape: Mixture) -> Floats:
        """Routed experts of one layer on one rank; `tokens` are those of all ranks together."""
        drawn = shape.experts * (1.0 - (1.0 - shape.topk / shape.experts) ** np.asarray(tokens))
        weights = drawn * shape.hidden * shape.inter * shape.matrices / shape.chips
        visits = tokens * shape.topk / shape.ep
        moved = weights * WEIGHT_BYTES[dtype] + visits * shape.hidden * (_INPUT[dtype][0] + 2.0)
        flops = (
            2.0 * tokens * shape.topk * shape.hidden * shape.inter * shape.matrices / shape.chips
        )
        return self._bound(moved, flops, dtype)

    def reduce(self, chips: int, values: Any) -> Floats:
        """Sum of `values` 16-bit numbers over chips, each ending with all of it (ring bound)."""
        return np.asarray(LAUNCH_MS + 2.0 * values * 2.0 * (chips - 1) / chips / self.link)

    def stream(self, moved: Any) -> Floats:
        """Bytes that are read or written once."""
        return np.asarray(LAUNCH_MS + moved / self.bandwidth)

    def _bound(self, moved: Any, flops: Any, dtype: str) -> Floats:
        least = np.maximum(moved / self.bandwidth, flops / self.peak(dtype))
        return np.asarray(LAUNCH_MS + least)
