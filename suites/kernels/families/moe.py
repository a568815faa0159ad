"""Mixture of experts: choosing experts, and the ragged product over those chosen."""

from __future__ import annotations

from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.kernels.backends.work import ITEM_BITS, Rounding, Spread, Work

if TYPE_CHECKING:
    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = ["grouped_gemm", "grouped_works", "route", "routing_works"]


def routing_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Softmax over the experts of each token and its k best, renormalized. f32, as routers are.

    5 FLOPs a logit (softmax and comparison); logits in, k weights and numbers out.
    """
    if not geometry.moe or dtype != "f32":
        return []
    tokens, experts, chosen = sizes.prefill, geometry.moe.experts, geometry.moe.experts_per_token
    traffic = tokens * (experts + 2 * chosen) * 4
    return [
        Work(
            family="moe_routing",
            name=f"{geometry.id}/m{tokens}",
            dtype=dtype,
            shape={"tokens": tokens, "experts": experts, "chosen": chosen},
            flops=5 * tokens * experts,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: {
                "logits": random.standard_normal((tokens, experts), dtype=np.float32)
            },
            run=route,
            reference=_route_reference,
            parameters={"chosen": chosen},
            model=geometry.id,
            rounding=Rounding(terms=chosen, per_term=2, spread=_route_spread),
            probes={"crowded": lambda random: _crowded(random, tokens, experts)},
        )
    ]


def grouped_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Gate and up product of every expert for the tokens routed to it.

    `2·rows·hidden·2·intermediate` FLOPs for `rows = tokens·k`; weights of the experts that got
    tokens move once. Tokens fall on experts at random, by a fixed draw, so groups are ragged.
    """
    if not geometry.moe:
        return []
    moe, hidden = geometry.moe, geometry.moe.latent or geometry.hidden
    wide = (2 if moe.gated else 1) * moe.intermediate
    grouped = []
    for tokens in (sizes.prefill, *sizes.decode):
        rows = tokens * moe.experts_per_token
        draw = np.random.default_rng(moe.experts)
        counts = draw.multinomial(rows, [1 / moe.experts] * moe.experts)
        used = counts[counts > 0].tolist()
        values = len(used) * hidden * wide + rows * (hidden + wide)
        grouped.append(
            Work(
                family="grouped_gemm",
                name=f"{geometry.id}/m{tokens}",
                dtype=dtype,
                shape={"rows": rows, "experts_used": len(used), "n": wide, "k": hidden},
                flops=2 * rows * hidden * wide,
                bytes=values * ITEM_BITS[dtype] // 8,
                buffer_bytes=values * ITEM_BITS[dtype] // 8,
                inputs=partial(_inputs, rows=rows, experts=len(used), sizes=(hidden, wide)),
                run=grouped_gemm,
                reference=_grouped_reference,
                parameters={"counts": tuple(used)},
                model=geometry.id,
                rounding=Rounding(terms=hidden, per_term=2, spread=_grouped_spread),
            )
        )
    return grouped


def route(backend: Backend, *, logits: Any, chosen: int) -> Any:
    """Weights and numbers of the k best experts: (tokens, 2·k), weights first, best first."""
    xp = backend.xp
    order = xp.argsort(logits, axis=-1, descending=True)[:, :chosen]
    powers = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    best = xp.take_along_axis(powers, order, axis=-1)
    weights = best / xp.sum(best, axis=-1, keepdims=True)
    return xp.concat((weights, xp.astype(order, weights.dtype)), axis=-1)


def grouped_gemm(backend: Backend, *, x: Any, w: Any, counts: tuple[int, ...]) -> Any:
    """Multiply each expert's rows of x (rows, hidden) by its own of w (experts, hidden, n)."""
    xp = backend.xp
    edges = pairwise((0, *accumulate(counts)))
    parts = [xp.matmul(x[start:end, :], w[i, ...]) for i, (start, end) in enumerate(edges)]
    return xp.concat(parts, axis=0)


def _inputs(
    random: np.random.Generator, *, rows: int, experts: int, sizes: tuple[int, int]
) -> dict[str, np.ndarray]:
    hidden, wide = sizes
    w = random.standard_normal((experts, hidden, wide), dtype=np.float32)
    return {
        "x": random.standard_normal((rows, hidden), dtype=np.float32),
        "w": w * np.float32(hidden**-0.5),
    }


def _route_reference(*, logits: np.ndarray, chosen: int) -> np.ndarray:
    out = np.empty((len(logits), 2 * chosen))
    for row, values in enumerate(logits):
        best = sorted(range(len(values)), key=lambda i: -values[i])[:chosen]
        powers = np.exp(values[best])
        out[row] = [*(powers / powers.sum()), *best]
    return out


def _grouped_reference(*, x: np.ndarray, w: np.ndarray, counts: tuple[int, ...]) -> np.ndarray:
    expert_of_row = np.repeat(np.arange(len(counts)), counts)
    return np.stack([row @ w[expert] for row, expert in zip(x, expert_of_row, strict=True)])


def _crowded(random: np.random.Generator, tokens: int, experts: int) -> dict[str, np.ndarray]:
    """Logits a thousandth apart, best last: weights nearly equal, numbers all different."""
    steps = np.arange(experts, dtype=np.float32) / np.float32(1000)
    rows = [np.roll(steps, int(shift)) for shift in random.integers(experts, size=tokens)]
    return {"logits": np.stack(rows)}


def _route_spread(reference: np.ndarray, *, logits: np.ndarray, chosen: int) -> Spread:
    """Weights err by as much as their exponent is rounded; expert numbers are whole."""
    below = np.take_along_axis(logits, reference[:, chosen:].astype(np.int64), axis=1)
    steps = 1 + np.abs(below - logits.max(axis=1, keepdims=True))
    weights = reference[:, :chosen] * steps
    return Spread(size=np.concatenate((weights, np.zeros_like(weights)), axis=1), freedom=1)


def _grouped_spread(
    _reference: np.ndarray, *, x: np.ndarray, w: np.ndarray, counts: tuple[int, ...]
) -> Spread:
    edges = pairwise((0, *accumulate(counts)))
    rows = np.square(x, dtype=np.float32)
    parts = [rows[a:b] @ np.square(w[i], dtype=np.float32) for i, (a, b) in enumerate(edges)]
    return Spread(size=np.sqrt(np.concatenate(parts)))
