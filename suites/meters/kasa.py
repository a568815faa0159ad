"""TP-Link Kasa plugs by their first local protocol: JSON over TCP, each byte XORed with the last.

Lubomir Stroetmann and Tobias Esser 2016, "Reverse Engineering the TP-Link HS110"
(https://www.softscheck.com/en/blog/tp-link-reverse-engineering/): four bytes of length, then text
whose key starts at 171. Newer Kasa and Tapo devices speak KLAP, which wants the account's
password: Home Assistant reads those. ADDRESS is `host` or `host:port`.
"""

from __future__ import annotations

import json
from typing import Any

from suites.meters.polled import PolledMeter, exchange, split_port, wall

__all__ = ["open_meter"]

_PORT, _FIRST_KEY = 9999, 171
_REQUEST: dict[str, Any] = {"emeter": {"get_realtime": {}}}
_PERIOD_S, _RESOLUTION_W = 1.0, 0.001


def open_meter(address: str, accuracy_percent: float | None) -> PolledMeter:
    """Speak to one plug."""
    place = split_port(address, _PORT)
    return PolledMeter(
        info=wall("kasa", "power of a smart plug, refreshed about once a second", accuracy_percent),
        period_s=_PERIOD_S,
        resolution_w=_RESOLUTION_W,
        ask=lambda: _watts(place),
    )


def _watts(place: tuple[str, int]) -> float:
    text = _hidden(json.dumps(_REQUEST).encode())
    answer = exchange(place, len(text).to_bytes(4, "big") + text, _whole)
    now = json.loads(_plain(answer[4:]))["emeter"]["get_realtime"]
    # Newer firmware counts in milliwatts.
    return float(now["power_mw"]) / 1e3 if "power_mw" in now else float(now["power"])


def _whole(answer: bytes) -> bool:
    return len(answer) >= 4 and len(answer) - 4 >= int.from_bytes(answer[:4], "big")


def _hidden(text: bytes) -> bytes:
    key, out = _FIRST_KEY, bytearray()
    for byte in text:
        key ^= byte
        out.append(key)
    return bytes(out)


def _plain(text: bytes) -> bytes:
    keys = (_FIRST_KEY, *text)
    return bytes(byte ^ key for byte, key in zip(text, keys, strict=False))
