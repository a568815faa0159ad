"""PyTorch on any of its devices: one adapter, no kernel of its own per vendor.

Every vendor's plug-in offers the module `torch.<device>` with the same calls (`synchronize`,
`Event`, `mem_get_info`), so a device string is all that differs. ROCm builds call theirs "cuda".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import array_api_compat.torch as array_torch
import numpy as np
import torch

from suites.base.errors import UserError
from suites.kernels.backends import events, host, nvidia, torch_paths, torch_serving
from suites.kernels.backends.base import PORTABLE
from suites.kernels.backends.peers import meet
from suites.kernels.backends.torch_devices import LIBRARIES, load_plugin
from suites.kernels.backends.work import PRODUCTS, TRANSFERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from suites.kernels.backends.base import Paths
    from suites.kernels.backends.work import Work

__all__ = ["TorchBackend"]

_DTYPES = {
    "f64": torch.float64,
    "f32": torch.float32,
    "tf32": torch.float32,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8": torch.float8_e4m3fn,
    "fp4": torch.float32,  # until `arrange` packs it: torch has no conversion
}

# Where a device does not tell its cache, more than any has today, so that cold stays cold.
_UNKNOWN_CACHE_BYTES = 256 * 2**20


class TorchBackend:
    """torch on one device.

    Raises:
        UserError: the device's plug-in is missing, or it sees no such device.
    """

    xp: Any = array_torch

    def __init__(self, device: str = "cpu") -> None:
        load_plugin(device)
        self.name = "torch" if device == "cpu" else f"torch:{device}"
        self._kind = "cuda" if device == "rocm" else device
        self.timing: Literal["host", "event"] = "host" if device == "cpu" else "event"
        self._device: Any = getattr(torch, self._kind, None)
        if device == "cpu":
            host.keep_freed_memory()
        elif self._device is None or not self._device.is_available():
            raise UserError(
                f"torch sees no {device} device", where="backend", remedy="is the driver loaded?"
            )

    def paths(self, work: Work) -> Paths:
        reason = self._refuses(work)
        if reason:
            return {PORTABLE: reason}
        if work.family in TRANSFERS:
            return {PORTABLE: self._transfers()[work.family]}
        if work.family in {"gemm", "peak"} and work.dtype in torch_paths.PRODUCTS:
            return dict([torch_paths.PRODUCTS[work.dtype]])
        if work.family == "all_reduce":
            return {LIBRARIES[self._kind]: work.run}
        return {PORTABLE: work.run, **torch_serving.paths(work, self._kind)}

    def put(self, array: np.ndarray, dtype: str) -> Any:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        kept = not tensor.is_floating_point()
        placed = tensor.to(self._kind, tensor.dtype if kept else _DTYPES[dtype], copy=True)
        return torch_paths.to_fp4(placed) if dtype == "fp4" else placed

    def arrange(self, work: Work, operands: dict[str, Any]) -> dict[str, Any]:
        product = work.family in {"gemm", "peak"}
        return torch_paths.arrange(work.dtype, operands) if product else operands

    def settings(self, work: Work) -> AbstractContextManager[None]:
        return torch_paths.settings(work.dtype)

    def hold(self, array: np.ndarray, dtype: str) -> Any:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        rounded = tensor.to(_DTYPES[dtype] if tensor.is_floating_point() else tensor.dtype)
        return rounded if self.timing == "host" else rounded.pin_memory()

    def get(self, array: Any) -> np.ndarray:
        if array.dtype == torch_paths.FP4:
            array = torch_paths.unpack_fp4(array)
        wide = torch.float64 if array.is_floating_point() else torch.int64
        return np.asarray(array.to("cpu").to(wide).numpy())

    def synchronize(self) -> None:
        if self._device is not None and self.timing == "event":
            self._device.synchronize()

    def elapsed_s(self, calls: Callable[[], None]) -> float:
        if self.timing == "host":
            return host.elapsed_s(calls)
        return events.elapsed_s(self._device, calls)

    def capture(self, calls: Callable[[], None]) -> Callable[[], None] | None:
        return events.capture(self._device, calls)

    @property
    def peers(self) -> int:
        """Devices in sight; a CPU sums with one more process, over the loopback."""
        if self._kind not in LIBRARIES or not torch.distributed.is_available():
            return 1
        return 2 if self.timing == "host" else int(self._device.device_count())

    def all_reduce(self, x: Any, peers: int) -> Any:
        return meet(self._kind, peers).sum(x)

    def free_bytes(self) -> int:
        query = getattr(self._device, "mem_get_info", None)
        return int(query()[0]) if query and self.timing == "event" else host.free_bytes()

    def cache_bytes(self) -> int:
        if self.timing == "host":
            return host.last_level_cache_bytes()
        query = getattr(self._device, "get_device_properties", None)
        size = getattr(query(self._device.current_device()), "L2_cache_size", 0) if query else 0
        return int(size) or _UNKNOWN_CACHE_BYTES

    def conditions(self) -> dict[str, float]:
        if self._kind != "cuda" or torch.version.hip:
            return {}
        device = torch.cuda.get_device_properties(torch.cuda.current_device())
        # torch has the uuid since 2.4; without it nothing says which GPU is ours.
        uuid = getattr(device, "uuid", "")
        return nvidia.conditions(uuid=f"GPU-{uuid}" if uuid else "")

    def facts(self) -> dict[str, str]:
        return {"torch": torch.__version__, "torch_threads": str(torch.get_num_threads())}

    def _refuses(self, work: Work) -> str:
        cpu, product = self.timing == "host", work.family in {"gemm", "peak"}
        slow_f16 = cpu and work.dtype == "f16" and work.family in PRODUCTS and not _fast_f16()
        rules = (
            (cpu and work.family in TRANSFERS, "host and device are one memory"),
            (work.family == "all_reduce" and self.peers == 1, "one device: no peer to sum with"),
            (slow_f16, "torch has no fast float16 product for this CPU"),
            (work.dtype == "tf32" and self._kind != "cuda", f"{self.name} has no tf32"),
            (work.dtype == "fp4" and not self._has_fp4(), f"{self.name} has no fp4 products"),
            (
                work.dtype in {"fp4", "fp8", "int8"} and not product,
                f"{work.dtype} is measured on plain matrix products",
            ),
        )
        return next((reason for applies, reason in rules if applies), "")

    def _has_fp4(self) -> bool:
        """NVFP4 products came with Blackwell, compute capability 10.0."""
        if self._kind != "cuda" or torch_paths.FP4 is None or torch.version.hip:
            return False
        return bool(torch.cuda.get_device_capability() >= (10, 0))

    def _transfers(self) -> dict[str, Callable[..., Any]]:
        """Copies over the bus, from and to page-locked memory."""

        def to_device(_: object, *, a: Any) -> Any:
            return a.to(self._kind, non_blocking=True)

        def to_host(_: object, *, a: Any) -> Any:
            return a.to("cpu", non_blocking=True)

        return {"host_to_device": to_device, "device_to_host": to_host}


def _fast_f16() -> bool:
    """Ask oneDNN whether it has float16 products for this CPU (AVX512-FP16 or AMX-FP16)."""
    query = getattr(torch.ops.mkldnn, "_is_mkldnn_fp16_supported", None)
    return bool(query and query())
