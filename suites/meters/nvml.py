"""NVIDIA GPUs: the driver's energy counter, or its sampled power where there is none.

nvmlDeviceGetTotalEnergyConsumption counts millijoules since the driver was loaded (Volta and
later); nvmlDeviceGetPowerUsage gives milliwatts within 5%, on Ampere and later averaged over one
second (NVML API reference): it lags, and a step shows late.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pynvml

from suites.meters.base import MeterInfo, MeterReading, dated

__all__ = ["NvmlMeter", "find", "reason_absent"]

_MILLI = 1e3
_STATED_ACCURACY_PERCENT = 5.0
# Counter and power sensor are refreshed every 20 to 100 ms, by generation.
_PERIOD_S = 0.1


@dataclass(slots=True)
class NvmlMeter:
    """One GPU."""

    handle: Any
    info: MeterInfo
    _counts: bool
    period_s: float = _PERIOD_S

    def read(self) -> MeterReading:
        """Read the counter and, as its cross-check, the power sensor; or the sensor alone.

        Raises:
            OSError: the driver refuses, or the card has disappeared.
        """
        try:
            if not self._counts:
                power = pynvml.nvmlDeviceGetPowerUsage(self.handle)
                return MeterReading(time.monotonic_ns(), power_w=power / _MILLI)
            total, at_ns, unsure_ns = dated(
                lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)
            )
        except pynvml.NVMLError as error:
            raise OSError(str(error)) from error
        return MeterReading(at_ns, total / _MILLI, _power_w(self.handle), unsure_ns)


def find() -> list[NvmlMeter]:
    """Open every GPU of the machine; none where there is no driver."""
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return []
    meters = (_open(index) for index in range(count))
    return [meter for meter in meters if meter]


def reason_absent() -> str:
    """Say why no GPU can be read."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return f"the NVIDIA driver does not answer: {error}"
    return "the NVIDIA driver shows no GPU that reports energy or power"


def _open(index: int) -> NvmlMeter | None:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        counts = _answers(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)
        if not counts and not _answers(pynvml.nvmlDeviceGetPowerUsage, handle):
            return None
    except pynvml.NVMLError:
        return None
    info = MeterInfo(
        name=f"nvml {index}",
        scope="chip",
        method="hardware counter" if counts else "sampled power",
        accuracy_percent=_STATED_ACCURACY_PERCENT,
        note="" if counts else "no energy counter on this GPU: power sampled and integrated",
    )
    return NvmlMeter(handle, info, counts)


def _power_w(handle: Any) -> float | None:
    try:
        return float(pynvml.nvmlDeviceGetPowerUsage(handle)) / _MILLI
    except pynvml.NVMLError:
        return None


def _answers(call: Any, handle: Any) -> bool:
    try:
        call(handle)
    except pynvml.NVMLError:
        return False
    return True
