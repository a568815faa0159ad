"""Torch's own fast products by name, and how they want their operands to lie."""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FP4", "PRODUCTS", "arrange", "settings", "to_fp4", "unpack_fp4"]

# Two values a byte; torch has it since 2.8.
FP4: Any = getattr(torch, "float4_e2m1fn_x2", None)
# Values by code without the sign bit (OCP Microscaling Formats 1.0, section 5.3.3).
_FP4_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
# Values that share a scale in NVFP4, and the tiles its scales are padded to (cuBLAS, "1D block
# scaling factors layout").
_FP4_BLOCK, _SCALE_ROWS, _SCALE_COLUMNS = 16, 128, 4


def arrange(dtype: str, operands: dict[str, Any]) -> dict[str, Any]:
    """Lay the operands of a narrow product out as the library takes them: B by columns."""
    if dtype not in {"fp8", "fp4"}:
        return operands
    a, columns = operands["a"], operands["b"].t().contiguous()
    if dtype == "fp4":
        a, columns = _pack_fp4(a), _pack_fp4(columns)
    return {"a": a, "b": columns.t()}


def to_fp4(array: Any) -> Any:
    """Round to the nearest value of e2m1, kept as float32 until `arrange` packs it."""
    values = torch.tensor(_FP4_VALUES, device=array.device)
    middles = (values[1:] + values[:-1]) / 2
    return values[torch.bucketize(array.abs(), middles)].copysign(array)


def unpack_fp4(array: Any) -> Any:
    """Give back as float32 what `arrange` packed, by rows or by columns."""
    if not array.is_contiguous():
        return unpack_fp4(array.t()).t()
    pairs = array.view(torch.uint8)
    codes = torch.stack((pairs & 0xF, pairs >> 4), dim=-1).flatten(-2).long()
    values = torch.tensor(_FP4_VALUES, device=array.device)
    return torch.where(codes >= 8, -values[codes % 8], values[codes % 8])


def _pack_fp4(array: Any) -> Any:
    values = torch.tensor(_FP4_VALUES, device=array.device)
    codes = torch.searchsorted(values, array.abs()).to(torch.uint8) + 8 * torch.signbit(array)
    codes = codes.to(torch.uint8)
    return (codes[:, ::2] | codes[:, 1::2] << 4).view(FP4)


def _int_mm(_: object, *, a: Any, b: Any) -> Any:
    return torch._int_mm(a, b)  # noqa: SLF001 - torch has no public product of int8 to int32


def _fp8(_: object, *, a: Any, b: Any) -> Any:
    unit = _ones((), torch.float32, a.device)
    return _scaled_mm(a, b, unit, unit)


def _fp4(_: object, *, a: Any, b: Any) -> Any:
    """NVFP4 with all block scales one, so that their interleaved order does not matter."""
    blocks = 2 * a.shape[1] // _FP4_BLOCK
    scales = [
        _ones(
            (_up(rows, _SCALE_ROWS) * _up(blocks, _SCALE_COLUMNS),), torch.float8_e4m3fn, a.device
        )
        for rows in (a.shape[0], b.shape[1])
    ]
    return _scaled_mm(a, b, *scales)


def _scaled_mm(a: Any, b: Any, scale_a: Any, scale_b: Any) -> Any:
    return torch._scaled_mm(  # noqa: SLF001 - the same call in every torch since 2.5
        a, b, scale_a=scale_a, scale_b=scale_b, out_dtype=torch.bfloat16
    )


@lru_cache
def _ones(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Any:
    """Scales, made once: no part of what is timed."""
    return torch.ones(shape, device=device).to(dtype)


def _up(size: int, step: int) -> int:
    return -(-size // step) * step


@contextmanager
def settings(dtype: str) -> Iterator[None]:
    """Allow tf32 products for a tf32 work, and nothing else, until it is measured."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _tf32(_: object, *, a: Any, b: Any) -> Any:
    return torch.matmul(a, b)


# Products of these dtypes by path and kernel: torch's `matmul` has none.
PRODUCTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "int8": ("int_mm", _int_mm),
    "fp8": ("scaled_mm", _fp8),
    "fp4": ("scaled_mm", _fp4),
    "tf32": ("tf32", _tf32),
}
