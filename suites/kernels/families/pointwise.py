"""Kernels between the products: RMSNorm and SwiGLU. All are bound by memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.kernels.case import ITEM_BITS, Work

if TYPE_CHECKING:
    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = ["rmsnorm", "rmsnorm_works", "swiglu", "swiglu_works"]


def rmsnorm_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Normalize each token's hidden vector.

    4 FLOPs a value (square, sum, two products); values move in and out, the gain in once.
    """
    tokens, hidden = sizes.prefill, geometry.hidden
    traffic = (2 * tokens * hidden + hidden) * ITEM_BITS[dtype] // 8
    return [
        Work(
            family="rmsnorm",
            name=f"{geometry.id}/m{tokens}",
            dtype=dtype,
            shape={"tokens": tokens, "hidden": hidden},
            flops=4 * tokens * hidden,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: {
                "x": random.standard_normal((tokens, hidden), dtype=np.float32),
                "gain": random.standard_normal(hidden, dtype=np.float32),
            },
            run=partial(rmsnorm, eps=geometry.rms_eps),
            reference=partial(_rmsnorm_reference, eps=geometry.rms_eps),
            model=geometry.id,
        )
    ]


def swiglu_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Gate the feed-forward block: SiLU of one half times the other.

    5 FLOPs a result (negate, exponential, add, divide, multiply); two values in, one out.
    """
    tokens, wide = sizes.prefill, geometry.intermediate
    traffic = 3 * tokens * wide * ITEM_BITS[dtype] // 8
    return [
        Work(
            family="swiglu",
            name=f"{geometry.id}/m{tokens}",
            dtype=dtype,
            shape={"tokens": tokens, "intermediate": wide},
            flops=5 * tokens * wide,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: {
                "gate_up": random.standard_normal((tokens, 2 * wide), dtype=np.float32)
            },
            run=swiglu,
            reference=_swiglu_reference,
            model=geometry.id,
        )
    ]


def rmsnorm(backend: Backend, *, x: Any, gain: Any, eps: float) -> Any:
    """Divide x (tokens, hidden) by its root mean square, times gain (hidden,)."""
    xp = backend.xp
    mean_square = xp.mean(x * x, axis=-1, keepdims=True)
    return x / xp.sqrt(mean_square + eps) * gain


def swiglu(backend: Backend, *, gate_up: Any) -> Any:
    """SiLU(gate)·up for gate_up (tokens, 2·intermediate), gate first."""
    half = gate_up.shape[-1] // 2
    gate, up = gate_up[..., :half], gate_up[..., half:]
    return gate / (1 + backend.xp.exp(-gate)) * up


def _rmsnorm_reference(*, x: np.ndarray, gain: np.ndarray, eps: float) -> np.ndarray:
    return np.asarray(np.einsum("ti,t->ti", x, (np.square(x).mean(1) + eps) ** -0.5) * gain)


def _swiglu_reference(*, gate_up: np.ndarray) -> np.ndarray:
    gate, up = np.split(gate_up, 2, axis=-1)
    return np.asarray(gate * up * np.reciprocal(1.0 + np.exp(-gate)))
