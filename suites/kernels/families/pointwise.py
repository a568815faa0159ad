"""Kernels between the products: RMSNorm, RoPE, SwiGLU and softmax. All are bound by memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from suites.kernels.backends.work import ITEM_BITS, Rounding, Spread, Work

if TYPE_CHECKING:
    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = [
    "rmsnorm",
    "rmsnorm_works",
    "rope",
    "rope_works",
    "softmax",
    "softmax_works",
    "swiglu",
    "swiglu_works",
]


def rmsnorm_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Normalize each token's hidden vector.

    4 FLOPs a value (square, sum, two products); values move in and out, the gain in once.
    """
    tokens, hidden = sizes.prefill, geometry.hidden
    traffic = (2 * tokens * hidden + hidden) * ITEM_BITS[dtype] // 8
    return [
        Work(
            family="rmsnorm",
            name=f"{geometry.id}/m{tokens}",
            dtype=dtype,
            shape={"tokens": tokens, "hidden": hidden},
            flops=4 * tokens * hidden,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: {
                "x": random.standard_normal((tokens, hidden), dtype=np.float32),
                "gain": random.standard_normal(hidden, dtype=np.float32),
            },
            run=rmsnorm,
            reference=_rmsnorm_reference,
            parameters={"eps": geometry.rms_eps},
            model=geometry.id,
            rounding=Rounding(terms=hidden, per_term=3, spread=_rmsnorm_spread),
            probes={"last value rules": lambda random: _ruled(random, tokens, hidden)},
        )
    ]


def swiglu_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Gate the feed-forward block: SiLU of one half times the other.

    5 FLOPs a result (negate, exponential, add, divide, multiply); two values in, one out.
    """
    block = geometry.dense or geometry.moe
    if not block or not block.gated:
        return []
    tokens, wide = sizes.prefill, block.intermediate
    traffic = 3 * tokens * wide * ITEM_BITS[dtype] // 8
    return [
        Work(
            family="swiglu",
            name=f"{geometry.id}/m{tokens}",
            dtype=dtype,
            shape={"tokens": tokens, "intermediate": wide},
            flops=5 * tokens * wide,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: {
                "gate_up": random.standard_normal((tokens, 2 * wide), dtype=np.float32)
            },
            run=swiglu,
            reference=_swiglu_reference,
            model=geometry.id,
            rounding=Rounding(per_term=3),
        )
    ]


def rope_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Rotate queries and keys by their position.

    6 FLOPs for each pair of values (four products, two sums); values move in and out, the
    tables of cosines and sines in once.
    """
    tokens, width = sizes.prefill, geometry.mla.rope_dim if geometry.mla else geometry.head_dim
    heads = geometry.heads + (1 if geometry.mla else geometry.kv_heads)
    values = tokens * heads * width
    traffic = (2 * values + tokens * width) * ITEM_BITS[dtype] // 8

    def inputs(random: np.random.Generator) -> dict[str, np.ndarray]:
        steps = np.arange(width // 2) / (width // 2)
        angles = np.outer(np.arange(tokens), geometry.rope_theta**-steps)
        return {
            "x": random.standard_normal((tokens, heads, width), dtype=np.float32),
            "cosine": np.cos(angles)[:, None, :].astype(np.float32),
            "sine": np.sin(angles)[:, None, :].astype(np.float32),
        }

    return [
        Work(
            family="rope",
            name=f"{geometry.id}/m{tokens}",
            dtype=dtype,
            shape={"tokens": tokens, "heads": heads, "head_dim": width},
            flops=3 * values,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=inputs,
            run=rope,
            reference=_rope_reference,
            model=geometry.id,
            rounding=Rounding(terms=2, per_term=1, spread=_rope_spread),
        )
    ]


def softmax_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Turn the logits of a decode batch into probabilities.

    4 FLOPs a value (subtract, exponential, sum, divide); values move in and out.
    """
    batch, vocab = sizes.batch, geometry.vocab
    traffic = 2 * batch * vocab * ITEM_BITS[dtype] // 8
    return [
        Work(
            family="softmax",
            name=f"{geometry.id}/b{batch}",
            dtype=dtype,
            shape={"batch": batch, "vocab": vocab},
            flops=4 * batch * vocab,
            bytes=traffic,
            buffer_bytes=traffic,
            # Spread over ±10 and more, as real logits are.
            inputs=lambda random: {
                "logits": 3 * random.standard_normal((batch, vocab), dtype=np.float32)
            },
            run=softmax,
            reference=_softmax_reference,
            model=geometry.id,
            rounding=Rounding(terms=vocab, spread=_softmax_spread),
            probes={"last value rules": lambda random: _last_token(random, batch, vocab)},
        )
    ]


def rmsnorm(backend: Backend, *, x: Any, gain: Any, eps: float) -> Any:
    """Divide x (tokens, hidden) by its root mean square, times gain (hidden,)."""
    xp = backend.xp
    mean_square = xp.mean(x * x, axis=-1, keepdims=True)
    return x / xp.sqrt(mean_square + eps) * gain


def swiglu(backend: Backend, *, gate_up: Any) -> Any:
    """SiLU(gate)·up for gate_up (tokens, 2·intermediate), gate first."""
    half = gate_up.shape[-1] // 2
    gate, up = gate_up[..., :half], gate_up[..., half:]
    return gate / (1 + backend.xp.exp(-gate)) * up


def rope(backend: Backend, *, x: Any, cosine: Any, sine: Any) -> Any:
    """Rotate x (tokens, heads, d), whose halves are the pairs' parts; tables (tokens, 1, d/2)."""
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    turned = (first * cosine - second * sine, second * cosine + first * sine)
    return backend.xp.concat(turned, axis=-1)


def softmax(backend: Backend, *, logits: Any) -> Any:
    """Probabilities of logits (batch, vocab), shifted by their largest, in f32 on the way."""
    xp = backend.xp
    wide = xp.astype(logits, xp.float32)
    powers = xp.exp(wide - xp.max(wide, axis=-1, keepdims=True))
    return xp.astype(powers / xp.sum(powers, axis=-1, keepdims=True), logits.dtype)


def _rope_reference(*, x: np.ndarray, cosine: np.ndarray, sine: np.ndarray) -> np.ndarray:
    first, second = np.split(x, 2, axis=-1)
    turned = (first + 1j * second) * (cosine + 1j * sine)
    return np.concatenate((turned.real, turned.imag), axis=-1)


def _softmax_reference(*, logits: np.ndarray) -> np.ndarray:
    largest = logits.max(axis=1, keepdims=True)
    return np.asarray(np.exp(logits - largest - np.log(np.exp(logits - largest).sum(1)[:, None])))


def _rmsnorm_reference(*, x: np.ndarray, gain: np.ndarray, eps: float) -> np.ndarray:
    return np.asarray(np.einsum("ti,t->ti", x, (np.square(x).mean(1) + eps) ** -0.5) * gain)


def _swiglu_reference(*, gate_up: np.ndarray) -> np.ndarray:
    gate, up = np.split(gate_up, 2, axis=-1)
    return np.asarray(gate * up * np.reciprocal(1.0 + np.exp(-gate)))


def _ruled(random: np.random.Generator, tokens: int, hidden: int) -> dict[str, np.ndarray]:
    """A last value as large as all others together: a mean that skips the tail halves."""
    x = random.standard_normal((tokens, hidden), dtype=np.float32)
    x[:, -1] = np.float32(hidden**0.5)
    return {"x": x, "gain": random.standard_normal(hidden, dtype=np.float32)}


def _last_token(random: np.random.Generator, batch: int, vocab: int) -> dict[str, np.ndarray]:
    """A last logit that takes half of the probability."""
    logits = random.standard_normal((batch, vocab), dtype=np.float32)
    logits[:, -1] = np.float32(np.log(vocab) + 0.5)
    return {"logits": logits}


def _rmsnorm_spread(reference: np.ndarray, **_: object) -> Spread:
    """The mean and its root are one number a row, whose rounding all its values share."""
    return Spread(size=np.abs(reference), freedom=1)


def _softmax_spread(reference: np.ndarray, *, logits: np.ndarray) -> Spread:
    """An exponential errs by as much as its exponent is rounded, which is in f32."""
    steps = 1 + np.abs(logits - logits.max(axis=1, keepdims=True))
    return Spread(size=reference * steps)


def _rope_spread(
    _reference: np.ndarray, *, x: np.ndarray, cosine: np.ndarray, sine: np.ndarray
) -> Spread:
    first, second = np.split(np.square(x), 2, axis=-1)
    c, s = np.square(cosine), np.square(sine)
    return Spread(
        size=np.sqrt(np.concatenate((first * c + second * s, second * c + first * s), -1))
    )
