"""Read meters in the background, then say what any window cost."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Self

from suites.base.errors import UserError
from suites.meters.base import Energy, EnergyMeter, MeterReading
from suites.meters.follow import TraceMeter
from suites.meters.modelled import ModelledMeter
from suites.meters.trace import counter_joules, counter_to_integral, max_gap_s, sampled_joules

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Recorder"]

_NS = 1e9
# A hole in a window: what was drawn in it is not known. Ten readings or a second, for a busy
# machine may hold a reader up so long (0.2 to 0.5 s were seen); never longer than the window.
_GAP_PERIODS = 10
_GAP_S = 1.0
# A counter's reading counts where it is dated within this share of the window: at a steady power
# an edge is then off by as much at most. Looks at the end of a window until one is.
_UNSURE_SHARE = 0.01
_LOOKS = 3
# Counter over integrated power: outside the first the reader is told, outside the second one of
# the two is in the wrong unit or broken, and neither is used.
_AGREES = (0.9, 1.1)
_POSSIBLE = (0.1, 10.0)


class Recorder:
    """Keeps readings of several meters side by side, never mixed; use as a context manager."""

    def __init__(self, meters: Sequence[EnergyMeter]) -> None:
        """Watch these meters, each at its own cadence; reading begins on entry."""
        self._watches = [_watch(meter) for meter in meters]
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        for watch in self._watches:
            watch.start(self._stopped)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for watch in self._watches:
            watch.join()

    def energy(self, start_ns: int, end_ns: int) -> list[Energy]:
        """Energy between two `time.monotonic_ns()` times, by every meter that can tell."""
        energies = (watch.energy(start_ns, end_ns) for watch in self._watches)
        return [energy for energy in energies if energy]

    @property
    def problems(self) -> list[str]:
        """What meters could not tell and why, and where a counter and its sensor disagree."""
        return [problem for watch in self._watches for problem in watch.problems()]


class _Watch:
    """One meter and its readings, by a thread of its own: a slow meter holds up no other."""

    def __init__(self, meter: EnergyMeter) -> None:
        self._meter = meter
        self._readings: list[MeterReading] = []
        self._refused: Counter[str] = Counter()
        self._lost = ""
        self._reading = threading.Lock()  # readings stay in order of time
        self._thread: threading.Thread | None = None

    def start(self, stopped: threading.Event) -> None:
        if isinstance(self._meter, ModelledMeter):
            return
        self._read()
        self._thread = threading.Thread(target=self._watch, args=(stopped,), daemon=True)
        self._thread.start()

    def join(self) -> None:
        if self._thread:
            self._thread.join()

    def energy(self, start_ns: int, end_ns: int) -> Energy | None:
        if isinstance(self._meter, ModelledMeter):
            return _modelled(self._meter, (end_ns - start_ns) / _NS)
        self._reach(start_ns, end_ns)
        try:
            return self._measured(start_ns, end_ns)
        except ValueError as error:
            self._refused[str(error)] += 1
            return None

    def _reach(self, start_ns: int, end_ns: int) -> None:
        """Have readings up to the end of a window, if that can be."""
        for _ in range(_LOOKS):
            readings = self._dated_for(start_ns, end_ns)
            if (readings and readings[-1].at_ns >= end_ns) or not self._read():
                return

    def _dated_for(self, start_ns: int, end_ns: int) -> list[MeterReading]:
        """Readings whose time is known well enough for a window of this length."""
        if self._meter.info.method != "hardware counter":
            return list(self._readings)
        most_ns = (end_ns - start_ns) * _UNSURE_SHARE
        return [reading for reading in self._readings if reading.unsure_ns <= most_ns]

    def problems(self) -> list[str]:
        name = self._meter.info.name
        refused = sorted(self._refused.items())
        told = [f"{name}: {count} windows have no energy: {why}" for why, count in refused]
        ratio = None if self._refused else self._ratio()
        if ratio is not None and not _AGREES[0] <= ratio <= _AGREES[1]:
            told.append(
                f"{name}: its energy counter gives {ratio:.2f} times what its power sensor does; "
                "check both against a wall meter"
            )
        return told

    def _measured(self, start_ns: int, end_ns: int) -> Energy:
        """Integrate one window.

        Raises:
            ValueError: the readings do not bear it; the message says why.
        """
        info, period_s = self._meter.info, self._meter.period_s
        duration_s = (end_ns - start_ns) / _NS
        if duration_s < period_s:
            raise ValueError(f"shorter than its cadence of {period_s * 1e3:.0f} ms")
        integral = counter_joules if info.method == "hardware counter" else sampled_joules
        readings = self._dated_for(start_ns, end_ns)
        joules = integral(readings, start_ns, end_ns)
        if joules is None:
            left_out = len(readings) < len(self._readings)
            but = ", but for those a busy machine held up" if left_out else ""
            raise ValueError(self._lost or f"its readings do not reach around them{but}")
        gap_s = max_gap_s(readings, start_ns, end_ns)
        if gap_s > min(max(_GAP_PERIODS * period_s, _GAP_S), duration_s):
            raise ValueError(f"a hole of {gap_s:.1f} s in its readings")
        ratio = self._ratio()
        if ratio is not None and not _POSSIBLE[0] <= ratio <= _POSSIBLE[1]:
            raise ValueError(f"its counter gives {ratio:.3g} times what its power sensor does")
        return Energy(
            meter=info,
            joules=joules,
            low=joules,
            high=joules,
            max_gap_s=gap_s,
            counter_to_integral=ratio,
        )

    def _ratio(self) -> float | None:
        return counter_to_integral(list(self._readings))

    def _watch(self, stopped: threading.Event) -> None:
        while not stopped.wait(self._meter.period_s):
            self._read()

    def _read(self) -> bool:
        """Take one more reading; tell whether there was one."""
        with self._reading:
            try:
                reading = self._meter.read()
            except (OSError, ValueError) as error:
                self._lost = str(error)
                return False
            if self._stale(reading):
                return False
            self._readings.append(reading)
            return True

    def _stale(self, reading: MeterReading) -> bool:
        """Tell a counter its driver has not refreshed: a chip under power never stands still."""
        if self._meter.info.method != "hardware counter" or not self._readings:
            return False
        return reading.joules == self._readings[-1].joules


class _Follow(_Watch):
    """A log that somebody else's meter writes: read where a window asks for it."""

    def __init__(self, meter: TraceMeter) -> None:
        super().__init__(meter)
        self._trace = meter

    def start(self, _: threading.Event) -> None:
        self._trace.attach()

    def _reach(self, _: int, end_ns: int) -> None:
        try:
            self._readings = self._trace.readings(end_ns)
        except (OSError, UserError) as error:
            self._lost = str(error)


def _watch(meter: EnergyMeter) -> _Watch:
    return _Follow(meter) if isinstance(meter, TraceMeter) else _Watch(meter)


def _modelled(meter: ModelledMeter, seconds: float) -> Energy:
    low, high = meter.low_w * seconds, meter.high_w * seconds
    return Energy(meter=meter.info, joules=(low + high) / 2, low=low, high=high, max_gap_s=0.0)
