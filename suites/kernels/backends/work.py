"""A problem, stated before anything runs it: sizes, operations, bytes, inputs and the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

__all__ = ["EXACT", "ITEM_BITS", "LINKS", "PRODUCTS", "TRANSFERS", "Rounding", "Spread", "Work"]

# Width of one stored value. tf32 is stored as f32; fp4 without its block scales.
ITEM_BITS = {"f64": 64, "f32": 32, "tf32": 32, "f16": 16, "bf16": 16, "fp8": 8, "int8": 8, "fp4": 4}

# Families whose time is a matrix product's, and those that move data between host and device.
PRODUCTS = frozenset(
    {
        "peak",
        "gemm",
        "gemm_w8",
        "grouped_gemm",
        "attention_prefill",
        "attention_decode",
        "mla_decode",
        "read",
    }
)
TRANSFERS = frozenset({"host_to_device", "device_to_host"})
# Bound by a bus or a link, which is not part of a chip's roofline.
LINKS = TRANSFERS | {"all_reduce"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What an output element is made of, as far as its rounding depends on it.

    Attributes:
        size: root of the sum of squares of the terms added up for each element, conditioning
            included; broadcasts to the output.
        freedom: independent errors in a row (last axis), where fewer than its elements; broadcasts
            to the output without its last axis.
        tangents: derivatives of the output by a parameter that a kernel may have slightly wrong,
            such as the scale of a softmax.
    """

    size: np.ndarray
    freedom: np.ndarray | float | None = None
    tangents: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """How an honest kernel of a work may round.

    Attributes:
        terms: products or values added up for one element, in f32 or wider.
        per_term: roundings of each term to the dtype on the way, at most.
        exact: nothing is rounded: values are only moved or chosen.
        spread: `spread(reference, **operands, **parameters)`; without it the terms are the result.
    """

    terms: int = 1
    per_term: int = 0
    exact: bool = False
    spread: Callable[..., Spread] | None = None


EXACT = Rounding(exact=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One problem in one dtype, free of any backend.

    Attributes:
        family: "gemm", "attention_prefill", "copy", …; also the name of its benchmark function.
        name: what sets it apart in its family, such as "qwen2.5-0.5b/gate_up/m512".
        dtype: a key of `ITEM_BITS`.
        shape: sizes by name.
        flops: floating-point (or integer) operations that the problem needs.
        bytes: bytes that must move between memory and chip, each operand once.
        buffer_bytes: bytes of one set of operands and results.
        inputs: draws operands in float32 or integers.
        run: the kernel, one source for every backend: `run(backend, **operands, **parameters)`.
        reference: the same result in float64, written apart: `reference(**operands, **parameters)`.
        parameters: what both take besides operands.
        model: geometry the shape comes from, empty where there is none.
        rounding: what an honest result may differ from the reference by.
        probes: adversarial inputs by name, of the same shapes as `inputs`, that make a fault
            visible which ordinary ones hide; they are checked and never timed.
        quantization_error: relative L2 distance of quantized operands from what they stand for;
            reported apart, since the reference is taken of the quantized ones.
    """

    family: str
    name: str
    dtype: str
    shape: Mapping[str, int]
    flops: int
    bytes: int
    buffer_bytes: int
    inputs: Callable[[np.random.Generator], dict[str, np.ndarray]]
    run: Callable[..., Any]
    reference: Callable[..., np.ndarray]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    rounding: Rounding = field(default_factory=Rounding)
    probes: Mapping[str, Callable[[np.random.Generator], dict[str, np.ndarray]]] = field(
        default_factory=dict
    )
    quantization_error: Callable[[np.random.Generator], float] | None = None

    @property
    def intensity(self) -> float:
        """Operational intensity in FLOP per byte."""
        return self.flops / self.bytes

    @property
    def check_bytes(self) -> int:
        """Bytes of one set of operands and results on the host, widened to 64 bits."""
        return self.buffer_bytes * 64 // ITEM_BITS[self.dtype]
