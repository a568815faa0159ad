"""A UPS, by the server of Network UPS Tools.

RFC 9271: `GET VAR <ups> <variable>` is answered by `VAR <ups> <variable> "<value>"`. Real power
where the UPS tells it, else its load in percent of its nominal real power. ADDRESS is
`host/UPS` or `host:port/UPS`.
"""

from __future__ import annotations

from functools import partial

from suites.meters.polled import PolledMeter, exchange, split_port, wall

__all__ = ["open_meter"]

# upsd's drivers ask the UPS every two seconds by default (`pollinterval`).
_PORT, _PERIOD_S, _RESOLUTION_W = 3493, 2.0, 1.0


def open_meter(address: str, accuracy_percent: float | None) -> PolledMeter:
    """Speak of one UPS."""
    server, _, ups = address.partition("/")
    get = partial(_variable, split_port(server, _PORT), ups)

    def ask() -> float:
        power = get("ups.realpower")
        if power is not None:
            return power
        load, nominal = get("ups.load"), get("ups.realpower.nominal")
        if load is None or nominal is None:
            raise ValueError("the UPS tells neither its real power nor its load and nominal power")
        return load / 100 * nominal

    return PolledMeter(
        info=wall(
            "nut",
            "output of a UPS; one that tells its load does so in whole percent",
            accuracy_percent,
        ),
        period_s=_PERIOD_S,
        resolution_w=_RESOLUTION_W,
        ask=ask,
    )


def _variable(place: tuple[str, int], ups: str, name: str) -> float | None:
    """Ask for one variable; None where the UPS has none of this name."""
    request = f"GET VAR {ups} {name}\n".encode()
    answer = exchange(place, request, lambda text: text.endswith(b"\n")).decode().strip()
    if answer == "ERR VAR-NOT-SUPPORTED":
        return None
    start = f"VAR {ups} {name} "
    if not answer.startswith(start):
        raise ValueError(f"upsd says {answer[:80]!r}")
    return float(answer.removeprefix(start).strip('"'))
