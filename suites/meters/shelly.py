"""Shelly plugs and meters of the second generation on, by their local RPC over HTTP.

https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Switch: `apower` is the momentary
active power in watts. ADDRESS is `host` or `host/ID` of the switch, 0 by default.
"""

from __future__ import annotations

from suites.meters.polled import PolledMeter, wall
from suites.meters.remote import json_page, open_client

__all__ = ["open_meter"]

_PERIOD_S, _RESOLUTION_W = 1.0, 0.1


def open_meter(address: str, accuracy_percent: float | None) -> PolledMeter:
    """Speak to one switch."""
    host, _, number = address.partition("/")
    url = f"http://{host}/rpc/Switch.GetStatus?id={int(number or 0)}"
    client = open_client()
    return PolledMeter(
        info=wall(
            "shelly",
            "active power of a smart plug, refreshed about once a second",
            accuracy_percent,
        ),
        period_s=_PERIOD_S,
        resolution_w=_RESOLUTION_W,
        ask=lambda: float(json_page(client, url)["apower"]),
    )
