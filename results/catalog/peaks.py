"""Which peak of a datasheet bounds numbers of a width or name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.catalog import ChipEntry

__all__ = ["highest_peak", "kernel_peak", "peaks_by_bits"]

# Bits of the operands that a peak of the catalogue is for.
_PEAK_BITS = {
    "f64": 64, "f32": 32, "tf32": 32, "bf16": 16, "f16": 16, "fp8": 8, "int8": 8, "fp4": 4,
}  # fmt: skip
# What kernels and publishers call a dtype -> peaks that bound it: f32 may run as tf32.
_PEAKS = {
    "f64": ("f64",), "float64": ("f64",), "fp64": ("f64",),
    "f32": ("f32", "tf32"), "float32": ("f32", "tf32"), "fp32": ("f32", "tf32"), "tf32": ("tf32",),
    "bf16": ("bf16",), "bfloat16": ("bf16",),
    "f16": ("f16",), "fp16": ("f16",), "float16": ("f16",),
    "fp8": ("fp8",), "fp8_block": ("fp8",), "int8": ("int8",), "fp4": ("fp4",), "nvfp4": ("fp4",),
}  # fmt: skip


def highest_peak(entry: ChipEntry, bits: float) -> float | None:
    """Return the highest peak in TFLOP/s that numbers of these bits could run at.

    Weights may be widened before they are multiplied, and never narrowed.
    """
    peaks = entry.peak_tflops.items()
    return max((peak for dtype, peak in peaks if _PEAK_BITS[dtype] >= bits), default=None)


def kernel_peak(entry: ChipEntry, dtype: str) -> float | None:
    """Return the peak in TFLOP/s that bounds a kernel; the highest of all for an unknown dtype."""
    peaks = entry.peak_tflops
    named = [peaks[name] for name in _PEAKS.get(dtype.lower(), ()) if name in peaks]
    return max(named or peaks.values(), default=None)


def peaks_by_bits(entry: ChipEntry) -> list[tuple[int, float]]:
    """Return the highest peak in TFLOP/s of each width of a datasheet, narrowest first."""
    widths = sorted({_PEAK_BITS[dtype] for dtype in entry.peak_tflops})
    return [
        (bits, max(peak for dtype, peak in entry.peak_tflops.items() if _PEAK_BITS[dtype] == bits))
        for bits in widths
    ]
