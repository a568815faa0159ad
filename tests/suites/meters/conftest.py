"""A meter that replays readings, and a recorder that has heard them all."""

import time
from contextlib import contextmanager

import pytest

from suites.meters.base import MeterInfo, MeterReading
from suites.meters.recorder import Recorder
from tests.clock import NS, Clock


class Replay:
    """Gives the next reading at every look; after the last one it fails as a lost card does.

    It is read as fast as can be, then judged by the cadence its readings have.
    """

    def __init__(self, readings, method, period_s, name="replay 0"):
        self.info = MeterInfo(name=name, scope="chip", method=method)
        self.period_s = 0.0001
        self._cadence_s = period_s
        self._readings = list(readings)

    def read(self):
        if not self._readings:
            self.period_s = self._cadence_s
            raise OSError("the card is lost")
        reading = self._readings.pop(0)
        if isinstance(reading, Exception):
            raise reading
        return reading

    def ended(self):
        return self.period_s == self._cadence_s


@pytest.fixture
def clock():
    return Clock()


@contextmanager
def _hearing(*meters):
    with Recorder(meters) as recorder:
        while not all(meter.ended() for meter in meters):
            time.sleep(0.001)
        yield recorder


@pytest.fixture
def hearing():
    """`with hearing(meter, …) as recorder`: all readings have been taken."""
    return _hearing


@pytest.fixture
def replay():
    """`replay([(seconds, joules, watts), …], method, period_s)`: a meter of these readings.

    A fourth figure is how many seconds a reading's time may be off.
    """

    def make(rows, method="sampled power", period_s=1.0, name="replay 0"):
        readings = [
            row
            if isinstance(row, Exception)
            else MeterReading(int(row[0] * NS), *row[1:3], *(int(s * NS) for s in row[3:]))
            for row in rows
        ]
        return Replay(readings, method, period_s, name)

    return make
