"""Energy: real meters where this machine has them, bounds from nameplate power where not."""

from suites.meters.base import Energy, EnergyMeter, MeterInfo, Reading
from suites.meters.discovery import available, describe
from suites.meters.follow import TraceMeter
from suites.meters.modelled import ModelledMeter
from suites.meters.recorder import Recorder
from suites.meters.telemetry import telemetry

__all__ = [
    "Energy",
    "EnergyMeter",
    "MeterInfo",
    "ModelledMeter",
    "Reading",
    "Recorder",
    "TraceMeter",
    "available",
    "describe",
    "telemetry",
]
