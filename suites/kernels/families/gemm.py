"""Dense matrix products of a model's projections, and the square one that seeks the peak."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.kernels.backends.work import ITEM_BITS, Rounding, Spread, Work

if TYPE_CHECKING:
    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = ["gemm", "gemm_works", "peak_works", "projections"]


def projections(geometry: Geometry) -> dict[str, tuple[int, int]]:
    """Inner and outer size (k, n) of the products of one layer, fused as engines fuse them."""
    hidden, wide, width = geometry.hidden, geometry.intermediate, geometry.head_dim
    if geometry.mla:
        mla = geometry.mla
        queries, latent = mla.heads * (mla.nope_dim + mla.rope_dim), mla.kv_rank + mla.rope_dim
        query = (
            {"q_a_kv_a": (hidden, mla.q_rank + latent), "q_b": (mla.q_rank, queries)}
            if mla.q_rank
            else {"q_kv_a": (hidden, queries + latent)}
        )
        attention = {**query, "o": (mla.heads * mla.value_dim, hidden)}
    else:
        value = geometry.value_dim
        keys = geometry.kv_heads * (width + value)
        attention = {
            "qkv": (hidden, geometry.heads * width + keys),
            "o": (geometry.heads * value, hidden),
        }
    if not geometry.dense:
        return attention  # its feed-forward products are the grouped ones
    inward = {"gate_up": (hidden, 2 * wide)} if geometry.dense.gated else {"up": (hidden, wide)}
    return {**attention, **inward, "down": (wide, hidden)}


def gemm_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Multiply by each projection at prefill rows and at each decode batch.

    2·m·n·k FLOPs; activations, weights and results move once, (m·k + k·n + m·n) values.
    """
    return [
        _work("gemm", f"{geometry.id}/{name}/m{m}", (m, n, k), dtype, model=geometry.id)
        for m in (sizes.prefill, *sizes.decode)
        for name, (k, n) in projections(geometry).items()
    ]


def peak_works(_geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """One square product, large enough that its operands' traffic does not matter: 2·n³ FLOPs."""
    side = sizes.peak
    return [_work("peak", f"n{side}", (side, side, side), dtype)]


def gemm(backend: Backend, *, a: Any, b: Any) -> Any:
    """C = A·B for A (m, k) and B (k, n).

    2·m·n·k FLOPs; (m·k + k·n + m·n) values move at least.
    """
    return backend.xp.matmul(a, b)


def _work(
    family: str, name: str, sizes: tuple[int, int, int], dtype: str, *, model: str = ""
) -> Work:
    m, n, k = sizes
    out_bits = 32 if dtype == "int8" else 16 if dtype in {"fp8", "fp4"} else ITEM_BITS[dtype]
    traffic = ((m * k + k * n) * ITEM_BITS[dtype] + m * n * out_bits) // 8
    return Work(
        family=family,
        name=name,
        dtype=dtype,
        shape={"m": m, "n": n, "k": k},
        flops=2 * m * n * k,
        bytes=traffic,
        buffer_bytes=traffic,
        inputs=partial(_integers, m, n, k)
        if dtype == "int8"
        else partial(_normals, m, n, k, dtype),
        run=gemm,
        reference=_reference,
        model=model,
        # tf32 rounds both operands; narrow products may be added up in parts that are rounded.
        rounding=Rounding(terms=k, per_term=2, spread=_spread),
    )


def _normals(
    m: int, n: int, k: int, dtype: str, random: np.random.Generator
) -> dict[str, np.ndarray]:
    # Results of order 1, that float16 does not overflow; eight and four bits, whose result is
    # bf16, have no room for operands so small: they would be subnormals and zeros.
    scale = 1.0 if dtype in {"fp8", "fp4"} else k**-0.5
    a = random.standard_normal((m, k), dtype=np.float32)
    b = random.standard_normal((k, n), dtype=np.float32) * np.float32(scale)
    return {"a": a, "b": b}


def _integers(m: int, n: int, k: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    a = random.integers(-127, 128, (m, k), dtype=np.int8)
    return {"a": a, "b": random.integers(-127, 128, (k, n), dtype=np.int8)}


def _reference(*, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a.astype(np.float64) @ b.astype(np.float64))


def _spread(_reference: np.ndarray, *, a: np.ndarray, b: np.ndarray) -> Spread:
    squares = (np.square(x, dtype=np.float32) for x in (a, b))
    return Spread(size=np.sqrt(np.matmul(*squares)))
