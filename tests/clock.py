"""A clock that a test drives, so that no figure depends on how busy the machine is."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from suites.meters.base import EnergyMeter, MeterInfo, MeterReading

NS = 10**9


class Clock:
    """Stands where a module has `time`: only sleeping moves it.

    Attributes:
        moved: called after each step of time, before any meter is looked at again.
    """

    def __init__(self, now_ns: int = 1_700_000_000 * NS) -> None:
        self.now_ns = now_ns
        self.moving = threading.Lock()
        self.moved: list[Callable[[], None]] = []
        self._watched: list[LookedAt] = []

    def monotonic_ns(self) -> int:
        return self.now_ns

    time_ns = monotonic_ns

    def monotonic(self) -> float:
        return self.now_ns / NS

    def sleep(self, seconds: float) -> None:
        self.sleep_until(self.now_ns + round(seconds * NS))

    def sleep_until(self, at_ns: int) -> None:
        with self.moving:
            self.now_ns = at_ns
            for tell in self.moved:
                tell()
        while any(meter.at_ns < at_ns for meter in self._watched):
            time.sleep(0.001)

    @contextmanager
    def watching(self, meters: Sequence[LookedAt]) -> Iterator[None]:
        """A step of time ends when a recorder has looked at each of these meters."""
        self._watched = list(meters)
        yield
        self._watched = []


class LookedAt:
    """A meter whose looks lie before or after a step of time, never within."""

    def __init__(self, clock: Clock, meter: EnergyMeter) -> None:
        self._clock, self._meter, self.at_ns = clock, meter, 0

    @property
    def info(self) -> MeterInfo:
        return self._meter.info

    @property
    def period_s(self) -> float:
        return self._meter.period_s

    def read(self) -> MeterReading:
        with self._clock.moving:
            self.at_ns = self._clock.now_ns
            return self._meter.read()
