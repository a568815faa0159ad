"""CuPy on NVIDIA and AMD GPUs: the portable kernels, and fused ones of our own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from suites.base.errors import UserError
from suites.kernels.backends import nvidia
from suites.kernels.backends.base import PORTABLE, NoPeers
from suites.kernels.backends.work import TRANSFERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.backends.base import Paths
    from suites.kernels.backends.work import Work

__all__ = ["CupyBackend"]

_DTYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16}


class CupyBackend(NoPeers):
    """CuPy on the current device.

    Raises:
        UserError: CuPy sees no device.
    """

    name = "cupy"
    timing: Literal["event"] = "event"

    def __init__(self) -> None:
        self._cupy = import_module("cupy")
        self.xp: Any = import_module("array_api_compat.cupy")
        runtime = self._cupy.cuda.runtime
        try:
            devices = runtime.getDeviceCount()
        except runtime.CUDARuntimeError:
            devices = 0
        if not devices:
            raise UserError("CuPy sees no device", where="backend", remedy="is the driver loaded?")

    def paths(self, work: Work) -> Paths:
        reason = self._refuses(work)
        if reason:
            return {PORTABLE: reason}
        if work.family in TRANSFERS:
            return {PORTABLE: self._transfers()[work.family]}
        from suites.kernels.cuda import launchers, refuses

        fused = launchers(self._cupy).get(work.family)
        if not fused:
            return {PORTABLE: work.run}
        return {PORTABLE: work.run, "raw-kernel": refuses(work.family, work.shape) or fused}

    def put(self, array: np.ndarray, dtype: str) -> Any:
        integers = np.issubdtype(array.dtype, np.integer)
        return self._cupy.asarray(array, dtype=array.dtype if integers else _DTYPES[dtype])

    def hold(self, array: np.ndarray, dtype: str) -> Any:
        held = np.frombuffer(
            self._cupy.cuda.alloc_pinned_memory(array.size * np.dtype(_DTYPES[dtype]).itemsize),
            _DTYPES[dtype],
            array.size,
        ).reshape(array.shape)
        held[...] = array
        return held

    def get(self, array: Any) -> np.ndarray:
        integers = np.issubdtype(array.dtype, np.integer)
        return np.asarray(self._cupy.asnumpy(array), dtype=np.int64 if integers else np.float64)

    def synchronize(self) -> None:
        self._cupy.cuda.get_current_stream().synchronize()

    def elapsed_s(self, calls: Callable[[], None]) -> float:
        """Device events around the calls (`get_elapsed_time` gives milliseconds)."""
        start, end = self._cupy.cuda.Event(), self._cupy.cuda.Event()
        start.record()
        calls()
        end.record()
        end.synchronize()
        return float(self._cupy.cuda.get_elapsed_time(start, end)) / 1e3

    def capture(self, calls: Callable[[], None]) -> Callable[[], None] | None:
        """Record the calls into a CUDA graph on a stream of its own."""
        with self._cupy.cuda.Stream(non_blocking=True) as stream:
            stream.begin_capture()
            try:
                calls()
            finally:  # a stream left recording would refuse everything after
                graph = stream.end_capture()
        return lambda: graph.launch(self._cupy.cuda.get_current_stream())

    def free_bytes(self) -> int:
        return int(self._cupy.cuda.runtime.memGetInfo()[0])

    def cache_bytes(self) -> int:
        number = self._cupy.cuda.runtime.getDevice()
        return int(self._cupy.cuda.runtime.getDeviceProperties(number)["l2CacheSize"])

    def conditions(self) -> dict[str, float]:
        if self._cupy.cuda.runtime.is_hip:
            return {}
        return nvidia.conditions(bus_id=self._cupy.cuda.Device().pci_bus_id)

    def facts(self) -> dict[str, str]:
        runtime = self._cupy.cuda.runtime
        return {"cupy": self._cupy.__version__, "cuda_runtime": str(runtime.runtimeGetVersion())}

    def _refuses(self, work: Work) -> str:
        if work.family == "all_reduce":
            return "sums over devices are measured through torch"
        if work.dtype == "int8":
            return "CuPy multiplies integers without tensor cores"
        if work.dtype == "tf32":
            return "CuPy takes tf32 from the environment (CUPY_TF32), not per call; use torch:cuda"
        return "" if work.dtype in _DTYPES else f"CuPy has no {work.dtype}"

    def _transfers(self) -> dict[str, Callable[..., Any]]:
        return {
            "host_to_device": lambda _, *, a: self._cupy.asarray(a),
            "device_to_host": lambda _, *, a: self._cupy.asnumpy(a),
        }
