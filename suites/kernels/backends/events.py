"""Time by a device's own events, which every vendor's torch plug-in offers alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["elapsed_s"]


def elapsed_s(device: Any, calls: Callable[[], None]) -> float:
    """Seconds between two events on a device's own clock (`elapsed_time` gives milliseconds)."""
    start, end = device.Event(enable_timing=True), device.Event(enable_timing=True)
    start.record()
    calls()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3
