"""AMD GPUs through AMD's own `amdsmi`, which comes with ROCm.

amdsmi_get_energy_count gives an accumulator and its resolution in microjoules per count; on
MI100-class cards under some ROCm versions it stands still (ROCm/amdsmi issue 22), so that it is
used only where it moves, with the power sensor as its cross-check.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from suites.meters.base import MeterInfo, MeterReading, dated

__all__ = ["AmdMeter", "find", "reason_absent"]

_MICRO = 1e6
_PERIOD_S = 0.1
# The accumulator moves every few milliseconds; two looks this far apart must differ.
_TRIAL_S = 0.05
# Names of the power reading, newest first: they changed between ROCm 5 and 7.
_POWER_NAMES = ("current_socket_power", "socket_power", "average_socket_power")


@dataclass(slots=True)
class AmdMeter:
    """One GPU."""

    library: Any
    handle: Any
    info: MeterInfo
    _counts: bool
    period_s: float = _PERIOD_S

    def read(self) -> MeterReading:
        """Read the accumulator and, as its cross-check, the power sensor; or the sensor alone.

        Raises:
            OSError: the driver refuses, or the card has gone.
        """
        try:
            power_w = _power_w(self.library, self.handle)
            joules, at_ns, unsure_ns = dated(
                lambda: _joules(self.library, self.handle) if self._counts else None
            )
        except self.library.AmdSmiException as error:
            raise OSError(f"amdsmi: {error}") from error
        if power_w is None and joules is None:
            raise OSError("amdsmi gives no power now")
        return MeterReading(at_ns, joules, power_w, unsure_ns)


def find() -> list[AmdMeter]:
    """Open every AMD GPU; none where amdsmi is missing or does not start."""
    library = _library()
    if isinstance(library, str):
        return []
    try:
        handles = library.amdsmi_get_processor_handles()
    except library.AmdSmiException:
        return []
    meters = (_open(library, handle, index) for index, handle in enumerate(handles))
    return [meter for meter in meters if meter]


def reason_absent() -> str:
    """Say why no GPU can be read."""
    library = _library()
    return library if isinstance(library, str) else "amdsmi shows no GPU that reports power"


def _library() -> Any:
    """Return the started library, or the reason why there is none."""
    try:
        import amdsmi
    except ImportError:
        return "the amdsmi package of ROCm is not installed"
    except (OSError, KeyError) as error:  # it loads libamd_smi.so when imported
        return f"amdsmi does not load: {error}"
    try:
        amdsmi.amdsmi_init()
    except amdsmi.AmdSmiException as error:
        return f"amdsmi does not start: {error}"
    return amdsmi


def _open(library: Any, handle: Any, index: int) -> AmdMeter | None:
    counts = _moves(library, handle)
    try:
        if not counts and _power_w(library, handle) is None:
            return None
    except library.AmdSmiException:
        return None
    info = MeterInfo(
        name=f"amdsmi {index}",
        scope="chip",
        method="hardware counter" if counts else "sampled power",
        note="" if counts else "no energy counter that moves: power sampled and integrated",
    )
    return AmdMeter(library, handle, info, counts)


def _moves(library: Any, handle: Any) -> bool:
    try:
        before = _joules(library, handle)
        time.sleep(_TRIAL_S)
        return _joules(library, handle) > before
    except (library.AmdSmiException, KeyError, TypeError):
        return False


def _joules(library: Any, handle: Any) -> float:
    count = library.amdsmi_get_energy_count(handle)
    # "power" until ROCm 6.2.
    total = count["energy_accumulator"] if "energy_accumulator" in count else count["power"]
    return float(total * count["counter_resolution"]) / _MICRO


def _power_w(library: Any, handle: Any) -> float | None:
    """Watts, None where the driver says "N/A" or 0, as it does for a sensor it lacks."""
    power = library.amdsmi_get_power_info(handle)
    values = (power.get(name) for name in _POWER_NAMES)
    return next((float(v) for v in values if isinstance(v, int | float) and v > 0), None)
