"""Products with weights stored in 8 bits and widened on the way: what decode engines do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.kernels.backends.work import ITEM_BITS, Rounding, Spread, Work
from suites.kernels.families.gemm import projections

if TYPE_CHECKING:
    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = ["gemm_w8", "gemm_w8_works"]

# Weights that share one scale: llama.cpp's Q8_0 block, and a divisor of every model's width.
GROUP = 32


def gemm_w8_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Multiply by the decode projections with int8 weights and one scale per 32 of them.

    2·m·n·k FLOPs; weights move at 8 bits plus their scales, activations and results in `dtype`.
    """
    return [
        _work(f"{geometry.id}/{name}/m{m}", (m, n, k), dtype, geometry.id)
        for m in sizes.decode
        for name, (k, n) in projections(geometry).items()
    ]


def gemm_w8(backend: Backend, *, x: Any, q: Any, scale: Any) -> Any:
    """x (m, k) times the weights q (k/32, 32, n) · scale (k/32, 1, n)."""
    xp = backend.xp
    weights = xp.reshape(xp.astype(q, x.dtype) * scale, (x.shape[1], q.shape[2]))
    return xp.matmul(x, weights)


def _work(name: str, sizes: tuple[int, int, int], dtype: str, model: str) -> Work:
    m, n, k = sizes
    traffic = k * n + (k // GROUP * n + m * k + m * n) * ITEM_BITS[dtype] // 8
    return Work(
        family="gemm_w8",
        name=name,
        dtype=dtype,
        shape={"m": m, "n": n, "k": k, "group": GROUP},
        flops=2 * m * n * k,
        bytes=traffic,
        # The portable kernel widens all weights before it multiplies.
        buffer_bytes=traffic + k * n * ITEM_BITS[dtype] // 8,
        inputs=partial(_inputs, sizes=sizes),
        run=gemm_w8,
        reference=_reference,
        model=model,
        # Widened weights are rounded to the dtype once more before the product.
        rounding=Rounding(terms=k, per_term=2, spread=_spread),
        quantization_error=partial(_quantization_error, sizes=sizes),
    )


def _inputs(random: np.random.Generator, *, sizes: tuple[int, int, int]) -> dict[str, np.ndarray]:
    m, n, k = sizes
    _, q, scale = _quantized(random, n, k)
    return {"x": random.standard_normal((m, k), dtype=np.float32), "q": q, "scale": scale}


def _quantized(
    random: np.random.Generator, n: int, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, their 8-bit values and scales: symmetric, largest of a group to 127."""
    w = random.standard_normal((k // GROUP, GROUP, n), dtype=np.float32) * np.float32(k**-0.5)
    scale = np.abs(w).max(axis=1, keepdims=True) / np.float32(127)
    return w, np.rint(w / scale).astype(np.int8), scale


def _quantization_error(random: np.random.Generator, *, sizes: tuple[int, int, int]) -> float:
    w, q, scale = _quantized(random, sizes[1], sizes[2])
    return float(np.linalg.norm(q * scale - w) / np.linalg.norm(w))


def _reference(*, x: np.ndarray, q: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.asarray(
        np.einsum("mgi,gin->mn", x.reshape(len(x), -1, GROUP), q * scale, optimize=True)
    )


def _spread(_reference: np.ndarray, *, x: np.ndarray, q: np.ndarray, scale: np.ndarray) -> Spread:
    weights = np.square(q * scale, dtype=np.float32).reshape(x.shape[1], -1)
    return Spread(size=np.sqrt(np.square(x, dtype=np.float32) @ weights))
