"""Energy: real meters where this machine has them, bounds from nameplate power where not."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suites.meters.base import Energy, Meter, MeterInfo, Reading
    from suites.meters.discovery import available, describe
    from suites.meters.follow import TraceMeter
    from suites.meters.modelled import ModelledMeter
    from suites.meters.recorder import Recorder

__all__ = [
    "Energy",
    "Meter",
    "MeterInfo",
    "ModelledMeter",
    "Reading",
    "Recorder",
    "TraceMeter",
    "available",
    "describe",
]

# Those who compute with joules need no meter, nor the HTTP client and drivers that come with one.
_HOMES = {
    "Energy": "base",
    "Meter": "base",
    "MeterInfo": "base",
    "ModelledMeter": "modelled",
    "Reading": "base",
    "Recorder": "recorder",
    "TraceMeter": "follow",
    "available": "discovery",
    "describe": "discovery",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"suites.meters.{_HOMES[name]}"), name)
