"""NumPy: the backend every machine has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import array_api_compat.numpy as array_numpy
import numpy as np

from suites.kernels.backends import host
from suites.kernels.backends.base import PORTABLE, NoPeers
from suites.kernels.backends.work import PRODUCTS, TRANSFERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.backends.base import Paths
    from suites.kernels.backends.work import Work

__all__ = ["NumpyBackend"]

_DTYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16}


class NumpyBackend(NoPeers):
    """NumPy and the BLAS it was built with."""

    name = "numpy"
    xp: Any = array_numpy
    timing: Literal["host"] = "host"

    def __init__(self) -> None:
        self._keeps_memory = host.keep_freed_memory()

    def paths(self, work: Work) -> Paths:
        return {PORTABLE: self._refuses(work) or work.run}

    def _refuses(self, work: Work) -> str:
        if work.family in TRANSFERS:
            return "host and device are one memory"
        if work.family == "all_reduce":
            return "one device: no peer to reduce with"
        if work.dtype == "int8":
            return "NumPy multiplies integers without BLAS, hundreds of times slower than floats"
        if work.dtype == "f16" and work.family in PRODUCTS:
            return "NumPy multiplies float16 without BLAS, hundreds of times slower than float32"
        return "" if work.dtype in _DTYPES else f"NumPy has no {work.dtype}"

    def put(self, array: np.ndarray, dtype: str) -> np.ndarray:
        integers = np.issubdtype(array.dtype, np.integer)
        return np.array(array, dtype=array.dtype if integers else _DTYPES[dtype], order="C")

    hold = put

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
            "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", f"all {os.cpu_count()}"),
            "keeps_freed_memory": str(self._keeps_memory),
        }
