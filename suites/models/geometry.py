"""What a transformer's sizes imply: parameters, FLOPs and the bytes that must move.

One multiply-add counts as two FLOPs. Only matrix products and attention are counted: norms,
rotary embedding, softmax and sampling are below 1% at these sizes (the convention of Kaplan et
al. 2020, "Scaling Laws for Neural Language Models", table 1).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Geometry", "Mla", "Moe"]

_Positive = Annotated[int, Field(gt=0)]
_Natural = Annotated[int, Field(ge=0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Moe(_Frozen):
    """A mixture of experts in place of the dense feed-forward block.

    Attributes:
        experts: routed experts of a layer.
        experts_per_token: routed experts one token visits.
        intermediate: width of one expert.
        shared_experts: experts every token visits, each `intermediate` wide.
        dense_layers: leading layers that keep the dense block.
        selection_bias: the router adds one learned value per expert (DeepSeek-V3's
            auxiliary-loss-free balancing, gpt-oss's router bias).
        expert_bias: experts carry biases.
    """

    experts: _Positive
    experts_per_token: _Positive
    intermediate: _Positive
    shared_experts: _Natural = 0
    dense_layers: _Natural = 0
    selection_bias: bool = False
    expert_bias: bool = False

    @model_validator(mode="after")
    def _a_token_cannot_visit_more_experts_than_there_are(self) -> Moe:
        if self.experts_per_token > self.experts:
            raise ValueError("experts_per_token exceeds experts")
        return self

    def distinct_experts(self, tokens: int, routing: Literal["uniform", "same"]) -> float:
        """Routed experts touched in one layer by `tokens` tokens.

        "uniform": the expectation when each token draws its experts at random,
        E·(1 − (1 − k/E)^tokens). "same": all tokens draw the same k, the least possible.
        """
        if routing == "same":
            return float(self.experts_per_token) if tokens else 0.0
        missed = (1 - self.experts_per_token / self.experts) ** tokens
        return self.experts * (1 - missed)


class Mla(_Frozen):
    """Multi-head latent attention: keys and values of all heads live in one latent vector.

    DeepSeek-V2 report (arXiv 2405.04434), section 2.1. The cache holds `kv_rank + rope_dim`
    values per token and layer.

    Attributes:
        q_rank, kv_rank: ranks of the query and key-value latents.
        nope_dim, rope_dim: parts of a head's query and key without and with rotary position.
        value_dim: a head's value size.
    """

    q_rank: _Positive
    kv_rank: _Positive
    nope_dim: _Positive
    rope_dim: _Positive
    value_dim: _Positive


class Geometry(_Frozen):
    """Sizes of one decoder-only transformer, as its published configuration states them.

    Attributes:
        id, name: ours, and the maker's.
        layers, hidden, heads, kv_heads, head_dim: attention sizes (`kv_heads` and `head_dim`
            describe the expanded heads where `mla` is set).
        intermediate: width of the dense gated feed-forward block.
        vocab: rows of the embedding, padding included.
        tied_embeddings: the output head is the embedding.
        qkv_bias, output_bias: the attention projections carry biases.
        qk_norm: RMSNorm of `head_dim` on queries and on keys.
        sinks: one learned attention sink per head (gpt-oss).
        sliding_window, sliding_layers: tokens seen by, and number of, layers with local
            attention; 0 where there is none.
        source: where the numbers come from.
    """

    id: str
    name: str
    layers: _Positive
    hidden: _Positive
    heads: _Positive
    kv_heads: _Positive
    head_dim: _Positive
    intermediate: _Positive
    vocab: _Positive
    tied_embeddings: bool
    rope_theta: float
    rms_eps: float
    source: str
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False
    sinks: bool = False
    sliding_window: _Natural = 0
    sliding_layers: _Natural = 0
    moe: Moe | None = None
    mla: Mla | None = None

    @model_validator(mode="after")
    def _sizes_agree(self) -> Geometry:
        if self.heads % self.kv_heads:
            raise ValueError("heads is not a multiple of kv_heads")
        if self.sliding_layers > self.layers:
            raise ValueError("sliding_layers exceeds layers")
        if (self.sliding_layers > 0) != (self.sliding_window > 0):
            raise ValueError("sliding_window and sliding_layers go together")
        if self.moe and self.moe.dense_layers > self.layers:
            raise ValueError("moe.dense_layers exceeds layers")
        return self

    # Parameters

    def parameters(self) -> int:
        """Count every weight, as a checkpoint of the main model holds them."""
        vectors = self.hidden  # final norm
        vectors += self.layers * self._layer_vectors()
        if self.moe:
            vectors += self._moe_layers() * self._moe_vectors()
        return self._stored_matrices() + self.vocab * self.hidden + vectors

    def active_parameters(self) -> int:
        """Weights that multiply one token: matrices of its path, and the output head."""
        return self._body_per_token() + self._head()

    def weight_bytes(self, bits_per_parameter: float) -> float:
        """Bytes of all weights at a mean width in bits (8.5 for Q8_0, 16 for bf16)."""
        return self.parameters() * bits_per_parameter / 8

    @property
    def gated_width(self) -> int:
        """Width of the feed-forward block most layers have: an expert's where all are experts."""
        return (
            self.moe.intermediate if self.moe and not self.moe.dense_layers else self.intermediate
        )

    # Key-value cache

    def kv_values_per_token(self) -> int:
        """Values cached for one token in one layer."""
        if self.mla:
            return self.mla.kv_rank + self.mla.rope_dim
        return 2 * self.kv_heads * self.head_dim

    def kv_bytes_per_token(self, dtype_bytes: float) -> float:
        """Bytes one more token takes in the cache while every layer keeps it."""
        return self.layers * self.kv_values_per_token() * dtype_bytes

    def kv_bytes(self, context: int, dtype_bytes: float) -> float:
        """Bytes of one sequence's cache: a layer with a sliding window keeps only its window."""
        tokens = self._full_layers() * context
        tokens += self.sliding_layers * min(context, self.sliding_window)
        return tokens * self.kv_values_per_token() * dtype_bytes

    # Work

    def prefill_flops(self, isl: int, batch: int = 1) -> int:
        """FLOPs to read `batch` prompts of `isl` tokens and give one token each.

        2 × weights × tokens, the output head once per prompt, and causal attention over
        isl·(isl + 1)/2 pairs (fewer in a sliding window).
        """
        per_pair = self._flops_per_pair(absorbed=False)
        pairs = self._full_layers() * _causal_pairs(isl, isl)
        pairs += self.sliding_layers * _causal_pairs(isl, self.sliding_window)
        one = 2 * (self._body_per_token() * isl + self._head()) + per_pair * pairs
        return batch * one

    def decode_flops(self, context: int, batch: int = 1) -> int:
        """FLOPs of one decode step when every sequence sees `context` tokens, itself included.

        MLA decodes in its absorbed form: scores and values are taken in the latent space
        (DeepSeek-V2, section 2.1.2).
        """
        per_pair = self._flops_per_pair(absorbed=True)
        pairs = self._full_layers() * context
        pairs += self.sliding_layers * min(context, self.sliding_window)
        return batch * (2 * self.active_parameters() + per_pair * pairs)

    def decode_min_bytes(
        self,
        context: int,
        batch: int = 1,
        *,
        bits_per_parameter: float = 16,
        kv_dtype_bytes: float = 2,
        routing: Literal["uniform", "same"] = "same",
    ) -> float:
        """Bytes one decode step must move: weights once, one embedding row and the cache each.

        With experts, only those touched are read: see `Moe.distinct_experts`. The default,
        "same", is a lower bound for any routing.
        """
        weights = self.layers * self._attention_matrices() + self._dense_layers() * self._dense()
        weights += self._head() + batch * self.hidden
        read = float(weights)
        if self.moe:
            touched = self.moe.distinct_experts(batch, routing)
            read += self._moe_layers() * (
                self._moe_matrices(0) + touched * 3 * self.hidden * self.moe.intermediate
            )
        cache = self.kv_bytes(context, kv_dtype_bytes)
        written = self.kv_bytes_per_token(kv_dtype_bytes)
        return read * bits_per_parameter / 8 + batch * (cache + written)

    # Parts

    def _full_layers(self) -> int:
        return self.layers - self.sliding_layers

    def _dense_layers(self) -> int:
        return self.moe.dense_layers if self.moe else self.layers

    def _moe_layers(self) -> int:
        return self.layers - self._dense_layers()

    def _head(self) -> int:
        return self.vocab * self.hidden

    def _stored_matrices(self) -> int:
        """Weights of all matrix products; a tied head is stored as the embedding, not here."""
        body = self.layers * self._attention_matrices() + self._dense_layers() * self._dense()
        if self.moe:
            body += self._moe_layers() * self._moe_matrices(self.moe.experts)
        return body if self.tied_embeddings else body + self._head()

    def _dense(self) -> int:
        return 3 * self.hidden * self.intermediate  # gate, up, down

    def _moe_matrices(self, routed: int) -> int:
        """Weights of one expert layer with `routed` experts, shared ones and the router."""
        if not self.moe:
            return 0
        expert = 3 * self.hidden * self.moe.intermediate
        return (routed + self.moe.shared_experts) * expert + self.hidden * self.moe.experts

    def _moe_vectors(self) -> int:
        if not self.moe:
            return 0
        selection = self.moe.experts if self.moe.selection_bias else 0
        bias = self.moe.experts * (2 * self.moe.intermediate + self.hidden)
        return selection + (bias if self.moe.expert_bias else 0)

    def _attention_matrices(self) -> int:
        if self.mla:
            mla = self.mla
            query = self.hidden * mla.q_rank
            query += mla.q_rank * self.heads * (mla.nope_dim + mla.rope_dim)
            key_value = self.hidden * (mla.kv_rank + mla.rope_dim)
            key_value += mla.kv_rank * self.heads * (mla.nope_dim + mla.value_dim)
            return query + key_value + self.heads * mla.value_dim * self.hidden
        return 2 * self.hidden * (self.heads + self.kv_heads) * self.head_dim

    def _layer_vectors(self) -> int:
        norms = 2 * self.hidden
        norms += 2 * self.head_dim if self.qk_norm else 0
        norms += self.mla.q_rank + self.mla.kv_rank if self.mla else 0
        biases = (self.heads + 2 * self.kv_heads) * self.head_dim if self.qkv_bias else 0
        biases += self.hidden if self.output_bias else 0
        return norms + biases + (self.heads if self.sinks else 0)

    def _body_per_token(self) -> int:
        body = self.layers * self._attention_matrices() + self._dense_layers() * self._dense()
        if self.moe:
            body += self._moe_layers() * self._moe_matrices(self.moe.experts_per_token)
        return body

    def _flops_per_pair(self, *, absorbed: bool) -> int:
        """FLOPs of one query meeting one key in one layer: score and weighted value."""
        if not self.mla:
            return 4 * self.heads * self.head_dim
        if absorbed:
            return 2 * self.heads * (2 * self.mla.kv_rank + self.mla.rope_dim)
        return 2 * self.heads * (self.mla.nope_dim + self.mla.rope_dim + self.mla.value_dim)


def _causal_pairs(tokens: int, window: int) -> int:
    """Pairs (query, key) with key ≤ query and at most `window` keys per query."""
    seen = min(tokens, window)
    return seen * (seen + 1) // 2 + (tokens - seen) * seen
