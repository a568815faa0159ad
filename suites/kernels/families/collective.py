"""Sums over several devices: what tensor parallelism pays twice in every layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from suites.kernels.backends.base import contribution
from suites.kernels.backends.work import ITEM_BITS, Rounding, Spread, Work

if TYPE_CHECKING:
    from typing import Any

    from suites.kernels.backends import Backend
    from suites.kernels.families.sizes import Sizes
    from suites.models import Geometry

__all__ = ["all_reduce", "all_reduce_works"]


def all_reduce_works(geometry: Geometry, sizes: Sizes, dtype: str) -> list[Work]:
    """Sum the hidden vectors of a prompt, and of a decode batch, over n devices.

    In a ring each device sends 2·(n − 1)/n of its values (Patarasuk and Yuan 2009, "Bandwidth
    optimal all-reduce algorithms") and adds (n − 1)/n of them, one FLOP each. The result is a
    new array: the copy is part of the time and not of the bytes.
    """
    return [
        _work(geometry, tokens, sizes.peers, dtype)
        for tokens in dict.fromkeys((sizes.prefill, sizes.batch))
    ]


def all_reduce(backend: Backend, *, x: Any, peers: int) -> Any:
    """x (tokens, hidden) plus what every peer contributes, on every device."""
    return backend.all_reduce(x, peers)


def _work(geometry: Geometry, tokens: int, peers: int, dtype: str) -> Work:
    values = tokens * geometry.hidden
    item = ITEM_BITS[dtype] // 8
    return Work(
        family="all_reduce",
        name=f"{geometry.id}/m{tokens}",
        dtype=dtype,
        shape={"tokens": tokens, "hidden": geometry.hidden, "peers": peers},
        flops=values * (peers - 1) // peers,
        bytes=2 * values * item * (peers - 1) // peers,
        buffer_bytes=2 * values * item,
        inputs=partial(_inputs, (tokens, geometry.hidden)),
        run=all_reduce,
        reference=_reference,
        parameters={"peers": peers},
        model=geometry.id,
        # On its way round the ring each sum is rounded to the dtype.
        rounding=Rounding(terms=peers, per_term=peers, spread=_spread),
    )


def _inputs(shape: tuple[int, int], random: np.random.Generator) -> dict[str, np.ndarray]:
    return {"x": random.standard_normal(shape, dtype=np.float32)}


def _reference(*, x: np.ndarray, peers: int) -> np.ndarray:
    return np.asarray(x + sum(contribution(rank, x.shape) for rank in range(1, peers)))


def _spread(_reference: np.ndarray, *, x: np.ndarray, peers: int) -> Spread:
    """Sums on the way are at most of this size, whichever rank comes first."""
    return Spread(
        size=np.abs(x) + sum(abs(contribution(rank, x.shape)) for rank in range(1, peers))
    )
