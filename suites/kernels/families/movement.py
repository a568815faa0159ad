"""Moving rows about: embedding, the cache's append and gather, host to device and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from suites.kernels.backends.work import EXACT, ITEM_BITS, Work
from suites.kernels.families.attention import PAGE

if TYPE_CHECKING:
    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = [
    "device_to_host_works",
    "embed",
    "embedding_works",
    "host_to_device_works",
    "kv_append",
    "kv_append_works",
    "kv_gather",
    "kv_gather_works",
]


def embedding_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Look up the rows of a prompt's tokens. No FLOPs; each row moves in and out."""
    tokens, hidden, vocab = sizes.prefill, geometry.hidden, geometry.vocab
    traffic = (2 * tokens * hidden * ITEM_BITS[dtype]) // 8 + 8 * tokens
    return [
        Work(
            family="embedding",
            name=f"{geometry.id}/m{tokens}",
            dtype=dtype,
            shape={"tokens": tokens, "hidden": hidden, "vocab": vocab},
            flops=0,
            bytes=traffic,
            buffer_bytes=traffic + vocab * hidden * ITEM_BITS[dtype] // 8,
            inputs=lambda random: {
                "table": random.standard_normal((vocab, hidden), dtype=np.float32),
                "tokens": random.integers(0, vocab, tokens),
            },
            run=embed,
            reference=lambda *, table, tokens: table[tokens],
            model=geometry.id,
            rounding=EXACT,
        )
    ]


def kv_append_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Write the new token of each sequence into its page; each new value moves in and out."""
    batch, values = sizes.batch, geometry.kv_values_per_token()
    traffic = 2 * batch * values * ITEM_BITS[dtype] // 8
    slots = np.random.default_rng(batch).permutation(batch * PAGE)[:batch].tolist()
    return [
        Work(
            family="kv_append",
            name=f"{geometry.id}/b{batch}",
            dtype=dtype,
            shape={"batch": batch, "values": values, "page": PAGE},
            flops=0,
            bytes=traffic,
            buffer_bytes=(PAGE + 1) * batch * values * ITEM_BITS[dtype] // 8,
            inputs=lambda random: {
                "cache": random.standard_normal((batch * PAGE, values), dtype=np.float32),
                "new": random.standard_normal((batch, values), dtype=np.float32),
            },
            run=kv_append,
            reference=_append_reference,
            parameters={"slots": tuple(slots)},
            model=geometry.id,
            rounding=EXACT,
        )
    ]


def kv_gather_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Collect a batch's pages into one stretch. No FLOPs; the cache moves in and out."""
    pages, values = sizes.batch * sizes.context // PAGE, PAGE * geometry.kv_values_per_token()
    traffic = 2 * pages * values * ITEM_BITS[dtype] // 8 + 8 * pages
    return [
        Work(
            family="kv_gather",
            name=f"{geometry.id}/b{sizes.batch}/ctx{sizes.context}",
            dtype=dtype,
            shape={"pages": pages, "values": values},
            flops=0,
            bytes=traffic,
            buffer_bytes=traffic,
            inputs=lambda random: {
                "cache": random.standard_normal((pages, values), dtype=np.float32),
                "table": random.permutation(pages),
            },
            run=kv_gather,
            reference=lambda *, cache, table: cache[table],
            model=geometry.id,
            rounding=EXACT,
        )
    ]


def host_to_device_works(_: Geometry, operand_bytes: int, dtype: str) -> list[Work]:
    """Copy from page-locked host memory over the bus; bytes count once."""
    return _transfer("host_to_device", operand_bytes, dtype)


def device_to_host_works(_: Geometry, operand_bytes: int, dtype: str) -> list[Work]:
    """Copy to host memory over the bus; bytes count once."""
    return _transfer("device_to_host", operand_bytes, dtype)


def embed(backend: Backend, *, table: Any, tokens: Any) -> Any:
    """Rows of table (vocab, hidden) for tokens (tokens,)."""
    return backend.xp.take(table, tokens, axis=0)


def kv_append(backend: Backend, *, cache: Any, new: Any, slots: tuple[int, ...]) -> Any:  # noqa: ARG001 - kernels share a signature
    """Put row i of new (batch, values) into row slots[i] of cache, in place."""
    for row, slot in enumerate(slots):
        cache[slot, :] = new[row, :]
    return cache


def kv_gather(backend: Backend, *, cache: Any, table: Any) -> Any:
    """Pages of cache (pages, values) in the table's order."""
    return backend.xp.take(cache, table, axis=0)


def _transfer(family: str, operand_bytes: int, dtype: str) -> list[Work]:
    values = operand_bytes * 8 // ITEM_BITS[dtype]
    return [
        Work(
            family=family,
            name=f"{operand_bytes / 2**20:.0f}MiB",
            dtype=dtype,
            shape={"values": values},
            flops=0,
            bytes=operand_bytes,
            buffer_bytes=2 * operand_bytes,
            inputs=lambda random: {"a": random.standard_normal(values, dtype=np.float32)},
            run=lambda _, *, a: a,
            reference=lambda *, a: a,
            rounding=EXACT,
        )
    ]


def _append_reference(*, cache: np.ndarray, new: np.ndarray, slots: tuple[int, ...]) -> np.ndarray:
    out = cache.copy()
    out[list(slots)] = new
    return out
