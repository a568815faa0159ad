"""A meter outside the machine that answers when it is asked, over whatever it speaks."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suites.meters.base import MeterInfo, MeterReading, dated

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PolledMeter", "exchange", "split_port", "wall"]

_TIMEOUT_S = 5.0
# No reading of any protocol here is longer.
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledMeter:
    """Asks for the momentary power.

    Attributes:
        period_s: cadence at which the meter refreshes.
        resolution_w: smallest step of its figure.
        ask: gives watts.
    """

    info: MeterInfo
    period_s: float
    resolution_w: float
    ask: Callable[[], float]

    def read(self) -> MeterReading:
        """Ask; dated to the middle of the exchange.

        Raises:
            OSError: no answer.
            ValueError: an answer without a power.
        """
        watts, at_ns, unsure_ns = dated(self.ask)
        if not 0 <= watts < 1e9:
            raise ValueError(f"{self.info.name} says {watts} W")
        return MeterReading(at_ns, power_w=watts, unsure_ns=unsure_ns)


def wall(name: str, note: str, accuracy_percent: float | None) -> MeterInfo:
    """Describe a meter between the machine and the wall."""
    return MeterInfo(
        name=name,
        scope="wall",
        method="external meter",
        accuracy_percent=accuracy_percent,
        note=note,
    )


def split_port(address: str, port: int) -> tuple[str, int]:
    """Split "host:port"; the port may be left out.

    Raises:
        ValueError: the port is not a number.
    """
    host, _, given = address.partition(":")
    return host, int(given) if given else port


def exchange(address: tuple[str, int], request: bytes, done: Callable[[bytes], bool]) -> bytes:
    """Send a request over TCP and take what comes until it is whole.

    Raises:
        OSError: no connection, or no whole answer in time.
    """
    with socket.create_connection(address, _TIMEOUT_S) as link:
        link.sendall(request)
        answer = b""
        while not done(answer):
            more = link.recv(4096)
            if not more or len(answer) > _MOST_BYTES:
                raise OSError(f"{address[0]}:{address[1]} ended in the middle of its answer")
            answer += more
        return answer
