"""What an NVIDIA GPU was doing around a block: clock, power, throttling."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["conditions"]

# NVML's bits for reasons that are no fault: idle (1), and clocks set by an application (2).
_HARMLESS = 0x1 | 0x2


def conditions() -> dict[str, float]:
    """Read GPU 0 now: `sm_clock_mhz`, `power_w`, `throttle_reasons` (NVML's bits, harmless off)."""
    nvml = _library()
    if nvml is None:
        return {}
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    return {
        "sm_clock_mhz": float(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
        "power_w": nvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
        "throttle_reasons": float(reasons & ~_HARMLESS),
    }


@cache
def _library() -> Any:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
