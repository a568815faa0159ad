"""Energy: real meters where this machine has them, bounds from nameplate power where not."""

from suites.meters import nvml, rapl
from suites.meters.base import Energy, Meter, MeterInfo, Reading
from suites.meters.modelled import ModelledMeter
from suites.meters.recorder import Recorder

__all__ = [
    "Energy",
    "Meter",
    "MeterInfo",
    "ModelledMeter",
    "Reading",
    "Recorder",
    "available",
    "describe",
]


def available() -> list[Meter]:
    """Open every real meter this user may read on this machine."""
    return [*nvml.find(), *rapl.find()]


def describe() -> list[tuple[str, bool, str]]:
    """Say of each kind of meter whether it can be read, and if not why: (name, present, reason)."""
    kinds = (("NVML", nvml.find(), nvml.reason_absent), ("RAPL", rapl.find(), rapl.reason_absent))
    return [
        (name, bool(found), ", ".join(m.info.name for m in found) or reason())
        for name, found, reason in kinds
    ]
