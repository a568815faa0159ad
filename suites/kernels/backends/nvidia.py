"""What an NVIDIA GPU was doing around a block: clock, power, cap, throttling."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["conditions"]

# NVML's bits for reasons that are not faults: idle (1), and clocks set by an application (2).
_HARMLESS = 0x1 | 0x2
# The limit of power that somebody set is reached: the board does what it was told.
_CAPPED = 0x4


def conditions(*, bus_id: str = "", uuid: str = "") -> dict[str, float]:
    """Read the GPU under test now, by its PCI bus id or its uuid.

    Returns:
        `sm_clock_mhz`, `power_w`, `power_capped` (1 where the power limit holds it back) and
        `throttle_reasons` (NVML's other bits, harmless ones off). Empty where NVML or the device
        is not to be found: another's readings would be worse than none.
    """
    nvml = _library()
    if nvml is None or not (bus_id or uuid):
        return {}
    try:
        handle = (
            nvml.nvmlDeviceGetHandleByPciBusId(bus_id)
            if bus_id
            else nvml.nvmlDeviceGetHandleByUUID(uuid)
        )
        reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
        return {
            "sm_clock_mhz": float(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            "power_w": nvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
            "power_capped": float(bool(reasons & _CAPPED)),
            "throttle_reasons": float(reasons & ~_HARMLESS & ~_CAPPED),
        }
    except nvml.NVMLError:
        return {}


@cache
def _library() -> Any:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
