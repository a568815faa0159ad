"""Launch the kernels of `fused.cu` through CuPy's RawModule."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SOURCE", "launchers", "refuses"]

SOURCE = Path(__file__).with_name("fused.cu")
# Threads of a block, eight warps: two to eight such blocks fill a multiprocessor of any
# generation since sm_80. Not tuned per device.
_BLOCK = 256
# Blocks of the one-thread-a-result kernels: they stride, so this only has to fill the device.
_GRID = 4096
# As in the source: the widest head, and the heads that share a read of their keys.
_WIDEST_HEAD, _SHARED_HEADS = 256, 8
# Cached tokens of one block, and stretches at most: enough blocks for a long context alone.
_STRETCH, _MOST_STRETCHES = 512, 64


def refuses(family: str, shape: Mapping[str, int]) -> str:
    """Say why none of our kernels runs a work of a family it has; empty where one does."""
    width = shape.get("head_dim", 0)
    if family == "attention_decode" and width > _WIDEST_HEAD:
        return f"heads of {width} values; our kernel holds {_WIDEST_HEAD}"
    return ""


def launchers(cupy: Any) -> dict[str, Callable[..., Any]]:
    """Kernels by family, each with the operands and parameters of the portable one."""

    def kernel(name: str, like: Any) -> Any:
        return _module(cupy, like.dtype == np.float16).get_function(name)

    def rmsnorm(_: object, *, x: Any, gain: Any, eps: float) -> Any:
        out = cupy.empty_like(x)
        rows, width = x.shape
        arguments = (x, gain, out, np.int32(width), np.float32(eps))
        kernel("rmsnorm", x)((rows,), (_BLOCK,), arguments)
        return out

    def softmax(_: object, *, logits: Any) -> Any:
        out = cupy.empty_like(logits)
        rows, width = logits.shape
        kernel("softmax", logits)((rows,), (_BLOCK,), (logits, out, np.int32(width)))
        return out

    def swiglu(_: object, *, gate_up: Any) -> Any:
        rows, width = gate_up.shape[0], gate_up.shape[1] // 2
        out = cupy.empty((rows, width), dtype=gate_up.dtype)
        arguments = (gate_up, out, np.int32(rows), np.int32(width))
        kernel("swiglu", gate_up)((_GRID,), (_BLOCK,), arguments)
        return out

    def rope(_: object, *, x: Any, cosine: Any, sine: Any) -> Any:
        out = cupy.empty_like(x)
        tokens, heads, width = (np.int32(size) for size in x.shape)
        arguments = (x, cosine, sine, out, tokens, heads, np.int32(width // 2))
        kernel("rope", x)((_GRID,), (_BLOCK,), arguments)
        return out

    def attention_decode(
        _: object,
        *,
        q: Any,
        k_pages: Any,
        v_pages: Any,
        table: Any,
        lengths: Any = None,
        sinks: Any = None,
        window: int = 0,
    ) -> Any:
        batch, heads, width = q.shape
        kv_heads, page, pages = k_pages.shape[1], k_pages.shape[2], table.shape[1]
        context = pages * page
        splits = min(_MOST_STRETCHES, -(-(window or context) // _STRETCH))
        shape = (batch, heads, splits)
        parts = cupy.empty((*shape, width), dtype=np.float32)
        tops, sums = (cupy.empty(shape, dtype=np.float32) for _ in range(2))
        if lengths is None:
            lengths = cupy.full((batch,), context, dtype=np.int64)
        sizes = (heads, kv_heads, width, page, pages, window, splits)
        chunks = -(-heads // kv_heads // _SHARED_HEADS)
        kernel("attention_decode_part", q)(
            (splits * chunks * kv_heads, batch),
            (_BLOCK,),
            (
                *(q, k_pages, v_pages, table, lengths, parts, tops, sums),
                *(np.int32(size) for size in sizes),
                np.float32(width**-0.5),
            ),
        )
        out = cupy.empty_like(q)
        kernel("attention_decode_join", q)(
            (heads, batch),
            (_BLOCK,),
            # Without sinks any address will do: it is not read.
            (
                *(parts, tops, sums, q if sinks is None else sinks, out),
                *(np.int32(size) for size in (width, splits, sinks is not None)),
            ),
        )
        return out

    return {
        "rmsnorm": rmsnorm,
        "softmax": softmax,
        "swiglu": swiglu,
        "rope": rope,
        "attention_decode": attention_decode,
    }


@lru_cache
def _module(cupy: Any, half: bool) -> Any:
    options = ("-std=c++17", *(("-DFENMARK_F16",) if half else ()))
    return cupy.RawModule(code=SOURCE.read_text(), options=options)
