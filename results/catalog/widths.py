"""How wide a number is by the name a publisher gives its precision: the one table of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.catalog import ChipEntry

__all__ = ["NARROWEST_BITS", "bits_of", "highest_peak", "kernel_peak"]

# What a weight is taken for whose width is not known: no publisher serves at fewer bits unsaid.
NARROWEST_BITS = 4.0
# Names in the order they are looked for -> bits of one weight, from below: scales stored beside
# the weights are not counted (Q8_0 takes 8.5), and of several widths the narrowest is taken. GPTQ
# is used at 3, 4 and 8 bits, and its "24" is a sparsity, not a width.
_NAMES = (
    (r"(\d+(?:\.\d+)?)[ \t]*bpw", None),
    (r"\bw(\d+)a\d+", None),
    (r"\b[it]?q(\d)(?:_|\b)", None),
    (r"gptq", 3.0),
    (r"awq", 4.0),
    (r"(?:fp|f|float|int|uint|i|u|nf|bf)(\d{1,2})(?!\d)", None),
    (r"e4m3|e5m2", 8.0),
    (r"e2m1", 4.0),
    (r"half", 16.0),
    (r"(\d{1,2})[ \t_-]?bit", None),
)
# Wider in memory than in name.
_STORED = {"tf32": 32.0}
_WIDEST_BITS = 64.0
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


def bits_of(precision: str | None) -> float | None:
    """Return the bits of one weight, from below; None for a name that does not say."""
    name = (precision or "").strip().lower()
    if name in _STORED:
        return _STORED[name]
    for pattern, width in _NAMES:
        if found := re.findall(pattern, name, re.ASCII):
            bits = min(map(float, found)) if width is None else width
            return bits if 1 <= bits <= _WIDEST_BITS else None
    return None


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
