"""Attention in float64, and how far an honest kernel may round from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from suites.kernels.backends.work import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["decode", "decode_spread", "mla", "mla_spread", "prefill", "prefill_spread"]


def prefill(*, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Causal attention: q (heads, isl, d), k (kv_heads, isl, d), v (kv_heads, isl, value)."""
    heads, isl, width = q.shape
    share = heads // k.shape[0]
    past = np.tri(isl, dtype=bool)
    return np.stack(
        [
            _attend(q[h], k[h // share], v[h // share], width**-0.5, allowed=past)
            for h in range(heads)
        ]
    )


def decode(
    *,
    q: np.ndarray,
    k_pages: np.ndarray,
    v_pages: np.ndarray,
    table: np.ndarray,
    lengths: np.ndarray | None = None,
    sinks: np.ndarray | None = None,
    window: int = 0,
) -> np.ndarray:
    """One query per sequence over its pages, as `attention.decode` states it."""
    out = np.empty(q.shape)
    groups = _grouped(q, k_pages, v_pages, table, lengths=lengths, sinks=sinks, window=window)
    for at, keys, values, sink in groups:
        out[at] = _attend(q[at], keys, values, q.shape[-1] ** -0.5, sink=sink)
    return out


def mla(
    *, q: np.ndarray, pages: np.ndarray, table: np.ndarray, rank: int, scale: float
) -> np.ndarray:
    """One latent query per sequence, whose keys and values are the same latent vectors."""
    out = np.empty((*q.shape[:2], rank))
    for sequence in range(len(q)):
        latent = pages[table[sequence]].reshape(-1, pages.shape[-1])
        out[sequence] = _attend(q[sequence], latent, latent[:, :rank], scale)
    return out


def prefill_spread(reference: np.ndarray, *, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> Spread:
    """As `_spread`, a head at a time."""
    heads, isl, width = q.shape
    share = heads // k.shape[0]
    past = np.tri(isl, dtype=bool)
    parts = [
        _spread(reference[h], q[h], k[h // share], v[h // share], width**-0.5, allowed=past)
        for h in range(heads)
    ]
    return _joined(parts, reference.shape)


def decode_spread(
    reference: np.ndarray,
    *,
    q: np.ndarray,
    k_pages: np.ndarray,
    v_pages: np.ndarray,
    table: np.ndarray,
    lengths: np.ndarray | None = None,
    sinks: np.ndarray | None = None,
    window: int = 0,
) -> Spread:
    """As `_spread`, a key-value head of a sequence at a time."""
    groups = _grouped(q, k_pages, v_pages, table, lengths=lengths, sinks=sinks, window=window)
    parts = [
        _spread(reference[at], q[at], keys, values, q.shape[-1] ** -0.5, sink=sink)
        for at, keys, values, sink in groups
    ]
    return _joined(parts, reference.shape)


def mla_spread(
    reference: np.ndarray,
    *,
    q: np.ndarray,
    pages: np.ndarray,
    table: np.ndarray,
    rank: int,
    scale: float,
) -> Spread:
    """As `_spread`, a sequence at a time."""
    parts = []
    for sequence in range(len(q)):
        latent = pages[table[sequence]].reshape(-1, pages.shape[-1])
        parts.append(_spread(reference[sequence], q[sequence], latent, latent[:, :rank], scale))
    return _joined(parts, reference.shape)


def _grouped(
    q: np.ndarray,
    k_pages: np.ndarray,
    v_pages: np.ndarray,
    table: np.ndarray,
    *,
    lengths: np.ndarray | None,
    sinks: np.ndarray | None,
    window: int,
) -> Iterator[tuple[tuple[int, slice], np.ndarray, np.ndarray, np.ndarray | None]]:
    """Of each key-value head of a sequence: place of its queries, keys and values seen, sinks."""
    batch, heads, width = q.shape
    groups = k_pages.shape[1]
    share = heads // groups
    for sequence in range(batch):
        seen = _seen(table[sequence].size * k_pages.shape[2], sequence, lengths, window)
        for group in range(groups):
            queries = slice(group * share, (group + 1) * share)
            keys, values = (
                pages[table[sequence], group].reshape(-1, width)[seen]
                for pages in (k_pages, v_pages)
            )
            yield (sequence, queries), keys, values, None if sinks is None else sinks[queries]


def _attend(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    scale: float,
    *,
    allowed: np.ndarray | None = None,
    sink: np.ndarray | None = None,
) -> np.ndarray:
    """Attention of some rows over the same keys, in the width of its operands."""
    return np.asarray(_weights(q @ k.T * scale, allowed, sink) @ v)


def _weights(scores: np.ndarray, allowed: np.ndarray | None, sink: np.ndarray | None) -> np.ndarray:
    """Softmax of each row over what it may see, with its sink's part left out."""
    seen = np.ones_like(scores, bool) if allowed is None else allowed
    top = np.max(scores, axis=1, keepdims=True, where=seen, initial=-np.inf)
    top = top if sink is None else np.maximum(top, sink[:, None])
    weights = np.exp(scores - top, where=seen, out=np.zeros_like(scores))
    total = weights.sum(axis=1, keepdims=True)
    total += 0 if sink is None else np.exp(sink[:, None] - top)
    return np.asarray(weights / total)


def _seen(context: int, sequence: int, lengths: np.ndarray | None, window: int) -> slice:
    end = context if lengths is None else int(lengths[sequence])
    return slice(max(0, end - (window or end)), end)


def _spread(
    out: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    scale: float,
    *,
    allowed: np.ndarray | None = None,
    sink: np.ndarray | None = None,
) -> Spread:
    """Spread of some rows of output over the same keys.

    A term is w·v; an error e of its score moves the row by w·(v - out)·e, and scores err as they
    are large. Few keys that share the weight are few independent errors. The tangent is the
    derivative by the logarithm of the scale: sum of w·s·v less out times sum of w·s.
    """
    scores = q @ k.T * scale
    weights = _weights(scores, allowed, sink)
    pull = weights * scores
    squares, drift = np.square(weights), np.square(pull)
    size = (squares + 2 * drift) @ np.square(v) + 2 * np.square(out) * drift.sum(1, keepdims=True)
    # A sink's weight scales the row and does not move with the scale.
    tangent = pull @ v - out * pull.sum(axis=1, keepdims=True)
    freedom = weights.sum(axis=1) ** 2 / np.maximum(squares.sum(axis=1), 1e-30)
    return Spread(size=np.sqrt(size), freedom=freedom, tangents=(tangent,))


def _joined(parts: list[Spread], shape: tuple[int, ...]) -> Spread:
    sizes, tangents = (
        np.concatenate(arrays).reshape(shape)
        for arrays in ([part.size for part in parts], [part.tangents[0] for part in parts])
    )
    freedom = np.concatenate([np.asarray(part.freedom) for part in parts]).reshape(shape[:-1])
    return Spread(size=sizes, freedom=freedom, tangents=(tangents,))
