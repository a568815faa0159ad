"""Any power sensor that Home Assistant knows, by its REST API.

https://developers.home-assistant.io/docs/api/rest: `/api/states/<entity>` with a long-lived token,
which FENMARK_HOME_ASSISTANT_TOKEN holds. ADDRESS is `http://host:8123/sensor.plug_power`.
"""

from __future__ import annotations

import os

from suites.base.errors import UserError
from suites.meters.polled import PolledMeter, wall
from suites.meters.remote import json_page, open_client

__all__ = ["open_meter"]

_TOKEN = "FENMARK_HOME_ASSISTANT_TOKEN"  # noqa: S105 - the name of the variable that holds it
_WATTS = {"W": 1.0, "kW": 1e3, "mW": 1e-3}
_PERIOD_S, _RESOLUTION_W = 1.0, 0.1


def open_meter(address: str, accuracy_percent: float | None) -> PolledMeter:
    """Speak to one sensor.

    Raises:
        UserError: no token, or the address names no sensor.
    """
    base, _, entity = address.rpartition("/")
    token = os.environ.get(_TOKEN, "")
    if not token or not base or "." not in entity:
        raise UserError(
            "Home Assistant cannot be asked",
            where="--meter",
            expected=f"home-assistant:http://HOST:8123/sensor.NAME, and its token in {_TOKEN}",
        )
    client, url = open_client({"Authorization": f"Bearer {token}"}), f"{base}/api/states/{entity}"

    def ask() -> float:
        state = json_page(client, url)
        return float(state["state"]) * _WATTS[state["attributes"]["unit_of_measurement"]]

    return PolledMeter(
        info=wall(
            "home-assistant",
            "as fresh and as accurate as the sensor behind it",
            accuracy_percent,
        ),
        period_s=_PERIOD_S,
        resolution_w=_RESOLUTION_W,
        ask=ask,
    )
