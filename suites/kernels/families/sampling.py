"""Choosing the next token: the k best, cut at total probability p, drawn by a given number."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.kernels.backends.work import EXACT, Work

if TYPE_CHECKING:
    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = ["sample", "sampling_works"]

# The common defaults of Qwen's and Llama's generation settings lie near these.
TOP_K, TOP_P = 50, 0.9


def sampling_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Top-k and top-p sampling of one token per sequence. f32, as engines sample.

    A comparison per logit counts as one FLOP; logits move in once.
    """
    if dtype != "f32":
        return []
    batch, vocab = sizes.batch, geometry.vocab
    traffic = 4 * batch * (vocab + 2)
    return [
        Work(
            family="sampling",
            name=f"{geometry.id}/b{batch}",
            dtype=dtype,
            shape={"batch": batch, "vocab": vocab, "top_k": TOP_K},
            flops=batch * vocab,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=partial(_inputs, batch=batch, vocab=vocab),
            run=sample,
            reference=_reference,
            model=geometry.id,
            rounding=EXACT,
        )
    ]


def sample(backend: Backend, *, logits: Any, draw: Any) -> Any:
    """Token numbers (batch, 1) for logits (batch, vocab) and draws (batch, 1) in [0, 1).

    Tokens stand in order of probability; those before which the sum has not reached p stay,
    and the draw falls on the sum of what stays.
    """
    xp = backend.xp
    order = xp.argsort(logits, axis=-1, descending=True)[:, :TOP_K]
    best = xp.take_along_axis(logits, order, axis=-1)
    powers = xp.exp(best - best[:, :1])
    weights = powers / xp.sum(powers, axis=-1, keepdims=True)
    before = xp.cumulative_sum(weights, axis=-1) - weights
    kept = xp.where(before < TOP_P, weights, xp.zeros_like(weights))
    reached = xp.cumulative_sum(kept, axis=-1)
    place = xp.sum(xp.astype(reached <= draw * reached[:, -1:], order.dtype), axis=-1)
    return xp.take_along_axis(order, xp.reshape(place, (-1, 1)), axis=-1)


def _inputs(random: np.random.Generator, *, batch: int, vocab: int) -> dict[str, np.ndarray]:
    return {
        "logits": 3 * random.standard_normal((batch, vocab), dtype=np.float32),
        "draw": random.random((batch, 1), dtype=np.float32) * np.float32(0.999),
    }


def _reference(*, logits: np.ndarray, draw: np.ndarray) -> np.ndarray:
    chosen = []
    for row, number in zip(logits, draw[:, 0], strict=True):
        best = sorted(range(len(row)), key=lambda i: -row[i])[:TOP_K]
        powers = np.exp(row[best] - row[best[0]])
        weights = powers / powers.sum()
        count = 1 + int(np.argmax(np.cumsum(weights) >= TOP_P))
        kept = weights[:count]
        place = int(np.searchsorted(np.cumsum(kept), number * kept.sum(), side="right"))
        chosen.append([best[min(place, count - 1)]])
    return np.array(chosen, dtype=np.float64)
