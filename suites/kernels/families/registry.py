"""Every family by name, in the order of work: the machine's limits first, then the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.kernels.families import (
    attention,
    collective,
    gemm,
    memory,
    moe,
    movement,
    pointwise,
    quantized,
    sampling,
)
from suites.kernels.families.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.backends.work import Work
    from suites.models import Geometry

__all__ = ["FAMILIES", "LIMITS", "Sizes", "explain", "works"]

# Families that seek the machine's own limits: their sizes follow the cache, not a model.
LIMITS: dict[str, Callable[[Geometry, int, str], list[Work]]] = {
    "copy": memory.copy_works,
    "scale": memory.scale_works,
    "add": memory.add_works,
    "triad": memory.triad_works,
    "read": memory.read_works,
    "host_to_device": movement.host_to_device_works,
    "device_to_host": movement.device_to_host_works,
}

_MODEL: dict[str, Callable[[Geometry, Sizes, str], list[Work]]] = {
    "peak": gemm.peak_works,
    "gemm": gemm.gemm_works,
    "gemm_w8": quantized.gemm_w8_works,
    "grouped_gemm": moe.grouped_works,
    "attention_prefill": attention.prefill_works,
    "attention_decode": attention.decode_works,
    "mla_decode": attention.mla_works,
    "rmsnorm": pointwise.rmsnorm_works,
    "rope": pointwise.rope_works,
    "swiglu": pointwise.swiglu_works,
    "softmax": pointwise.softmax_works,
    "moe_routing": moe.routing_works,
    "kv_append": movement.kv_append_works,
    "kv_gather": movement.kv_gather_works,
    "embedding": movement.embedding_works,
    "sampling": sampling.sampling_works,
    "all_reduce": collective.all_reduce_works,
}

FAMILIES = (*LIMITS, *_MODEL)


def works(
    family: str, geometry: Geometry, sizes: Sizes, dtype: str, operand_bytes: int
) -> list[Work]:
    """List a family's problems; `operand_bytes` sizes the memory tests.

    Raises:
        KeyError: no such family.
    """
    if family in LIMITS:
        return LIMITS[family](geometry, operand_bytes, dtype)
    return _MODEL[family](geometry, sizes, dtype)


def explain(family: str) -> str:
    """Say what a family is and how its FLOPs and bytes are counted.

    Raises:
        KeyError: no such family.
    """
    makers = {**LIMITS, **_MODEL}
    return makers[family].__doc__ or ""
