"""Wake an event loop at a precise time.

The loops' own timers count whole milliseconds (libuv and epoll do), which would send every
request up to a millisecond late. Linux's timerfd is good to some ten microseconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from time import monotonic_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Alarm"]

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1


class _Itimerspec(ctypes.Structure):
    """`struct itimerspec`: interval, then first expiry, each in seconds and nanoseconds."""

    _fields_ = tuple(
        (name, ctypes.c_long) for name in ("interval_s", "interval_ns", "value_s", "value_ns")
    )


class Alarm:
    """Calls back at times on the monotonic clock, one at a time."""

    def __init__(self, ring: Callable[[], None]) -> None:
        """Prepare it in a running loop; falls back to the loop's own timer elsewhere."""
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._file = -1
        self._timer: asyncio.TimerHandle | None = None
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._file = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file >= 0:
            self._loop.add_reader(self._file, self._expired)

    def set(self, at_ns: int) -> None:
        """Ring at this time, and at no other that was set; at once if it has passed."""
        if self._file < 0:
            self.stop()
            self._timer = self._loop.call_later(max(0, at_ns - monotonic_ns()) / 1e9, self._ring)
            return
        seconds, nanoseconds = divmod(max(1, at_ns), 10**9)
        spec = _Itimerspec(0, 0, seconds, nanoseconds)
        self._libc.timerfd_settime(self._file, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None)

    def stop(self) -> None:
        """Never ring again."""
        if self._file >= 0:
            self._loop.remove_reader(self._file)
        if self._timer:
            self._timer.cancel()

    def __del__(self) -> None:
        # Not in `stop`: the loop lets go of a file only in its next round.
        if self._file >= 0:
            os.close(self._file)

    def _expired(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:
            return
        self._ring()
