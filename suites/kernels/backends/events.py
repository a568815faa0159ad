"""Time by a device's own events, which every vendor's torch plug-in offers alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["capture", "elapsed_s"]


def elapsed_s(device: Any, calls: Callable[[], None]) -> float:
    """Seconds between two events on a device's own clock (`elapsed_time` gives milliseconds)."""
    start, end = device.Event(enable_timing=True), device.Event(enable_timing=True)
    start.record()
    calls()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def capture(device: Any, calls: Callable[[], None]) -> Callable[[], None] | None:
    """Record calls into a device graph and give its replay; None where the device has no graphs.

    CUDA and ROCm name the class `CUDAGraph`, the others after themselves (`NPUGraph`,
    `XPUGraph`, …); the context manager `graph` is the same everywhere.
    """
    kinds = [name for name in dir(device) if name.endswith("Graph") and name.isidentifier()]
    record = getattr(device, "graph", None)
    if not kinds or record is None:
        return None
    graph = getattr(device, kinds[0])()
    with record(graph):
        calls()
    replay: Callable[[], None] = graph.replay
    return replay
