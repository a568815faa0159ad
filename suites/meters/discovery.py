"""Every kind of meter we can read, and which of them this machine has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.meters import amd, nvml, rapl, remote, tools

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from suites.meters.base import EnergyMeter

__all__ = ["available", "describe"]

_Kind = tuple[str, "Callable[[], Sequence[EnergyMeter]]", "Callable[[], str]"]
_KINDS: tuple[_Kind, ...] = (
    ("NVML", nvml.find, nvml.reason_absent),
    ("AMD SMI", amd.find, amd.reason_absent),
    ("Ascend npu-smi", tools.ascend, tools.reason_no_ascend),
    ("RAPL", rapl.find, rapl.reason_absent),
    ("Apple powermetrics", tools.apple, tools.reason_no_apple),
    ("IPMI", tools.ipmi, tools.reason_no_ipmi),
    ("Redfish", remote.redfish, remote.reason_no_redfish),
    ("DCGM exporter", remote.dcgm, remote.reason_no_dcgm),
)


def available() -> list[EnergyMeter]:
    """Open every real meter this user may read on this machine."""
    return [meter for _, find, _ in _KINDS for meter in find()]


def describe() -> list[tuple[str, bool, str]]:
    """Say of each kind of meter whether it can be read, and if not why: (name, present, reason)."""
    kinds = ((name, find(), reason) for name, find, reason in _KINDS)
    return [
        (name, bool(meters), ", ".join(meter.info.name for meter in meters) or reason())
        for name, meters, reason in kinds
    ]
