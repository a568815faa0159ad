"""Memory bandwidth: STREAM's kernels, and a read that writes almost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from suites.kernels.backends.work import EXACT, ITEM_BITS, Rounding, Spread, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.models import Geometry

__all__ = ["copy_works", "read_works", "triad_works"]

# Exact in every dtype, so that its own rounding is not an error, and no special case of a library.
_SCALE = 1.25
_ROUNDED_ONCE = Rounding()


def copy_works(_geometry: Geometry, cache_bytes: int, dtype: str) -> list[Work]:
    """c = a: one value in, one out."""
    return _stream(
        "copy",
        ("a",),
        cache_bytes,
        dtype,
        flops=0,
        run=lambda backend, *, a: backend.xp.asarray(a, copy=True),
        reference=lambda *, a: a,
        rounding=EXACT,
    )


def scale_works(_geometry: Geometry, cache_bytes: int, dtype: str) -> list[Work]:
    """c = s·a: one FLOP, one value in, one out."""
    return _stream(
        "scale",
        ("a",),
        cache_bytes,
        dtype,
        flops=1,
        run=lambda _, *, a: a * _SCALE,
        reference=lambda *, a: a * _SCALE,
    )


def add_works(_geometry: Geometry, cache_bytes: int, dtype: str) -> list[Work]:
    """c = a + b: one FLOP, two values in, one out."""
    return _stream(
        "add",
        ("a", "b"),
        cache_bytes,
        dtype,
        flops=1,
        run=lambda _, *, a, b: a + b,
        reference=lambda *, a, b: a + b,
    )


def triad_works(_geometry: Geometry, cache_bytes: int, dtype: str) -> list[Work]:
    """c = a + s·b: two FLOPs, two values in, one out (McCalpin, STREAM)."""
    return _stream(
        "triad",
        ("a", "b"),
        cache_bytes,
        dtype,
        flops=2,
        run=lambda _, *, a, b: _SCALE * b + a,
        reference=lambda *, a, b: a + _SCALE * b,
        rounding=Rounding(per_term=1, spread=lambda _, *, a, b: Spread(size=np.abs(b))),  # noqa: ARG005
    )


def read_works(_geometry: Geometry, cache_bytes: int, dtype: str) -> list[Work]:
    """y = A·x: two FLOPs a value of A, which moves once; the reading limit of decode."""
    columns = 4096
    rows = max(1, cache_bytes * 8 // ITEM_BITS[dtype] // columns)
    traffic = (rows * columns + columns + rows) * ITEM_BITS[dtype] // 8
    return [
        Work(
            family="read",
            name=_mib(traffic),
            dtype=dtype,
            shape={"rows": rows, "columns": columns},
            flops=2 * rows * columns,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: {
                "a": random.standard_normal((rows, columns), dtype=np.float32),
                "x": random.standard_normal(columns, dtype=np.float32),
            },
            run=lambda backend, *, a, x: backend.xp.matmul(a, x),
            reference=lambda *, a, x: a @ x,
            rounding=Rounding(terms=columns, per_term=2, spread=_read_spread),
        )
    ]


def _stream(
    family: str,
    operands: tuple[str, ...],
    size_bytes: int,
    dtype: str,
    *,
    flops: int,
    run: Callable[..., Any],
    reference: Callable[..., np.ndarray],
    rounding: Rounding = _ROUNDED_ONCE,
) -> list[Work]:
    values = size_bytes * 8 // ITEM_BITS[dtype]
    traffic = (len(operands) + 1) * values * ITEM_BITS[dtype] // 8
    return [
        Work(
            family=family,
            name=_mib(traffic),
            dtype=dtype,
            shape={"values": values},
            flops=flops * values,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: {
                name: random.standard_normal(values, dtype=np.float32) for name in operands
            },
            run=run,
            reference=reference,
            rounding=rounding,
        )
    ]


def _read_spread(_reference: np.ndarray, *, a: np.ndarray, x: np.ndarray) -> Spread:
    return Spread(size=np.sqrt(np.square(a, dtype=np.float32) @ np.square(x, dtype=np.float32)))


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.0f}MiB"
