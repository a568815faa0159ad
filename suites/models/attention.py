"""Parts that look back at cached tokens: grouped-query, latent and compressed attention."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from suites.models.part import Natural, Part, Positive, causal_pairs

__all__ = ["Compressed", "Gqa", "Mla"]


class Gqa(Part):
    """Grouped-query attention (Ainslie et al. 2023, arXiv 2305.13245), with what later models add.

    Attributes:
        heads, kv_heads, head_dim: of queries, of keys and values, and their width.
        value_dim: a value's width where it is not `head_dim`.
        window: tokens seen, itself included; 0 for all.
        chunk: tokens are seen back to the last multiple of it (Llama 4); 0 for all.
        q_rank: the query goes through so narrow a latent (Step-3); 0 for none.
        qkv_bias, output_bias: the projections carry biases.
        qk_norm: RMSNorm on queries and keys, of one "head" or of "full" width.
        gate: the output is gated by a projection, one value a "head" or "full" width.
        sinks: one learned attention sink per head (gpt-oss).
        shared_kv: values are the keys, from one projection (Gemma 4); both are cached.
        borrows_cache: keys and values are those of a layer below (Gemma 3n and 4).
    """

    kind: Literal["gqa"] = "gqa"
    heads: Positive
    kv_heads: Positive
    head_dim: Positive
    value_dim: Natural = 0
    window: Natural = 0
    chunk: Natural = 0
    q_rank: Natural = 0
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: Literal["", "head", "full"] = ""
    gate: Literal["", "head", "full"] = ""
    sinks: bool = False
    shared_kv: bool = False
    borrows_cache: bool = False

    @model_validator(mode="after")
    def _heads_divide(self) -> Gqa:
        if self.heads % self.kv_heads:
            raise ValueError("heads is not a multiple of kv_heads")
        return self

    @property
    def _value(self) -> int:
        return self.value_dim or self.head_dim

    @property
    def _projected(self) -> int:
        """Width of keys and values as they are projected."""
        if self.borrows_cache:
            return 0
        return self.kv_heads * (self.head_dim + (0 if self.shared_kv else self._value))

    def projections(self, hidden: int) -> dict[str, int]:
        """Weights of each projection, by the name most checkpoints give it."""
        queries = self.heads * self.head_dim
        gate = {"": 0, "head": self.heads, "full": self.heads * self._value}[self.gate]
        keys = 0 if self.borrows_cache else self.kv_heads * self.head_dim
        query = (hidden + queries) * self.q_rank if self.q_rank else hidden * queries
        return {
            "q_proj": query + (hidden * gate if self.gate == "full" else 0),
            "k_proj": hidden * keys,
            "v_proj": hidden * (self._projected - keys),
            "g_proj": hidden * gate if self.gate == "head" else 0,
            "o_proj": hidden * self.heads * self._value,
        }

    def matrices(self, hidden: int) -> int:
        """All projections."""
        return sum(self.projections(hidden).values())

    def vectors(self, hidden: int) -> int:
        """Biases, norms and sinks."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        if self.borrows_cache:
            keys = 0
        norms = {"": 0, "head": self.head_dim * (2 if keys else 1), "full": queries + keys}
        values = norms[self.qk_norm] + self.q_rank
        values += queries + self._projected if self.qkv_bias else 0
        return values + (hidden if self.output_bias else 0) + (self.heads if self.sinks else 0)

    def kv_values(self) -> int:
        """Keys and values of one token."""
        return 0 if self.borrows_cache else self.kv_heads * (self.head_dim + self._value)

    def kept(self, context: int) -> int:
        """All tokens, or those of the window or chunk."""
        return min(context, self.window or context, self.chunk or context)

    def decode_flops(self, context: int) -> int:
        """Score and weighted value of every key seen."""
        seen = (context - 1) % self.chunk + 1 if self.chunk else self.kept(context)
        return self._flops_per_pair() * seen

    def prefill_flops(self, isl: int) -> int:
        """The same over all causal pairs."""
        if self.chunk:
            whole, rest = divmod(isl, self.chunk)
            pairs = whole * causal_pairs(self.chunk, self.chunk) + causal_pairs(rest, self.chunk)
        else:
            pairs = causal_pairs(isl, self.window or isl)
        return self._flops_per_pair() * pairs

    def label(self) -> str:
        """Such as "gqa window 128"."""
        limits = (("window", self.window), ("chunk", self.chunk))
        words = [f"{name} {size}" for name, size in limits if size]
        return " ".join(["gqa", *words, *(["borrowed cache"] if self.borrows_cache else [])])

    def _flops_per_pair(self) -> int:
        return 2 * self.heads * (self.head_dim + self._value)


class Mla(Part):
    """Multi-head latent attention: keys and values of all heads live in one latent vector.

    DeepSeek-V2 report (arXiv 2405.04434), section 2.1. The cache holds `kv_rank + rope_dim`
    values per token and layer. With an indexer (DeepSeek-V3.2 report, section 2.1: sparse
    attention), a token attends to the `topk` keys that a small head scores best, and the key of
    that head is cached too.

    Attributes:
        heads: of queries; each sees keys and values of its own, expanded from the latent.
        q_rank, kv_rank: ranks of the query and key-value latents; 0 for a full query.
        nope_dim, rope_dim: parts of a head's query and key without and with rotary position.
        value_dim: a head's value size.
        bias: the projections into latents and out of heads carry biases.
        index_heads, index_dim: of the indexer; 0 for none, or for the choice of a layer below.
        topk: keys a token attends to; 0 for all.
    """

    kind: Literal["mla"] = "mla"
    heads: Positive
    q_rank: Natural
    kv_rank: Positive
    nope_dim: Natural
    rope_dim: Natural
    value_dim: Positive
    bias: bool = False
    index_heads: Natural = 0
    index_dim: Natural = 0
    topk: Natural = 0

    @model_validator(mode="after")
    def _an_indexer_is_whole(self) -> Mla:
        if (self.index_heads > 0) != (self.index_dim > 0) or (self.index_heads and not self.topk):
            raise ValueError("index_heads and index_dim go together, and need topk")
        return self

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values once they are expanded."""
        return self.heads

    @property
    def head_dim(self) -> int:
        """Width of an expanded head that carries no position."""
        return self.nope_dim

    def projections(self, hidden: int) -> dict[str, int]:
        """Weights of each projection, by the name most checkpoints give it."""
        queries = self.heads * (self.nope_dim + self.rope_dim)
        query = (
            {"q_a_proj": hidden * self.q_rank, "q_b_proj": self.q_rank * queries}
            if self.q_rank
            else {"q_proj": hidden * queries}
        )
        index = (self.q_rank or hidden) * self.index_heads * self.index_dim
        return {
            **query,
            "kv_a_proj_with_mqa": hidden * (self.kv_rank + self.rope_dim),
            "kv_b_proj": self.kv_rank * self.heads * (self.nope_dim + self.value_dim),
            "o_proj": self.heads * self.value_dim * hidden,
            "indexer": index + hidden * (self.index_dim + self.index_heads),
        }

    def matrices(self, hidden: int) -> int:
        """All projections."""
        return sum(self.projections(hidden).values())

    def vectors(self, hidden: int) -> int:
        """Norms of the latents; the indexer's key has a norm with bias."""
        biases = self.q_rank + self.kv_rank + self.rope_dim + hidden if self.bias else 0
        return self.q_rank + self.kv_rank + 2 * self.index_dim + biases

    def kv_values(self) -> int:
        """The latent, the rotary key, and the indexer's key."""
        return self.kv_rank + self.rope_dim + self.index_dim

    def decode_flops(self, context: int) -> int:
        """Absorbed form: scores and values are taken in the latent space (section 2.1.2)."""
        per_pair = 2 * self.heads * (2 * self.kv_rank + self.rope_dim)
        return per_pair * min(context, self.topk or context) + self._index_flops() * context

    def prefill_flops(self, isl: int) -> int:
        """Expanded to full heads, as engines do for prompts."""
        per_pair = 2 * self.heads * (self.nope_dim + self.rope_dim + self.value_dim)
        pairs = causal_pairs(isl, self.topk or isl)
        return per_pair * pairs + self._index_flops() * causal_pairs(isl, isl)

    def label(self) -> str:
        """Such as "mla topk 2048"."""
        return f"mla topk {self.topk}" if self.topk else "mla"

    def _index_flops(self) -> int:
        return 2 * self.index_heads * self.index_dim


class Compressed(Part):
    """Attention over a window and over compressed entries (DeepSeek-V4 report, section 2.3).

    One vector a token is key and value of all heads. Beside a window of plain ones, every `ratio`
    tokens leave one compressed entry. With an indexer, which keeps entries of its own, a token sees
    the `topk` entries that score best.

    Attributes:
        heads, head_dim: of queries.
        q_rank: rank of the query's latent; out_rank, out_groups: of the output's, a group each.
        window: tokens seen plain.
        ratio: tokens to an entry; 0 for a window alone.
        index_heads, index_dim, topk: of the indexer, whose layers compress two series; 0 for none.
    """

    kind: Literal["compressed"] = "compressed"
    heads: Positive
    head_dim: Positive
    q_rank: Positive
    out_rank: Positive
    out_groups: Positive
    window: Positive
    ratio: Natural = 0
    index_heads: Natural = 0
    index_dim: Natural = 0
    topk: Natural = 0

    @property
    def kv_heads(self) -> int:
        """All heads share one key."""
        return 1

    @property
    def _series(self) -> int:
        """Series that entries are made from: two where windows overlap."""
        return 2 if self.topk else 1

    def projections(self, hidden: int) -> dict[str, int]:
        """Weights of each projection, by the name the checkpoint gives it."""
        queries = self.heads * self.head_dim
        entries = 2 * hidden * self._series * self.head_dim if self.ratio else 0
        index = 2 * hidden * self._series * self.index_dim
        index += self.q_rank * self.index_heads * self.index_dim + hidden * self.index_heads
        return {
            "q_a_proj": hidden * self.q_rank,
            "q_b_proj": self.q_rank * queries,
            "kv_proj": hidden * self.head_dim,
            "o_a_proj": queries * self.out_rank,
            "o_b_proj": self.out_groups * self.out_rank * hidden,
            "compressor": entries,
            "indexer": index if self.topk else 0,
        }

    def matrices(self, hidden: int) -> int:
        """All projections."""
        return sum(self.projections(hidden).values())

    def vectors(self, _hidden: int) -> int:
        """Norms, sinks, and of each compressor a norm and positions within an entry."""
        values = self.q_rank + self.head_dim + self.heads
        for width in (self.head_dim, self.index_dim) if self.ratio else ():
            values += width + self.ratio * self._series * width
        return values

    def kv_values(self) -> int:
        """The vector of one token, and its share of an entry."""
        entry = self.head_dim + self.index_dim
        return self.head_dim + (entry // self.ratio if self.ratio else 0)

    def cached(self, context: int) -> int:
        """The window, and the entries with those of the indexer."""
        entries = context // self.ratio if self.ratio else 0
        return min(context, self.window) * self.head_dim + entries * (
            self.head_dim + self.index_dim
        )

    def decode_flops(self, context: int) -> int:
        """Score and weighted value of what is seen, and the indexer's score of every entry."""
        entries = context // self.ratio if self.ratio else 0
        seen = min(context, self.window) + min(entries, self.topk or entries)
        index = 2 * self.index_heads * self.index_dim * entries
        return 4 * self.heads * self.head_dim * seen + index

    def prefill_flops(self, isl: int) -> int:
        """The sum over all tokens, entry by entry."""
        per_pair = 4 * self.heads * self.head_dim
        flops = per_pair * causal_pairs(isl, self.window)
        if self.ratio:
            entries, rest = divmod(isl, self.ratio)
            # After each entry, `ratio` tokens see it and those before; the last group may be short.
            seen = self.ratio * causal_pairs(entries - 1, self.topk or isl) if entries else 0
            seen += (rest + 1) * min(entries, self.topk or entries)
            scored = self.ratio * causal_pairs(entries - 1, isl) if entries else 0
            scored += (rest + 1) * entries
            flops += per_pair * seen + 2 * self.index_heads * self.index_dim * scored
        return flops

    def label(self) -> str:
        """Such as "window 128, compressed by 4, topk 512"."""
        words = [f"window {self.window}"]
        words += [f"compressed by {self.ratio}"] if self.ratio else []
        return ", ".join([*words, *([f"topk {self.topk}"] if self.topk else [])])
