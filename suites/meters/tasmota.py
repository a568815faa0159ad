"""Plugs with Tasmota's firmware, by its commands over HTTP.

https://tasmota.github.io/docs/Commands/: `Status 8` holds `StatusSNS.ENERGY.Power` in watts, whole
ones unless `WattRes` asks for decimals. ADDRESS is `host`.
"""

from __future__ import annotations

from suites.meters.polled import PolledMeter, wall
from suites.meters.remote import json_page, open_client

__all__ = ["open_meter"]

_PERIOD_S, _RESOLUTION_W = 1.0, 1.0


def open_meter(address: str, accuracy_percent: float | None) -> PolledMeter:
    """Speak to one plug."""
    client, url = open_client(), f"http://{address}/cm?cmnd=Status%208"
    return PolledMeter(
        info=wall("tasmota", "as accurate as its owner calibrated it", accuracy_percent),
        period_s=_PERIOD_S,
        resolution_w=_RESOLUTION_W,
        ask=lambda: _total(json_page(client, url)["StatusSNS"]["ENERGY"]["Power"]),
    )


def _total(power: float | list[float]) -> float:
    """Sum the phases of a meter that has several."""
    return float(sum(power)) if isinstance(power, list) else float(power)
