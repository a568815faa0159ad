"""What every energy meter offers, whatever it reads."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Energy", "EnergyMeter", "MeterInfo", "MeterKind", "MeterReading", "dated"]

_T = TypeVar("_T")

MeterKind = Literal["hardware counter", "sampled power", "external meter", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterInfo:
    """What the joules of a meter mean; the fields are those of `results.statement.statement.Meter`.

    Attributes:
        name: kind first, then which one: "rapl package-0", "nvml 0"; unique on the machine.
        scope: what is inside the measured boundary.
        method: how the joules are got.
        accuracy_percent: as the maker states it, None when they do not.
        note: what a reader must know beside the figure.
    """

    name: str
    scope: Literal["chip", "package", "node", "wall"]
    method: MeterKind
    accuracy_percent: float | None = None
    note: str = ""

    @property
    def kind(self) -> str:
        """First word of the name: meters of one kind and scope may be added up."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One look at a meter.

    Attributes:
        at_ns: `time.monotonic_ns()` when it was read.
        unsure_ns: how far from `at_ns` that may have been, for a machine that is busy can hold a
            reader up between the meter's answer and the look at the clock.
        joules: running total of a counter, None where there is none.
        power_w: momentary power of a sensor, None where there is none. Beside a counter it is
            its cross-check.
    """

    at_ns: int
    joules: float | None = None
    power_w: float | None = None
    unsure_ns: int = 0


def dated(look: Callable[[], _T]) -> tuple[_T, int, int]:
    """Look at a meter between two looks at the clock.

    Returns:
        What it says; the middle of the look, and half of its length, in ns.
    """
    start_ns = time.monotonic_ns()
    seen = look()
    end_ns = time.monotonic_ns()
    return seen, (start_ns + end_ns) // 2, (end_ns - start_ns + 1) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Energy of one window by one meter.

    Attributes:
        joules: J; for a model the middle of its bounds.
        low, high: bounds of a model; equal to `joules` for a real meter.
        max_gap_s: longest time between two readings used, 0 for a model.
        counter_to_integral: the counter's joules over those of the power sensor beside it, for
            the whole recording; None where only one of the two can be read.
    """

    meter: MeterInfo
    joules: float
    low: float
    high: float
    max_gap_s: float
    counter_to_integral: float | None = None


class EnergyMeter(Protocol):
    """Something that can be read again and again.

    Attributes:
        period_s: cadence: how long to wait between two readings. A window shorter than this has
            no energy by this meter.
    """

    @property
    def period_s(self) -> float: ...

    @property
    def info(self) -> MeterInfo:
        """What it measures."""

    def read(self) -> MeterReading:
        """Read it now.

        Raises:
            OSError: the device has gone or refuses.
            ValueError: its answer makes no sense.
        """
