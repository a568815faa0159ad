"""Operands of attention: ordinary ones, and probes that make one wrong key visible.

Among thousands of keys the loss of one hides in rounding. Three kinds of operands bring it out:
all scores equal and values ±1, so that every key weighs the same and sums nearly cancel; one key
that takes nearly all weight; and, past a sequence's end, sentinels that would take all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = [
    "PAGE",
    "Paged",
    "latent",
    "level_latent",
    "level_prompt",
    "prompt",
    "ragged",
    "ruled_latent",
    "ruled_prompt",
]

# Tokens of one cache page: vLLM's default block size.
PAGE = 16
# A key along its query, this much longer: with width d its score is RULE·√d beside others of
# order RULE, so that it takes all weight from d = 32 on.
_RULE = 8.0
# What lies behind a sequence's end.
_SENTINEL = 1000.0


def ragged(batch: int, context: int) -> tuple[int, ...]:
    """Lengths between one token and the whole context, none of them whole pages but the first."""
    lengths = [1 + (context - 1) * (batch - i) // batch for i in range(batch)]
    return tuple(
        length - 1 if length % PAGE == 0 and length > 1 and i else length
        for i, length in enumerate(lengths)
    )


def prompt(
    random: np.random.Generator, *, isl: int, heads: int, kv_heads: int, key: int, value: int
) -> dict[str, np.ndarray]:
    """Normal queries, keys and values."""
    return {
        "q": _normal(random, heads, isl, key),
        "k": _normal(random, kv_heads, isl, key),
        "v": _normal(random, kv_heads, isl, value),
    }


def level_prompt(
    random: np.random.Generator, *, isl: int, heads: int, kv_heads: int, key: int, value: int
) -> dict[str, np.ndarray]:
    """All scores zero, values ±1: a row that misses a key, or sees one more, errs by 1/row."""
    return {
        "q": np.zeros((heads, isl, key), np.float32),
        "k": _normal(random, kv_heads, isl, key),
        "v": _signs(random, kv_heads, isl, value),
    }


def ruled_prompt(
    random: np.random.Generator,
    ahead: int,
    *,
    isl: int,
    heads: int,
    kv_heads: int,
    key: int,
    value: int,
) -> dict[str, np.ndarray]:
    """Each row's own key takes all weight, or would that of the row so far ahead of it."""
    base = _normal(random, kv_heads, isl, key)
    keys = np.roll(base, ahead, axis=1) * np.float32(_RULE)
    return {
        "q": np.repeat(base, heads // kv_heads, axis=0),
        "k": keys,
        "v": _normal(random, kv_heads, isl, value),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """Queries of a decode step and its cache in pages, in any order.

    Attributes:
        lengths: tokens of each sequence; empty where all are full and the kernel takes none.
        sinks: each head has one.
    """

    batch: int
    context: int
    heads: int
    kv_heads: int
    head_dim: int
    page: int
    lengths: tuple[int, ...] = ()
    sinks: bool = False

    def normal(self, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Normal values, behind each end too: these are timed, where sentinels have no place."""
        return self._paged(
            random,
            _normal(random, self.batch, self.heads, self.head_dim),
            _normal(random, *self._cache),
            _normal(random, *self._cache),
        )

    def level(self, random: np.random.Generator) -> dict[str, np.ndarray]:
        """All scores zero, values ±1 with every second one the other's opposite."""
        values = _signs(random, *self._cache)
        values[:, :, 1::2] = -values[:, :, 0 : self.context - 1 : 2]
        q = np.zeros((self.batch, self.heads, self.head_dim), np.float32)
        keys = _normal(random, *self._cache)
        self._mark_ends(q, keys, values)
        return self._paged(random, q, keys, values)

    def ruled(
        self, random: np.random.Generator, place: Literal["first", "last"], window: int
    ) -> dict[str, np.ndarray]:
        """One key of each sequence takes all weight: the first it sees, or the last."""
        base = _normal(random, self.batch, self.kv_heads, self.head_dim)
        keys = _normal(random, *self._cache)
        for sequence, length in enumerate(self._lengths):
            token = length - 1 if place == "last" else max(0, length - (window or length))
            keys[sequence, :, token] = base[sequence] * np.float32(_RULE)
        q = np.repeat(base, self.heads // self.kv_heads, axis=1)
        values = _normal(random, *self._cache)
        self._mark_ends(q, keys, values)
        return self._paged(random, q, keys, values)

    @property
    def _cache(self) -> tuple[int, int, int, int]:
        return self.batch, self.kv_heads, self.context, self.head_dim

    @property
    def _lengths(self) -> tuple[int, ...]:
        return self.lengths or (self.context,) * self.batch

    def _mark_ends(self, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> None:
        """Put sentinels behind each end, along the query: a kernel that reads on takes them."""
        for sequence, length in enumerate(self._lengths):
            behind = (sequence, slice(None), slice(length, None))
            along = q[sequence].reshape(self.kv_heads, -1, self.head_dim)[:, :1]
            k[behind] = along * np.float32(_RULE)
            v[behind] = np.float32(_SENTINEL)

    def _paged(
        self, random: np.random.Generator, q: np.ndarray, k: np.ndarray, v: np.ndarray
    ) -> dict[str, np.ndarray]:
        order = random.permutation(self.batch * self.context // self.page)
        table = order.reshape(self.batch, -1)
        operands = {
            "q": q,
            "k_pages": self._scattered(k, order),
            "v_pages": self._scattered(v, order),
            "table": table,
        }
        if self.lengths:
            operands["lengths"] = np.array(self.lengths)
        if self.sinks:
            operands["sinks"] = _normal(random, self.heads) + np.float32(np.log(self.context))
        return operands

    def _scattered(self, cache: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Cut (batch, kv_heads, context, d) into pages, each at its place of the order."""
        shape = (self.batch, self.kv_heads, -1, self.page, self.head_dim)
        pages = cache.reshape(shape).swapaxes(1, 2).reshape(-1, *shape[1:2], *shape[3:])
        scattered = np.empty_like(pages)
        scattered[order] = pages
        return scattered


def latent(
    random: np.random.Generator,
    *,
    batch: int,
    context: int,
    heads: int,
    kv_rank: int,
    rope_dim: int,
    page: int,
) -> dict[str, np.ndarray]:
    """Normal latent queries and a latent cache in pages."""
    pages, width = batch * context // page, kv_rank + rope_dim
    return {
        "q": _normal(random, batch, heads, width),
        "pages": _normal(random, pages, page, width),
        "table": random.permutation(pages).reshape(batch, -1),
    }


def level_latent(
    random: np.random.Generator,
    *,
    batch: int,
    context: int,
    heads: int,
    kv_rank: int,
    rope_dim: int,
    page: int,
) -> dict[str, np.ndarray]:
    """All scores zero, latent values ±1 with every second one the other's opposite."""
    pages, width = batch * context // page, kv_rank + rope_dim
    values = _signs(random, pages, page, width)
    values[:, 1::2] = -values[:, 0 : page - 1 : 2]
    return {
        "q": np.zeros((batch, heads, width), np.float32),
        "pages": values,
        "table": random.permutation(pages).reshape(batch, -1),
    }


def ruled_latent(
    random: np.random.Generator,
    *,
    batch: int,
    context: int,
    heads: int,
    kv_rank: int,
    rope_dim: int,
    page: int,
) -> dict[str, np.ndarray]:
    """The last token of each sequence takes all weight."""
    sizes = {"kv_rank": kv_rank, "rope_dim": rope_dim, "page": page}
    drawn = latent(random, batch=batch, context=context, heads=heads, **sizes)
    q = np.repeat(drawn["q"][:, :1], heads, axis=1)
    drawn["pages"][drawn["table"][:, -1], -1] = q[:, 0]
    return drawn | {"q": q}


def _normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.standard_normal(shape, dtype=np.float32)


def _signs(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.integers(0, 2, shape).astype(np.float32) * 2 - 1
