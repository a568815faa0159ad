"""What a model's sizes imply: parameters, FLOPs and the bytes that must move.

A model is its layers, each the sum of its parts. One multiply-add counts as two FLOPs. Only
matrix products, attention and products with a state are counted: norms, rotary embedding, softmax
and sampling are below 1% at these sizes (the convention of Kaplan et al. 2020, "Scaling Laws for
Neural Language Models", table 1).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field

from suites.base.errors import UserError
from suites.models.attention import Compressed, Gqa, Mla
from suites.models.feed_forward import Dense, Experts
from suites.models.part import Frozen, Natural, PartCount, Positive, Routing
from suites.models.recurrent import (
    GatedDelta,
    KimiDelta,
    Lightning,
    Mamba,
    Mamba2,
    Rwkv7,
    ShortConv,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from suites.models.part import Part

__all__ = ["Geometry", "Layer", "Modules", "Tower", "Widths", "identifier"]

_Part = Annotated[
    Gqa
    | Mla
    | Compressed
    | GatedDelta
    | KimiDelta
    | Lightning
    | Mamba
    | Mamba2
    | Rwkv7
    | ShortConv
    | Dense
    | Experts,
    Field(discriminator="kind"),
]
_Parts = Annotated[tuple[_Part, ...], Field(strict=False, max_length=8)]


class Layer(Frozen):
    """Layers alike: how many, and the parts each of them has.

    Attributes:
        norms: learned vectors of width `hidden` that a layer norms with.
        others: further learned values of a layer that are in no part.
        mixed: further matrix weights of a layer that every token meets.
    """

    count: PartCount = 1
    parts: _Parts
    norms: Natural = 2
    others: Natural = 0
    mixed: Natural = 0

    def label(self) -> str:
        """Such as "mla + experts 8 of 256"."""
        return " + ".join(part.label() for part in self.parts) or "nothing"

    def vectors(self, hidden: int) -> int:
        """Learned values of one layer outside matrices."""
        return self.norms * hidden + self.others + sum(p.vectors(hidden) for p in self.parts)


_Layers = Annotated[tuple[Layer, ...], Field(strict=False, max_length=1000)]


class Modules(Frozen):
    """Modules that predict further tokens (DeepSeek-V3 report, arXiv 2412.19437, section 2.2).

    Each projects two hidden vectors into one, norms three, and has a layer of its own. Embedding
    and output head are those of the model.
    """

    count: PartCount
    layers: _Layers

    def parameters(self, hidden: int) -> int:
        """Weights that the main model does not have."""
        own = sum(layer.count * _stored(layer, hidden) for layer in self.layers)
        return self.count * (own + 2 * hidden * hidden + 3 * hidden)


class Tower(Frozen):
    """What reads pictures or sound into the model's width.

    Attributes:
        parameters: None where its sizes are not expressed.
    """

    kind: str
    parameters: Natural | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Bits of one weight by where it is, scales included; vectors keep `rest`.

    Attributes:
        experts, mixers, dense: routed experts; attention and recurrent parts; dense blocks,
            routers and shared experts.
        head, rest: the output head; embedding, norms, biases.
    """

    experts: float
    mixers: float
    dense: float
    head: float
    rest: float

    @classmethod
    def uniform(cls, bits: float) -> Widths:
        """The same everywhere."""
        return cls(experts=bits, mixers=bits, dense=bits, head=bits, rest=bits)


_Width = Annotated[float, Field(gt=0, le=64)]


class Published(Frozen):
    """Widths of the weights as their maker published them.

    Attributes:
        precision: the maker's name for it, such as "mxfp4".
    """

    precision: str
    experts: _Width
    mixers: _Width
    dense: _Width
    head: _Width
    rest: _Width

    def widths(self) -> Widths:
        """As the sums take them."""
        return Widths(**self.model_dump(exclude={"precision"}))


class Geometry(Frozen):
    """Sizes of one decoder-only model, as its published configuration states them.

    Attributes:
        id, name: ours, and the maker's.
        hidden: width of the residual stream.
        vocab: rows of the embedding, padding included.
        tied_embeddings: the output head is the embedding.
        layers: the main model's, like ones together.
        norms: learned vectors of width `hidden` after the last layer.
        head_bias: the output head carries a bias.
        tables: further values that are looked up and multiply nothing, such as positions.
        mixed: further matrix weights that every token meets once, outside the layers.
        modules: multi-token prediction, counted apart.
        towers: vision and sound, counted apart.
        published: widths of the maker's own file.
        source, revision: where the numbers come from.
    """

    id: str
    name: str
    layers: Annotated[_Layers, Field(min_length=1)]
    hidden: Positive
    vocab: Positive
    tied_embeddings: bool
    rope_theta: float = 10_000.0
    rms_eps: float = 1e-6
    norms: Natural = 1
    head_bias: bool = False
    tables: Annotated[int, Field(ge=0, le=10**13)] = 0
    mixed: Annotated[int, Field(ge=0, le=10**13)] = 0
    modules: Modules | None = None
    towers: Annotated[tuple[Tower, ...], Field(strict=False, max_length=8)] = ()
    published: Published | None = None
    source: str
    revision: str = ""

    # Parameters

    def parameters(self) -> int:
        """Count every weight of the language model, without modules and towers."""
        return sum(self.census().values())

    def census(self) -> dict[str, int]:
        """Stored weights by where they are, under the names of `Widths`."""
        return dict(self._census)

    def active_parameters(self) -> int:
        """Weights that multiply one token: matrices of its path, and the output head."""
        return self._body + self._head

    def weight_bytes(self, bits: float | Widths) -> float:
        """Bytes of all weights at a width in bits (8.5 for Q8_0, 16 for bf16), or at several."""
        return self._bits(self._census, bits) / 8

    # Key-value cache and state

    def kv_values_per_token(self) -> int:
        """Values cached for one token in one layer of the attention that most layers have."""
        return self.attention.kv_values()

    def kv_bytes_per_token(self, dtype_bytes: float) -> float:
        """Bytes one more token takes in the cache while every layer keeps it."""
        return self._sum(lambda part: part.kv_values()) * dtype_bytes

    def kv_bytes(self, context: int, dtype_bytes: float) -> float:
        """Bytes of one sequence's cache: a layer with a sliding window keeps only its window."""
        return self._sum(lambda part: part.cached(context)) * dtype_bytes

    def state_bytes(self, dtype_bytes: float) -> float:
        """Bytes one sequence takes in recurrent layers, however long it is."""
        return self._state * dtype_bytes

    # Work

    def prefill_flops(self, isl: int, batch: int = 1) -> int:
        """FLOPs to read `batch` prompts of `isl` tokens and give one token each.

        2 × weights × tokens, the output head once per prompt, and causal attention over
        isl·(isl + 1)/2 pairs (fewer in a sliding window).
        """
        mixing = self._sum(lambda part: part.prefill_flops(isl))
        return batch * (2 * (self._body * isl + self._head) + mixing)

    def decode_flops(self, context: int, batch: int = 1) -> int:
        """FLOPs of one decode step when every sequence sees `context` tokens, itself included."""
        mixing = self._sum(lambda part: part.decode_flops(context))
        return batch * (2 * self.active_parameters() + mixing)

    def decode_min_bytes(
        self,
        context: int,
        batch: int = 1,
        *,
        bits_per_parameter: float | Widths = 16,
        kv_dtype_bytes: float = 2,
        routing: Routing = "same",
    ) -> float:
        """Bytes one decode step must move: weights once, one embedding row, cache and state.

        With experts, only those touched are read: see `Experts.distinct_experts`. The default,
        "same", is a lower bound for any routing.
        """
        touched = sum(
            layer.count * part.touched(self.hidden, batch, routing)
            for layer in self.layers
            for part in layer.parts
        )
        read = {
            "experts": touched,
            "mixers": self._census["mixers"],
            "dense": self._census["dense"],
            "head": self._head,
            "rest": batch * self.hidden + self.mixed,
        }
        cache = self.kv_bytes(context, kv_dtype_bytes) + self.kv_bytes_per_token(kv_dtype_bytes)
        state = 2 * self.state_bytes(kv_dtype_bytes)
        return self._bits(read, bits_per_parameter) / 8 + batch * (cache + state)

    # Kinds

    @property
    def depth(self) -> int:
        """Layers of the main model."""
        return sum(layer.count for layer in self.layers)

    def kinds(self) -> dict[str, int]:
        """Layers by what they are made of, in order of appearance."""
        counts: Counter[str] = Counter()
        for layer in self.layers:
            counts[layer.label()] += layer.count
        return dict(counts)

    # What kernels and engines are shaped by

    @property
    def attention(self) -> Gqa | Mla:
        """As `usual_attention`.

        Raises:
            UserError: the model has none.
        """
        usual = self.usual_attention
        if usual is None:
            raise UserError(
                f"{self.name} has no attention of a kind that kernels are measured for",
                where="model",
                expected="a model with grouped-query or latent attention",
            )
        return usual

    @property
    def usual_attention(self) -> Gqa | Mla | None:
        """The attention that most layers have; one that sees everything before one that does not.

        None where all attention is of other kinds.
        """
        candidates = [
            (not (isinstance(part, Gqa) and (part.window or part.chunk)), layer.count, -place, part)
            for place, layer in enumerate(self.layers)
            for part in layer.parts
            if isinstance(part, Gqa | Mla)
        ]
        return max(candidates, key=lambda item: item[:3])[3] if candidates else None

    @property
    def mla(self) -> Mla | None:
        """The latent attention of most layers, None where they have another kind."""
        return self.attention if isinstance(self.attention, Mla) else None

    @property
    def query_heads(self) -> frozenset[int]:
        """How many query heads its attentions have, of whatever kind."""
        kinds = (Gqa, Mla, Compressed)
        return frozenset(part.heads for part in self._parts() if isinstance(part, kinds))

    @property
    def heads(self) -> int:
        """Query heads of `attention`."""
        return self.attention.heads

    @property
    def kv_heads(self) -> int:
        """Key-value heads of `attention`."""
        return self.attention.kv_heads

    @property
    def head_dim(self) -> int:
        """Head width of `attention`."""
        return self.attention.head_dim

    @property
    def value_dim(self) -> int:
        """Width of a value of `attention`."""
        return self.attention.value_dim or self.attention.head_dim

    @property
    def moe(self) -> Experts | None:
        """The first experts, None of a dense model."""
        return next((part for part in self._parts() if isinstance(part, Experts)), None)

    @property
    def dense(self) -> Dense | None:
        """The first dense block, None where all layers have experts."""
        return next((part for part in self._parts() if isinstance(part, Dense)), None)

    @property
    def intermediate(self) -> int:
        """Width of the dense block, of an expert where there is none, 0 where neither is."""
        block = self.dense or self.moe
        return block.intermediate if block else 0

    # Sums

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with changes; sums that are kept are made anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("_census", "_body", "_mixed", "_state"):
            copied.__dict__.pop(name, None)
        return copied

    def _parts(self) -> Iterable[Part]:
        return (part for layer in self.layers for part in layer.parts)

    def _sum(self, value: Callable[[Part], int]) -> int:
        return sum(layer.count * value(part) for layer in self.layers for part in layer.parts)

    @cached_property
    def _census(self) -> dict[str, int]:
        hidden = self.hidden
        routed = self._sum(lambda part: part.routed(hidden))
        blocks = self._sum(lambda part: part.stored(hidden) if _is_mlp(part) else 0)
        vectors = sum(layer.count * layer.vectors(hidden) for layer in self.layers)
        vectors += self.norms * hidden + (self.vocab if self.head_bias else 0)
        return {
            "experts": routed,
            "mixers": self._mixed
            + self._sum(lambda part: 0 if _is_mlp(part) else part.stored(hidden)),
            "dense": blocks - routed,
            "head": 0 if self.tied_embeddings else self._head,
            "rest": self.vocab * hidden + self.tables + self.mixed + vectors,
        }

    @cached_property
    def _body(self) -> int:
        return self._sum(lambda part: part.matrices(self.hidden)) + self._mixed + self.mixed

    @cached_property
    def _mixed(self) -> int:
        return sum(layer.count * layer.mixed for layer in self.layers)

    @cached_property
    def _state(self) -> int:
        return self._sum(lambda part: part.state_values())

    @property
    def _head(self) -> int:
        return self.vocab * self.hidden

    @staticmethod
    def _bits(weights: Mapping[str, float], bits: float | Widths) -> float:
        if isinstance(bits, Widths):
            return float(sum(count * getattr(bits, name) for name, count in weights.items()))
        return sum(weights.values()) * bits


def identifier(name: str) -> str:
    """A name as an id: safe in a file's name, short, never empty."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:100] or "model"


def _is_mlp(part: Part) -> bool:
    return isinstance(part, Dense | Experts)


def _stored(layer: Layer, hidden: int) -> int:
    """Weights of one layer of a kind."""
    parts = sum(part.stored(hidden) for part in layer.parts)
    return layer.vectors(hidden) + layer.mixed + parts
