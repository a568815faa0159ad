"""Yokogawa's WT300 and WT300E power meters, by SCPI over a TCP socket.

User's manual IM WT310E-17EN, commands of the group NUMERIC: `:NUMERIC:NORMAL:ITEM1 P,1` chooses
active power and `:NUMERIC:NORMAL:VALUE? 1` gives it in watts; "NAN" and "INF" are not values. It
must be set to a range that its current never leaves. ADDRESS is `host` or `host:port` of a raw
socket, such as its GPIB or serial port behind a device server.
"""

from __future__ import annotations

from suites.meters.polled import PolledMeter, exchange, split_port, wall

__all__ = ["open_meter"]

# Its update interval can be 0.1 to 20 s; 0.25 s is how it leaves the factory.
_PORT, _PERIOD_S, _RESOLUTION_W = 10001, 0.25, 0.01
# Of the reading, at 45 to 66 Hz, with the part of the range at half of it (bulletin WT300E-01EN).
_ACCURACY_PERCENT = 0.2
_REQUEST = b":NUMERIC:NORMAL:ITEM1 P,1;:NUMERIC:NORMAL:VALUE? 1\n"


def open_meter(address: str, accuracy_percent: float | None) -> PolledMeter:
    """Speak to one meter."""
    place = split_port(address, _PORT)
    return PolledMeter(
        info=wall(
            "yokogawa",
            "0.1% of reading and 0.05% of range, at half of its range or more",
            _ACCURACY_PERCENT if accuracy_percent is None else accuracy_percent,
        ),
        period_s=_PERIOD_S,
        resolution_w=_RESOLUTION_W,
        ask=lambda: float(exchange(place, _REQUEST, lambda text: text.endswith(b"\n"))),
    )
