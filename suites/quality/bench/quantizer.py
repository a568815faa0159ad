"""Weights as llama.cpp's own quantizer stores them: the one in the engine that is installed."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["quantized"]


def quantized(matrix: NDArray[np.float32], kind: GGMLQuantizationType) -> NDArray[Any]:
    """Return rows as they are stored: halves of `F16`, else the bytes of blocks.

    Raises:
        ValueError: a row is not a whole number of blocks.
    """
    if kind is GGMLQuantizationType.F16:
        return matrix.astype(np.float16)
    rows, columns = matrix.shape
    block, size = GGML_QUANT_SIZES[kind]
    if columns % block:
        raise ValueError(f"rows of {columns} numbers are not blocks of {block}")
    source = np.ascontiguousarray(matrix, dtype=np.float32)
    stored = np.empty((rows, columns // block * size), dtype=np.uint8)
    written = _chunk()(int(kind), source.ctypes.data, stored.ctypes.data, 0, rows, columns, None)
    if written != stored.nbytes:
        raise ValueError(f"the quantizer wrote {written} bytes instead of {stored.nbytes}")
    return stored


@cache
def _chunk() -> Any:
    """`ggml_quantize_chunk` (ggml.h): type, source, target, first row, rows, columns, weights."""
    module = find_spec("xllamacpp.xllamacpp")
    if module is None or module.origin is None:
        raise ValueError("xllamacpp is not installed")
    chunk = ctypes.CDLL(module.origin).ggml_quantize_chunk
    pointer, count = ctypes.c_void_p, ctypes.c_int64
    chunk.argtypes = [ctypes.c_int, pointer, pointer, count, count, count, pointer]
    chunk.restype = ctypes.c_size_t
    return chunk
