"""The measured roofline: the most that any case reached, and what that allows the others.

Williams, Waterman and Patterson 2009, "Roofline: an insightful visual performance model":
attainable FLOP/s = min(peak, intensity × bandwidth).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from suites.kernels.backends.work import LINKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from suites.kernels.case import Cache

__all__ = ["Roofline", "RooflinePoint", "datasheet_roofline", "measured_roofline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """One case's work and time.

    Attributes:
        case: its name.
        place: where it ran: cases share a roofline only on the same device.
        seconds: of one call.
    """

    case: str
    family: str
    dtype: str
    cache: Cache
    place: str
    flops: float
    bytes: float
    seconds: float

    @property
    def intensity(self) -> float:
        return self.flops / self.bytes

    @property
    def flop_per_s(self) -> float:
        return self.flops / self.seconds

    @property
    def bytes_per_s(self) -> float:
        return self.bytes / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """Limits of one device.

    Attributes:
        peaks: FLOP/s by dtype, and the case that reached each.
        bandwidths: bytes/s from "cold" memory and from "hot" last-level cache, and the case.
    """

    peaks: dict[str, tuple[float, str]]
    bandwidths: dict[str, tuple[float, str]]

    def attainable(self, point: RooflinePoint) -> float | None:
        """FLOP/s or, for work without FLOPs, bytes/s that this device allows; None if unknown."""
        bandwidth, peak = self.bandwidths.get(point.cache), self.peaks.get(point.dtype)
        if bandwidth is None or point.family in LINKS:
            return None
        if not point.flops:
            return bandwidth[0]
        return min(peak[0], point.intensity * bandwidth[0]) if peak else None

    def bound(self, point: RooflinePoint) -> Literal["compute", "memory"]:
        """Side of the ridge on which the work's intensity puts it."""
        balance = self.balance(point.dtype, point.cache)
        return "compute" if balance is not None and point.intensity > balance else "memory"

    def share(self, point: RooflinePoint) -> float | None:
        """Attained over attainable."""
        limit = self.attainable(point)
        if not limit:
            return None
        return (point.flop_per_s if point.flops else point.bytes_per_s) / limit

    def balance(self, dtype: str, cache: Cache = "cold") -> float | None:
        """Machine balance, the ridge of the roofline, in FLOP per byte."""
        peak, bandwidth = self.peaks.get(dtype), self.bandwidths.get(cache)
        return peak[0] / bandwidth[0] if peak and bandwidth else None


# Families that seek a limit; without one of them there is no roof to speak of.
_COMPUTE = {"peak", "gemm"}
# A product with few rows reads a large matrix once: nothing reads memory faster.
_MEMORY = {"copy", "scale", "add", "triad", "read", "gemm"}


def measured_roofline(points: Iterable[RooflinePoint]) -> Roofline:
    """Take the most that any case attained on one device: a limit that one of them passes is none.

    On a busy machine the case that seeks a limit may be disturbed and another not.
    """
    here = [point for point in points if point.family not in LINKS]
    sought_peaks = {point.dtype for point in here if point.family in _COMPUTE}
    sought_bandwidths = {point.cache for point in here if point.family in _MEMORY}
    return Roofline(
        peaks={
            dtype: max((p.flop_per_s, p.case) for p in here if p.dtype == dtype)
            for dtype in sorted(sought_peaks)
        },
        bandwidths={
            cache: max((p.bytes_per_s, p.case) for p in here if p.cache == cache)
            for cache in sorted(sought_bandwidths)
        },
    )


def datasheet_roofline(sheet: Mapping[str, Any]) -> Roofline:
    """Read the limits a maker states: `peak_tflop_s` by dtype and `bandwidth_gb_s` of memory.

    No maker states the bandwidth of a cache, so hot cases have no share of it.
    """
    peaks = sheet.get("peak_tflop_s", {})
    bandwidth = sheet.get("bandwidth_gb_s")
    return Roofline(
        peaks={dtype: (peak * 1e12, "datasheet") for dtype, peak in peaks.items()},
        bandwidths={"cold": (bandwidth * 1e9, "datasheet")} if bandwidth else {},
    )
