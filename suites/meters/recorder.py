"""Read meters in the background, then say what any window cost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from suites.meters.base import Energy, Meter, MeterInfo, Reading
from suites.meters.modelled import ModelledMeter
from suites.meters.trace import counter_joules, max_gap_s, sampled_joules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["Recorder"]

# RAPL refreshes every millisecond and NVML's power every 20 to 100; ten readings a second cost
# no measurable CPU and interpolate a window's edges to a few milliseconds.
_PERIOD_S = 0.1
_NS = 1e9


class Recorder:
    """Keeps readings of several meters side by side, never mixed; use as a context manager."""

    def __init__(self, meters: Sequence[Meter], period_s: float = _PERIOD_S) -> None:
        """Watch these meters; reading begins on entry."""
        self._meters = list(meters)
        self._readings: list[list[Reading]] = [[] for _ in self._meters]
        self._failed: dict[str, str] = {}
        self._period_s = period_s
        self._stopped = threading.Event()
        self._reading = threading.Lock()  # readings must stay in order of time
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._read_all()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self._read_all()

    @property
    def failed(self) -> dict[str, str]:
        """Meters that stopped answering, with the reason; they give no energy."""
        return dict(self._failed)

    def energy(self, start_ns: int, end_ns: int) -> list[Energy]:
        """Energy between two `time.monotonic_ns()` times, by every meter that covers them."""
        self._read_all()
        found = (
            self._of(meter, readings, start_ns, end_ns)
            for meter, readings in zip(self._meters, self._readings, strict=True)
        )
        return [energy for energy in found if energy]

    def _of(
        self, meter: Meter, readings: Sequence[Reading], start_ns: int, end_ns: int
    ) -> Energy | None:
        if isinstance(meter, ModelledMeter):
            return _modelled(meter, (end_ns - start_ns) / _NS)
        info = meter.info
        if info.name in self._failed:
            return None
        integral = counter_joules if info.method == "hardware counter" else sampled_joules
        joules = integral(readings, start_ns, end_ns)
        return None if joules is None else _measured(info, joules, readings, start_ns, end_ns)

    def _watch(self) -> None:
        while not self._stopped.wait(self._period_s):
            self._read_all()

    def _read_all(self) -> None:
        with self._reading:
            for meter, readings in zip(self._meters, self._readings, strict=True):
                if meter.info.name in self._failed or isinstance(meter, ModelledMeter):
                    continue
                try:
                    readings.append(meter.read())
                except (OSError, ValueError) as error:
                    self._failed[meter.info.name] = str(error)


def _measured(
    info: MeterInfo, joules: float, readings: Sequence[Reading], start_ns: int, end_ns: int
) -> Energy:
    gap_s = max_gap_s(readings, start_ns, end_ns)
    return Energy(meter=info, joules=joules, low=joules, high=joules, max_gap_s=gap_s)


def _modelled(meter: ModelledMeter, seconds: float) -> Energy:
    low, high = meter.low_w * seconds, meter.high_w * seconds
    return Energy(meter=meter.info, joules=(low + high) / 2, low=low, high=high, max_gap_s=0.0)
