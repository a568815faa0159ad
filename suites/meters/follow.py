"""A log that a wall meter writes while a run goes on: CSV or SPEC PTDaemon, one line a sample.

The meter's clock need not be ours, nor its zone. How far it is off is measured when the run
begins: the least time that passes between a sample's stamp and the arrival of its line.
"""

from __future__ import annotations

import time
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from suites.base import files
from suites.base.errors import UserError
from suites.meters import tracefile
from suites.meters.base import MeterInfo, MeterReading

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TraceMeter"]

_NS = 1e9
# The least of five arrivals: one or two may be held up by a busy machine.
_ARRIVALS = 5
# A line is awaited for so many cadences and seconds: loggers that flush every line are in time.
_PATIENCE_PERIODS = 5
_PATIENCE_S = 5.0
_LOOK_S = 0.01


class TraceMeter:
    """One growing file.

    Attributes:
        period_s: cadence: median time between two samples written before the run.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there.

        Raises:
            UserError: it is not a trace, or holds fewer than two samples yet.
        """
        self._path, self._size = path, -1
        self._samples: list[MeterReading] = []
        self._delays_ns: list[int] = []
        self._behind_s = 0.0
        self._stopped = False
        self._parse()
        steps = [after.at_ns - before.at_ns for before, after in pairwise(self._samples)]
        self.period_s = median(steps) / _NS

    @property
    def info(self) -> MeterInfo:
        return MeterInfo(
            name=f"trace:{self._path.name}",
            scope="wall",
            method="external meter",
            note=f"a sample every {self.period_s:.3g} s; {self._clock()}",
        )

    def attach(self) -> None:
        """Measure the clock's offset, once.

        Raises:
            UserError: no new lines arrive, so that nothing ties the two clocks together.
        """
        if self._delays_ns:
            return
        last_ns, awaited = self._samples[-1].at_ns, self._deadline()
        delays: list[int] = []
        while len(delays) < _ARRIVALS and time.monotonic() < awaited:
            time.sleep(_LOOK_S)
            self._parse()
            if self._samples[-1].at_ns > last_ns:
                last_ns, awaited = self._samples[-1].at_ns, self._deadline()
                delays.append(time.monotonic_ns() - last_ns)
                self._behind_s = (time.time_ns() - last_ns) / _NS
        if len(delays) < _ARRIVALS:
            raise UserError(
                "gets no new lines",
                where=str(self._path),
                expected=f"a sample every {self.period_s:.3g} s, as those it holds",
                remedy="start the logger before the run, and have it flush every line",
            )
        self._behind_s -= (delays[-1] - min(delays)) / _NS
        self._delays_ns = delays

    def read(self) -> MeterReading:
        """Return the newest sample, dated by our clock.

        Raises:
            OSError: the file has gone.
        """
        self._parse()
        return self._dated(self._samples[-1])

    def readings(self, until_ns: int) -> list[MeterReading]:
        """Return all samples by our clock, awaiting the one after `until_ns`.

        A log that has stopped is awaited once, not for every window that asks.

        Raises:
            OSError: the file has gone.
            UserError: a line is not a sample.
        """
        deadline = self._deadline()
        self._parse()
        while not self._stopped and self._dated(self._samples[-1]).at_ns < until_ns:
            self._stopped = time.monotonic() > deadline
            time.sleep(_LOOK_S)
            self._parse()
        return [self._dated(sample) for sample in self._samples]

    def _dated(self, sample: MeterReading) -> MeterReading:
        return MeterReading(sample.at_ns + min(self._delays_ns, default=0), power_w=sample.power_w)

    def _parse(self) -> None:
        """Read the file anew if it has grown, up to its last whole line."""
        size = self._path.stat().st_size
        if size == self._size:
            return
        content = files.read_limited(self._path, most=tracefile.MOST_BYTES)
        self._samples = tracefile.parse(content[: content.rfind(b"\n") + 1], self._path)
        self._size, self._stopped = size, False

    def _deadline(self) -> float:
        return time.monotonic() + _PATIENCE_S + _PATIENCE_PERIODS * self.period_s

    def _clock(self) -> str:
        if not self._delays_ns:
            return "its clock was not compared with ours"
        spread_s = (max(self._delays_ns) - min(self._delays_ns)) / _NS
        return (
            f"its clock is {self._behind_s:+.3f} s behind ours, the least of {_ARRIVALS} arrivals, "
            f"which lie within {spread_s:.3f} s; the time a line takes to be written is in it"
        )
