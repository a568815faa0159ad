"""What a model at a published precision is computed in on a chip, by names of kernel tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.prediction.chip import Missing
from results.prediction.roofline import WEIGHT_BYTES
from results.prediction.steps import Dtypes
from suites.models.geometry import Widths
from suites.models.widths import bits_of

if TYPE_CHECKING:
    from results.prediction.chip import ChipTiming
    from suites.models import Geometry

__all__ = ["dtypes_of", "stored"]

_SIXTEEN, _EIGHT, _FOUR = 16.0, 8.0, 4.0
_MICROSCALED = "mxfp4"
_INTEGERS = ("int", "w4a16", "awq", "gptq")


def dtypes_of(chip: ChipTiming, geometry: Geometry, precision: str, told: str = "") -> Dtypes:
    """Choose dtypes as publishers of checkpoints do.

    8 bits are scaled by blocks in mixtures of experts and by tensors in dense models, or as
    `told`. At 4 bits latent attention stays in 16 (NVIDIA's NVFP4 checkpoints of DeepSeek), and
    all of a model that its maker publishes in MXFP4 but its experts (gpt-oss).

    Raises:
        Missing: the precision is not stated or not expressed, or was not measured on this chip.
    """
    if not precision:
        raise Missing("the precision is not stated")
    mixers, experts = _wanted(chip, geometry, precision, told)
    dense = "nvfp4" if experts == ("nvfp4",) else mixers
    for dtype in (mixers, dense):
        if not chip.has_gemm(dtype):
            raise Missing(f"no product of {dtype} was measured on {chip.entry.id}")
    if geometry.moe is None:
        return Dtypes(mixers, dense, experts[0])
    measured = next((dtype for dtype in experts if chip.has_experts(dtype)), None)
    if measured is None:
        raise Missing(f"no table of experts of {precision} for {chip.entry.id}")
    return Dtypes(mixers, dense, measured)


def _wanted(
    chip: ChipTiming, geometry: Geometry, precision: str, told: str
) -> tuple[str, tuple[str, ...]]:
    """Products of mixers, and of experts the first that was measured."""
    bits, sparse = bits_of(precision), geometry.moe is not None
    integer = precision.startswith(_INTEGERS)
    if bits == _SIXTEEN:
        return "bfloat16", ("bfloat16",)
    if bits == _EIGHT and not integer:
        block = ("fp8_block", "fp8") if sparse or told == "fp8_block" else ("fp8", "fp8_block")
        return _first(chip, block), ("fp8_block", "fp8")
    if bits == _FOUR and integer and sparse:
        return "bfloat16", ("int4_wo",)
    if bits == _FOUR and not integer:
        if geometry.published and geometry.published.precision == _MICROSCALED:
            fast = "fp4" in chip.entry.peak_tflops
            return "bfloat16", (*(("w4a8_mxfp4_mxfp8",) if fast else ()), "w4a16_mxfp4")
        return "bfloat16" if geometry.usual_attention and geometry.mla else "nvfp4", ("nvfp4",)
    raise Missing(f"no kernels for weights of {precision[:40]!r}")


def _first(chip: ChipTiming, names: tuple[str, ...]) -> str:
    return next((name for name in names if chip.has_gemm(name)), names[0])


def stored(dtypes: Dtypes) -> Widths:
    """Bits of each weight as it lies in memory."""
    return Widths(
        experts=8 * WEIGHT_BYTES[dtypes.experts],
        mixers=8 * WEIGHT_BYTES[dtypes.mixers],
        dense=8 * WEIGHT_BYTES[dtypes.dense],
        head=16.0,
        rest=16.0,
    )
