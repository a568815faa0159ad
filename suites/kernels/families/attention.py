"""Attention over a prompt, and over a paged cache when one more token is decoded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import device

from suites.kernels.backends.work import ITEM_BITS, Work

if TYPE_CHECKING:
    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = ["decode", "decode_works", "mla_decode", "mla_works", "prefill", "prefill_works"]

# Tokens of one cache page: vLLM's default block size.
PAGE = 16


def prefill_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Causal attention of one prompt.

    2·heads·(key width + value width) FLOPs for each of isl·(isl + 1)/2 pairs; queries, keys,
    values and outputs move once. Latent attention is expanded to full heads, as engines do for
    prompts.
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
            inputs=lambda random: _prompt(random, **shape),
            run=prefill,
            reference=_prefill_reference,
            model=geometry.id,
        )
    ]


def decode_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Attention of one new token per sequence over a paged cache.

    4·heads·head_dim FLOPs per cached token; the cache moves once, whatever the number of query
    heads that share it. Models with latent attention have `mla_works` instead; those whose values
    are not as wide as their keys have none.
    """
    if geometry.value_dim != geometry.head_dim or geometry.mla:
        return []
    batch, context = sizes.batch, sizes.context
    heads, kv_heads, width = geometry.heads, geometry.kv_heads, geometry.head_dim
    cached = 2 * batch * context * kv_heads * width
    traffic = (cached + 2 * batch * heads * width) * ITEM_BITS[dtype] // 8
    shape = {"batch": batch, "context": context, "heads": heads, "kv_heads": kv_heads}
    shape |= {"head_dim": width, "page": PAGE}
    return [
        Work(
            family="attention_decode",
            name=f"{geometry.id}/b{batch}/ctx{context}",
            dtype=dtype,
            shape=shape,
            flops=4 * batch * heads * width * context,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: _paged(random, **shape),
            run=decode,
            reference=_decode_reference,
            model=geometry.id,
        )
    ]


def mla_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Latent attention of one new token per sequence, in its absorbed form.

    DeepSeek-V2 (arXiv 2405.04434), section 2.1.2: 2·heads·(2·kv_rank + rope_dim) FLOPs per
    cached token, whose kv_rank + rope_dim values move once for all heads.
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
            inputs=lambda random: _latent(random, **shape),
            run=mla_decode,
            reference=_mla_reference,
            parameters={"rank": rank, "scale": (geometry.mla.nope_dim + rope) ** -0.5},
            model=geometry.id,
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


def decode(backend: Backend, *, q: Any, k_pages: Any, v_pages: Any, table: Any) -> Any:
    """One query per sequence over a paged cache.

    q (batch, heads, d); pages (pages, kv_heads, PAGE, d); table (batch, pages per sequence).
    """
    xp = backend.xp
    batch, heads, width = q.shape
    groups = k_pages.shape[1]
    k, v = (_gather(xp, pages, table) for pages in (k_pages, v_pages))
    q = xp.reshape(q, (batch, groups, heads // groups, width))
    weights = _softmax(xp, _scores(xp, q, xp.permute_dims(k, (0, 1, 3, 2)), width**-0.5))
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


def _softmax(xp: Any, scores: Any) -> Any:
    weights = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    return weights / xp.sum(weights, axis=-1, keepdims=True)


def _normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.standard_normal(shape, dtype=np.float32)


def _prompt(
    random: np.random.Generator, *, isl: int, heads: int, kv_heads: int, key: int, value: int
) -> dict[str, np.ndarray]:
    return {
        "q": _normal(random, heads, isl, key),
        "k": _normal(random, kv_heads, isl, key),
        "v": _normal(random, kv_heads, isl, value),
    }


def _paged(
    random: np.random.Generator,
    *,
    batch: int,
    context: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
    page: int,
) -> dict[str, np.ndarray]:
    pages = batch * context // page
    return {
        "q": _normal(random, batch, heads, head_dim),
        "k_pages": _normal(random, pages, kv_heads, page, head_dim),
        "v_pages": _normal(random, pages, kv_heads, page, head_dim),
        "table": random.permutation(pages).reshape(batch, -1),
    }


def _latent(
    random: np.random.Generator,
    *,
    batch: int,
    context: int,
    heads: int,
    kv_rank: int,
    rope_dim: int,
    page: int,
) -> dict[str, np.ndarray]:
    pages, width = batch * context // page, kv_rank + rope_dim
    return {
        "q": _normal(random, batch, heads, width),
        "pages": _normal(random, pages, page, width),
        "table": random.permutation(pages).reshape(batch, -1),
    }


def _attend(q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float) -> np.ndarray:
    """One query row after another, in float64: slow, plain, and unlike the kernels."""
    scores = k @ q * scale
    weights = np.exp(scores - scores.max())
    return np.asarray(weights @ v / weights.sum())


def _prefill_reference(*, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    heads, isl, width = q.shape
    share = heads // k.shape[0]
    out = np.empty((heads, isl, v.shape[-1]))
    for head in range(heads):
        for row in range(isl):
            keys, values = k[head // share, : row + 1], v[head // share, : row + 1]
            out[head, row] = _attend(q[head, row], keys, values, width**-0.5)
    return out


def _decode_reference(
    *, q: np.ndarray, k_pages: np.ndarray, v_pages: np.ndarray, table: np.ndarray
) -> np.ndarray:
    batch, heads, width = q.shape
    share = heads // k_pages.shape[1]
    out = np.empty((batch, heads, width))
    for sequence in range(batch):
        for head in range(heads):
            keys, values = (
                pages[table[sequence], head // share].reshape(-1, width)
                for pages in (k_pages, v_pages)
            )
            out[sequence, head] = _attend(q[sequence, head], keys, values, width**-0.5)
    return out


def _mla_reference(
    *, q: np.ndarray, pages: np.ndarray, table: np.ndarray, rank: int, scale: float
) -> np.ndarray:
    batch, heads, width = q.shape
    out = np.empty((batch, heads, rank))
    for sequence in range(batch):
        latent = pages[table[sequence]].reshape(-1, width)
        for head in range(heads):
            out[sequence, head] = _attend(q[sequence, head], latent, latent[:, :rank], scale)
    return out
