"""Attention over a prompt, and over a paged cache when one more token is decoded.

Inputs and adversarial probes are in `attention_inputs`, references and their rounding in
`attention_truth`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from array_api_compat import device

from suites.kernels.backends.work import ITEM_BITS, Rounding, Work
from suites.kernels.families import attention_inputs as inputs
from suites.kernels.families import attention_truth as truth
from suites.kernels.families.attention_inputs import PAGE
from suites.models.attention import Gqa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = ["PAGE", "decode", "decode_works", "mla_decode", "mla_works", "prefill", "prefill_works"]


def prefill_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Causal attention of one prompt.

    `2·heads·(k + v)` FLOPs, of keys k and values v wide, for each of `isl·(isl + 1)/2` pairs;
    queries, keys, values and outputs move once. Latent attention is expanded to full heads, as
    engines do for prompts.
    """
    isl, heads, kv_heads = sizes.prefill, geometry.heads, geometry.kv_heads
    key, value = geometry.head_dim, geometry.value_dim
    if geometry.mla:
        key = geometry.mla.nope_dim + geometry.mla.rope_dim
    traffic = isl * (heads + kv_heads) * (key + value) * ITEM_BITS[dtype] // 8
    shape = {"isl": isl, "heads": heads, "kv_heads": kv_heads, "key": key, "value": value}
    return [
        Work(
            family="attention_prefill",
            name=f"{geometry.id}/isl{isl}",
            dtype=dtype,
            shape=shape,
            flops=2 * heads * (key + value) * isl * (isl + 1) // 2,
            bytes=traffic,
            # The portable kernel writes out all scores.
            buffer_bytes=traffic + heads * isl * isl * ITEM_BITS[dtype] // 8,
            inputs=lambda random: inputs.prompt(random, **shape),
            run=prefill,
            reference=truth.prefill,
            model=geometry.id,
            # Scores and weights are rounded where a kernel writes them out.
            rounding=Rounding(terms=isl, per_term=2, spread=truth.prefill_spread),
            probes={
                "every key counts": lambda random: inputs.level_prompt(random, **shape),
                "own key rules": lambda random: inputs.ruled_prompt(random, 0, **shape),
                "next key would rule": lambda random: inputs.ruled_prompt(random, 1, **shape),
            },
        )
    ]


def decode_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Attention of one new token per sequence over a paged cache.

    `4·heads·head_dim` FLOPs per cached token; the cache moves once, whatever the number of query
    heads that share it. A ragged batch, and the sliding window and sinks of a model that has them,
    are cases of their own, which count the tokens seen. Models with latent attention have
    `mla_works` instead; those whose values are not as wide as their keys have none.
    """
    if geometry.value_dim != geometry.head_dim or geometry.mla:
        return []
    limits = [_Limit("", 0, False), _Limit("ragged", 0, False), *_limits(geometry)]
    return [_decode_work(geometry, sizes, dtype, limit) for limit in limits]


class _Limit(NamedTuple):
    """What of a cache a query sees, under the name its case ends with."""

    kind: str
    window: int
    sinks: bool


def _limits(geometry: Geometry) -> Iterator[_Limit]:
    """Windows and sinks of the model's layers, other than none."""
    parts = [part for layer in geometry.layers for part in layer.parts if isinstance(part, Gqa)]
    for window, sinks in dict.fromkeys((part.window, part.sinks) for part in parts):
        words = [f"window{window}"] * bool(window) + ["sinks"] * sinks
        if words:
            yield _Limit("/".join(words), window, sinks)


def _decode_work(geometry: Geometry, sizes: Sizes, dtype: str, limit: _Limit) -> Work:
    kind, window, sinks = limit
    batch, context = sizes.batch, sizes.context
    heads, kv_heads, width = geometry.heads, geometry.kv_heads, geometry.head_dim
    lengths = inputs.ragged(batch, context) if kind == "ragged" else (context,) * batch
    seen = sum(min(length, window or length) for length in lengths)
    values = 2 * seen * kv_heads * width + 2 * batch * heads * width
    buffers = 2 * batch * context * kv_heads * width + 2 * batch * heads * width
    shape = {"batch": batch, "context": context, "heads": heads, "kv_heads": kv_heads}
    shape |= {"head_dim": width, "page": PAGE}
    draw = inputs.Paged(**shape, lengths=lengths if kind else (), sinks=sinks)
    return Work(
        family="attention_decode",
        name=f"{geometry.id}/b{batch}/ctx{context}" + (f"/{kind}" if kind else ""),
        dtype=dtype,
        shape=shape | ({"tokens": seen} if kind else {}),
        flops=4 * heads * width * seen,
        bytes=values * ITEM_BITS[dtype] // 8,
        buffer_bytes=buffers * ITEM_BITS[dtype] // 8,
        inputs=draw.normal,
        run=decode,
        reference=truth.decode,
        parameters={"window": window} if window else {},
        model=geometry.id,
        rounding=Rounding(terms=context, per_term=2, spread=truth.decode_spread),
        probes={
            "every key counts": draw.level,
            "first key rules": lambda random: draw.ruled(random, "first", window),
            "last key rules": lambda random: draw.ruled(random, "last", window),
        },
    )


def mla_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Latent attention of one new token per sequence, in its absorbed form.

    DeepSeek-V2 (arXiv 2405.04434), section 2.1.2: `2·heads·(2·kv_rank + rope_dim)` FLOPs per
    cached token, whose `kv_rank + rope_dim` values move once for all heads.
    """
    if not geometry.mla:
        return []
    batch, context, heads = sizes.batch, sizes.context, geometry.heads
    rank, rope = geometry.mla.kv_rank, geometry.mla.rope_dim
    cached = batch * context * (rank + rope)
    traffic = (cached + batch * heads * (2 * rank + rope)) * ITEM_BITS[dtype] // 8
    shape = {"batch": batch, "context": context, "heads": heads, "kv_rank": rank}
    shape |= {"rope_dim": rope, "page": PAGE}
    return [
        Work(
            family="mla_decode",
            name=f"{geometry.id}/b{batch}/ctx{context}",
            dtype=dtype,
            shape=shape,
            flops=2 * batch * heads * (2 * rank + rope) * context,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: inputs.latent(random, **shape),
            run=mla_decode,
            reference=truth.mla,
            parameters={"rank": rank, "scale": (geometry.mla.nope_dim + rope) ** -0.5},
            model=geometry.id,
            rounding=Rounding(terms=context, per_term=2, spread=truth.mla_spread),
            probes={
                "every key counts": lambda random: inputs.level_latent(random, **shape),
                "last key rules": lambda random: inputs.ruled_latent(random, **shape),
            },
        )
    ]


def prefill(backend: Backend, *, q: Any, k: Any, v: Any) -> Any:
    """Causal grouped-query attention: q (heads, isl, d), k (kv_heads, isl, d), v (…, value)."""
    xp = backend.xp
    heads, isl, width = q.shape
    groups = k.shape[0]
    q = xp.reshape(q, (groups, (heads // groups) * isl, width))
    scores = _scores(xp, q, xp.permute_dims(k, (0, 2, 1)), width**-0.5)
    scores = xp.reshape(scores, (groups, heads // groups, isl, isl))
    position = xp.arange(isl, device=device(k))
    future = position[None, :] > position[:, None]
    weights = _softmax(xp, xp.where(future, xp.asarray(-math.inf, dtype=scores.dtype), scores))
    weights = xp.reshape(xp.astype(weights, v.dtype), (groups, (heads // groups) * isl, isl))
    return xp.reshape(xp.matmul(weights, v), (heads, isl, v.shape[-1]))


def decode(
    backend: Backend,
    *,
    q: Any,
    k_pages: Any,
    v_pages: Any,
    table: Any,
    lengths: Any = None,
    sinks: Any = None,
    window: int = 0,
) -> Any:
    """One query per sequence over a paged cache.

    q (batch, heads, d); pages (pages, kv_heads, PAGE, d); table (batch, pages per sequence).
    Of each sequence the first `lengths` (batch,) tokens count, of those the last `window`; `sinks`
    (heads,) join the softmax as one more score that has no value.
    """
    xp = backend.xp
    batch, heads, width = q.shape
    groups = k_pages.shape[1]
    k, v = (_gather(xp, pages, table) for pages in (k_pages, v_pages))
    q = xp.reshape(q, (batch, groups, heads // groups, width))
    scores = _scores(xp, q, xp.permute_dims(k, (0, 1, 3, 2)), width**-0.5)
    if lengths is not None:
        position, end = xp.arange(k.shape[2], device=device(k))[None, :], lengths[:, None]
        hidden = (position >= end) | (position < end - (window or k.shape[2]))
        no_score = xp.asarray(-math.inf, dtype=scores.dtype, device=device(k))
        scores = xp.where(hidden[:, None, None, :], no_score, scores)
    sink = None
    if sinks is not None:
        sink = xp.reshape(xp.astype(sinks, scores.dtype), (1, groups, heads // groups, 1))
    weights = _softmax(xp, scores, sink)
    return xp.reshape(xp.matmul(xp.astype(weights, v.dtype), v), (batch, heads, width))


def mla_decode(backend: Backend, *, q: Any, pages: Any, table: Any, rank: int, scale: float) -> Any:
    """One latent query per sequence: q (batch, heads, rank + rope), pages (pages, PAGE, same)."""
    xp = backend.xp
    batch = q.shape[0]
    latent = xp.take(pages, xp.reshape(table, (-1,)), axis=0)
    latent = xp.reshape(latent, (batch, -1, pages.shape[-1]))
    weights = _softmax(xp, _scores(xp, q, xp.permute_dims(latent, (0, 2, 1)), scale))
    return xp.matmul(xp.astype(weights, latent.dtype), latent[..., :rank])


def _gather(xp: Any, pages: Any, table: Any) -> Any:
    """Pages (pages, kv_heads, PAGE, d) to keys (batch, kv_heads, context, d)."""
    batch, per_sequence = table.shape
    _, groups, page, width = pages.shape
    taken = xp.take(pages, xp.reshape(table, (-1,)), axis=0)
    taken = xp.reshape(taken, (batch, per_sequence, groups, page, width))
    return xp.reshape(
        xp.permute_dims(taken, (0, 2, 1, 3, 4)), (batch, groups, per_sequence * page, width)
    )


def _scores(xp: Any, q: Any, keys: Any, scale: float) -> Any:
    """Scaled scores in f32 whatever the operands, since softmax magnifies their rounding."""
    return xp.astype(xp.matmul(q, keys), xp.float32) * scale


def _softmax(xp: Any, scores: Any, sink: Any = None) -> Any:
    top = xp.max(scores, axis=-1, keepdims=True)
    if sink is None:
        weights = xp.exp(scores - top)
        return weights / xp.sum(weights, axis=-1, keepdims=True)
    top = xp.maximum(top, sink)
    weights = xp.exp(scores - top)
    return weights / (xp.sum(weights, axis=-1, keepdims=True) + xp.exp(sink - top))
