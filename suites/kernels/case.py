"""What a kernel case is: a problem, stated before it is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from suites.kernels.backends import Backend

__all__ = ["ITEM_BITS", "Cache", "Case", "Work"]

Cache = Literal["cold", "hot"]

# Width of one stored value. tf32 is stored as f32; fp4 without its block scales.
ITEM_BITS = {"f64": 64, "f32": 32, "tf32": 32, "f16": 16, "bf16": 16, "fp8": 8, "int8": 8, "fp4": 4}


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
        run: the kernel, one source for every backend.
        reference: the same result in float64, written apart from `run`.
        model: geometry the shape comes from, empty where there is none.
        tolerance: relative L2 gate where it is not the dtype's own.
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
    model: str = ""
    tolerance: float | None = None

    @property
    def intensity(self) -> float:
        """Operational intensity in FLOP per byte."""
        return self.flops / self.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A problem on a backend, through one code path, from cold or hot memory.

    Attributes:
        work: the problem.
        backend: the backend that runs it.
        cache: "cold" rotates operands over more than the last-level cache; "hot" keeps one set.
        reason: why this machine cannot run it; empty when it can.
        copies: sets of operands rotated over.
        path: "array-api", or the name of a backend's own fast path.
        run: the kernel of that path.
    """

    work: Work
    backend: Backend
    cache: Cache
    copies: int
    run: Callable[..., Any]
    reason: str = ""
    path: str = "array-api"
    labels: dict[str, str | int | float | bool] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Slash path: family, dtype, backend, problem; fast path and hot runs say so."""
        parts = [self.work.family, self.work.dtype, self.backend.name, self.work.name]
        parts += [self.path] if self.path != "array-api" else []
        parts += [self.cache] if self.cache == "hot" else []
        return "/".join(part for part in parts if part)

    @property
    def memory_bytes(self) -> int:
        """Bytes of all buffers the case holds at once."""
        return self.copies * self.work.buffer_bytes

    def to_json(self) -> dict[str, Any]:
        """One entry of `fenmark run --suite kernels --list --json`."""
        return {
            "case": self.name,
            "family": self.work.family,
            "backend": self.backend.name,
            "dtype": self.work.dtype,
            "shape": dict(self.work.shape),
            "flops": self.work.flops,
            "bytes": self.work.bytes,
            "memory_bytes": self.memory_bytes,
            "cache": self.cache,
            "path": self.path,
            "runnable": not self.reason,
            "reason": self.reason,
        }
