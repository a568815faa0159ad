"""NumPy: the backend every machine has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import array_api_compat.numpy as array_numpy
import numpy as np

from suites.kernels.backends import host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["NumpyBackend"]

_DTYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16}


class NumpyBackend:
    """NumPy and the BLAS it was built with."""

    name = "numpy"
    xp: Any = array_numpy
    timing: Literal["host"] = "host"
    fast: Mapping[tuple[str, str], Callable[..., Any]] = {}

    def __init__(self) -> None:
        self._keeps_memory = host.keep_freed_memory()

    def refuses(self, family: str, dtype: str) -> str:
        if dtype == "int8":
            return "NumPy multiplies integers without BLAS, hundreds of times slower than floats"
        if dtype == "f16" and family in _PRODUCTS:
            return "NumPy multiplies float16 without BLAS, hundreds of times slower than float32"
        if dtype not in _DTYPES:
            return f"NumPy has no {dtype}"
        return ""

    def put(self, array: np.ndarray, dtype: str) -> np.ndarray:
        integers = np.issubdtype(array.dtype, np.integer)
        return np.array(array, dtype=array.dtype if integers else _DTYPES[dtype], order="C")

    def get(self, array: Any) -> np.ndarray:
        integers = np.issubdtype(array.dtype, np.integer)
        return np.asarray(array, dtype=np.int64 if integers else np.float64)

    def synchronize(self) -> None:
        """NumPy returns when it is done."""

    def elapsed_s(self, calls: Callable[[], None]) -> float:
        return host.elapsed_s(calls)

    def free_bytes(self) -> int:
        return host.free_bytes()

    def cache_bytes(self) -> int:
        return host.last_level_cache_bytes()

    def conditions(self) -> dict[str, float]:
        return {}

    def facts(self) -> dict[str, str]:
        config = np.show_config(mode="dicts")  # type: ignore[call-overload,unused-ignore]
        blas = config["Build Dependencies"]["blas"]
        return {
            "numpy": np.__version__,
            "blas": f"{blas.get('name')} {blas.get('version')}",
            "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "default"),
            "keeps_freed_memory": str(self._keeps_memory),
        }


# Families whose time is a matrix product.
_PRODUCTS = {
    "gemm",
    "peak",
    "attention_prefill",
    "attention_decode",
    "mla_decode",
    "grouped_gemm",
    "gemm_w8",
    "read",
}
