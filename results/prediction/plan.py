"""What one rank executes in a step: a geometry's parts as products, attentions and sums."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from results.prediction.roofline import Mixture
from suites.models.attention import Compressed, Gqa, Mla
from suites.models.feed_forward import Dense, Experts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.prediction.grid import Floats
    from suites.models import Geometry
    from suites.models.part import Part

__all__ = ["Layout", "Plan", "plan_of"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a model lies on chips.

    Attributes:
        tp: ranks that share attention and dense blocks.
        dp: groups of them with sequences of their own.
        moe_tp, ep: ranks that share each expert, and ranks that share out the experts.
    """

    tp: int = 1
    dp: int = 1
    moe_tp: int = 1
    ep: int = 1

    @property
    def chips(self) -> int:
        """All ranks."""
        return self.tp * self.dp


@dataclass(frozen=True, slots=True)
class Products:
    """Products of one dtype class, each `count` times a step: m×k by k×n."""

    count: Floats
    n: Floats
    k: Floats


@dataclass(frozen=True, slots=True)
class Plan:
    """Operators of one step on one rank.

    Attributes:
        mixers, dense: products of attention and of dense blocks.
        plain: products that stay in 16 bits: routers.
        mixing: what mixes tokens, and in how many layers.
        experts: routed experts, and in how many layers.
        layers: of the model; sums: over ranks in one step.
        vocab: rows of the head on this rank.
    """

    mixers: Products
    dense: Products
    plain: Products
    mixing: tuple[tuple[int, Part], ...]
    experts: tuple[tuple[int, Mixture], ...]
    layers: int
    sums: int
    vocab: float


@lru_cache(maxsize=1024)
def plan_of(geometry: Geometry, layout: Layout) -> Plan:
    """Lay a geometry out; weights that a rank holds whole are those of its group."""
    products: dict[str, list[tuple[int, float, float]]] = {"mixers": [], "dense": [], "plain": []}
    mixing: dict[Part, int] = {}
    experts: dict[Mixture, int] = {}
    sums = 0
    for layer in geometry.layers:
        sums += layer.count * min(2, len(layer.parts))
        for part in layer.parts:
            for name, n, k in _products(part, geometry.hidden, layout.tp):
                products[name].append((layer.count, n, k))
            if isinstance(part, Experts):
                shape = _mixture(part, geometry.hidden, layout)
                experts[shape] = experts.get(shape, 0) + layer.count
            elif not isinstance(part, Dense):
                mixing[part] = mixing.get(part, 0) + layer.count
    return Plan(
        **{name: _arrays(rows) for name, rows in products.items()},
        mixing=tuple((count, part) for part, count in mixing.items()),
        experts=tuple((count, shape) for shape, count in experts.items()),
        layers=geometry.depth,
        sums=sums,
        vocab=geometry.vocab / layout.tp,
    )


def _arrays(rows: list[tuple[int, float, float]]) -> Products:
    table = np.array(rows or np.zeros((0, 3)), dtype=float)[:, :, None]
    return Products(table[:, 0], table[:, 1], table[:, 2])


def _mixture(part: Experts, hidden: int, layout: Layout) -> Mixture:
    return Mixture(
        hidden=part.latent or hidden,
        inter=part.intermediate,
        topk=part.experts_per_token,
        experts=part.experts,
        tp=layout.moe_tp,
        ep=layout.ep,
        matrices=3 if part.gated else 2,
    )


def _products(part: Part, hidden: int, tp: int) -> Iterator[tuple[str, float, float]]:
    """Products by class: columns of the result and length of the sum, on one of `tp` ranks."""
    match part:
        case Gqa():
            value, queries = part.value_dim or part.head_dim, part.heads * part.head_dim
            keys = 0 if part.borrows_cache else max(1, part.kv_heads // tp)
            gate = queries if part.gate == "full" else 0
            yield "mixers", (queries + gate) / tp + keys * (part.head_dim + value), hidden
            yield "mixers", hidden, part.heads * value / tp
        case Mla():
            own = part.heads / tp
            query = own * (part.nope_dim + part.rope_dim)
            yield "mixers", (part.q_rank or query) + part.kv_rank + part.rope_dim, hidden
            if part.q_rank:
                yield "mixers", query, part.q_rank
            # Absorbed or expanded, the latent's projection is read once and in 16 bits.
            yield "plain", own * (part.nope_dim + part.value_dim), part.kv_rank
            yield "mixers", hidden, own * part.value_dim
            if part.index_heads:
                yield "mixers", part.index_heads * part.index_dim, part.q_rank or hidden
                yield "plain", part.index_dim + part.index_heads, hidden
        case Compressed():
            yield "mixers", part.q_rank + part.head_dim, hidden
            yield "mixers", part.heads * part.head_dim / tp, part.q_rank
            rest = part.matrices(hidden) - hidden * (part.q_rank + part.head_dim)
            yield (
                "mixers",
                (rest / hidden - part.heads * part.head_dim * part.q_rank / hidden) / tp,
                hidden,
            )
        case Dense():
            yield from _block(part.intermediate / tp, hidden, gated=part.gated)
        case Experts():
            yield "plain", part.experts + part.zero_experts, hidden
            if part.shared_intermediate:
                yield from _block(part.shared_intermediate / tp, hidden, gated=part.gated)
            if part.latent:
                yield "dense", 2 * part.latent, hidden
        case _:
            # A recurrent part: three quarters in, as its channels and gate are; a quarter out.
            columns = part.matrices(hidden) / hidden / tp
            yield "mixers", 0.75 * columns, hidden
            yield "mixers", hidden, 0.25 * columns


def _block(inter: float, hidden: int, *, gated: bool) -> Iterator[tuple[str, float, float]]:
    yield "dense", (2 if gated else 1) * inter, hidden
    yield "dense", hidden, inter
