"""RDTech's UM24C, UM25C and UM34C, between a USB-C supply and a small machine, over Bluetooth.

Bound to a serial port (`rfcomm bind 0 ADDRESS`), they answer the byte F0 with 130 bytes: the model
in the first two, the power in milliwatts in 6 to 9, a mark or a checksum at the end. Their maker
publishes none of this; sigrok.org/wiki/RDTech_UM_series does. ADDRESS is the port.
"""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass
from functools import reduce
from operator import xor

from suites.meters.base import MeterInfo
from suites.meters.polled import PolledMeter

__all__ = ["open_meter"]

# It measures twice a second.
_PERIOD_S, _RESOLUTION_W, _TIMEOUT_S = 0.5, 0.001, 5.0
_ASK, _LENGTH = b"\xf0", 130
_UM24C, _UM25C, _UM34C = b"\x09\x63", b"\x09\xc9", b"\x0d\x4c"
_END = b"\xff\xf1"
# The UM34C's last byte is all of these in exclusive or.
_CHECKED = (
    *(1, 3, 7, 9, 15, 17, 19, 23, 31, 39, 41, 45, 49, 53, 55, 57),
    *(59, 63, 67, 69, 73, 79, 83, 89, 97, 99, 109, 111, 113, 119, 121, 127),
)


def open_meter(address: str, accuracy_percent: float | None) -> PolledMeter:
    """Speak to one meter."""
    port = _Port(address)
    return PolledMeter(
        info=MeterInfo(
            name="rdtech",
            scope="node",
            method="external meter",
            accuracy_percent=accuracy_percent,
            note="direct current behind the USB-C supply, whose loss is not in it",
        ),
        period_s=_PERIOD_S,
        resolution_w=_RESOLUTION_W,
        ask=lambda: _watts(port.exchange()),
    )


@dataclass(slots=True)
class _Port:
    """A serial port that stays open: to open it again is to pair again, which takes seconds."""

    path: str
    handle: int | None = None

    def exchange(self) -> bytes:
        """Ask for one answer.

        Raises:
            OSError: no such port, or no whole answer in time.
        """
        handle = self.handle = _opened(self.path) if self.handle is None else self.handle
        try:
            return _answer(handle)
        except OSError:
            os.close(handle)
            self.handle = None
            raise


def _opened(path: str) -> int:
    # Windows has neither.
    import termios
    import tty

    handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(handle)
    except termios.error as error:
        os.close(handle)
        raise OSError(f"{path} is not a serial port") from error
    return handle


def _answer(handle: int) -> bytes:
    import termios

    termios.tcflush(handle, termios.TCIFLUSH)
    os.write(handle, _ASK)
    answer, last = b"", time.monotonic() + _TIMEOUT_S
    while len(answer) < _LENGTH:
        ready, _, _ = select.select([handle], [], [], max(0.0, last - time.monotonic()))
        if not ready:
            raise OSError(f"{len(answer)} of {_LENGTH} bytes came in {_TIMEOUT_S:g} s")
        piece = os.read(handle, _LENGTH - len(answer))
        if not piece:
            raise OSError("the meter is gone")
        answer += piece
    return answer


def _watts(answer: bytes) -> float:
    model = answer[:2]
    if model in {_UM24C, _UM25C}:
        whole = answer.endswith(_END)
    elif model == _UM34C:
        whole = answer[-1] == reduce(xor, (answer[place] for place in _CHECKED))
    else:
        raise ValueError(f"{model.hex()} is not the model of a UM24C, UM25C or UM34C")
    if not whole:
        raise ValueError("an answer with a wrong end")
    return int.from_bytes(answer[6:10], "big") / 1000
