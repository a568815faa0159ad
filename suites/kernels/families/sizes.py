"""How many tokens a case carries: the only sizes that do not come from a model."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sizes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Token counts of a profile.

    Attributes:
        prefill: rows of a prefill GEMM, and prompt length of prefill attention.
        decode: rows of decode GEMMs: sequences that share one step.
        batch, context: sequences, and tokens each sees, of decode attention.
        peak: side of the square product that seeks the compute peak.
        peers: devices that sum together.
    """

    prefill: int
    decode: tuple[int, ...]
    batch: int
    context: int
    peak: int
    peers: int = 2
