"""Where no meter can be read: bounds from nameplate power, which are not a measurement."""

from __future__ import annotations

import time
from dataclasses import dataclass

from suites.meters.base import MeterInfo, MeterReading

__all__ = ["ModelledMeter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelledMeter:
    """Energy of a window lies between low and high power times its length.

    Attributes:
        low_w: what the chip draws when idle, or 0 if even that is unknown.
        high_w: its nameplate (TDP) share.
        source: where the two come from.
    """

    low_w: float
    high_w: float
    source: str

    @property
    def period_s(self) -> float:
        """Any window will do."""
        return 0.0

    @property
    def info(self) -> MeterInfo:
        return MeterInfo(
            name="nameplate model",
            scope="chip",
            method="model",
            note=f"bounds {self.low_w:.3g} to {self.high_w:.3g} W, {self.source}; "
            "the value is their middle, not a measurement",
        )

    def read(self) -> MeterReading:
        """Read nothing: the model needs no samples."""
        return MeterReading(time.monotonic_ns())
