"""From the tensors of a GGUF file to a geometry whose sums are theirs, or to a refusal by name.

Names of tensors are llama.cpp's (gguf-py, constants.py). What the parts of a layer hold must be
exactly what the file holds; one matrix more or less, and the file is not expressed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from suites.base.errors import UserError
from suites.models.attention import Gqa, Mla
from suites.models.feed_forward import Dense, Experts
from suites.models.geometry import Geometry, Layer, identifier
from suites.models.recurrent import GatedDelta, Mamba, Mamba2, ShortConv

if TYPE_CHECKING:
    from suites.models.gguf import GgufHeader, Tensor
    from suites.models.part import Part

__all__ = ["geometry_of"]

_MOST_LAYERS = 10_000
# Every so many layers one sees everything, where the file gives a window and no pattern.
_PATTERNS = {
    "gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "cohere2": 4, "exaone4": 4, "olmo2": 4,
    "llama4": 4,
}  # fmt: skip
_WINDOW_EVERYWHERE = {"phi3", "mistral", "starcoder2", "phimoe"}
# Matrices by their axes, yet no products: a state's decay, and convolutions are counted apart.
_VECTORS = ("ssm_a", "ssm_d")


def geometry_of(header: GgufHeader) -> Geometry:
    """Read the geometry of a GGUF file.

    Raises:
        UserError: a key is missing or wrong, or a tensor is not expressed; names it.
    """
    if header.keys.get("split.count", 1) not in {0, 1}:
        raise UserError(
            "is one part of several", where=header.where, expected="a model in one GGUF file"
        )
    try:
        return _geometry(header)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(first["msg"], where=header.where, expected="sizes of a model") from error


def _geometry(header: GgufHeader) -> Geometry:
    embedding = header.tensors.get("token_embd.weight")
    if embedding is None or len(embedding.shape) != 2:
        raise UserError(
            f"holds no embedding of a {header.architecture} language model",
            where=f"{header.where}:token_embd.weight",
            expected="a language model",
        )
    hidden, vocab = embedding.shape
    depth = header.number("block_count")
    main = depth - header.number("nextn_predict_layers", 0)
    if not 0 < main <= depth <= _MOST_LAYERS:
        raise header.wrong(f"{header.architecture}.block_count", f"1 to {_MOST_LAYERS:,}")
    blocks: list[dict[str, Tensor]] = [{} for _ in range(depth)]
    beside: dict[str, Tensor] = {}
    for name, tensor in header.tensors.items():
        _, _, rest = name.partition("blk.")
        number, _, own = rest.partition(".")
        if name.startswith("blk.") and number.isdecimal() and int(number[:6]) < depth:
            blocks[int(number[:6])][own] = tensor
        else:
            beside[name] = tensor
    counts: dict[Layer, int] = {}
    for index, block in enumerate(blocks[:main]):
        layer = _Block(header, hidden, index, block).layer()
        counts[layer] = counts.get(layer, 0) + 1
    name = header.name or header.where.rpartition("/")[2].removesuffix(".gguf")
    geometry = Geometry(
        id=identifier(name),
        name=name,
        hidden=hidden,
        vocab=vocab,
        tied_embeddings="output.weight" not in beside,
        layers=tuple(layer.model_copy(update={"count": count}) for layer, count in counts.items()),
        norms=0,
        tables=_tables(header, beside),
        source=header.where,
    )
    held = header.parameters - sum(t.count for block in blocks[main:] for t in block.values())
    if geometry.parameters() != held:
        raise UserError(
            f"holds {held:,} values, {geometry.parameters():,} of them understood",
            where=header.where,
            expected=f"a {header.architecture} model as llama.cpp writes it",
        )
    return geometry


def _tables(header: GgufHeader, beside: dict[str, Tensor]) -> int:
    """Values beside the layers that are neither embedding nor head."""
    values = 0
    for name, tensor in beside.items():
        if name in {"token_embd.weight", "output.weight"} or name.startswith("rope_"):
            continue
        if len(tensor.shape) > 1:
            raise _unexpressed(header, name)
        values += tensor.count
    return values


def _unexpressed(header: GgufHeader, name: str) -> UserError:
    return UserError(
        "is a tensor that is not expressed",
        where=f"{header.where}:{name[:80]}",
        expected=f"tensors of a {header.architecture[:40]} model whose kind is known",
    )


class _Block:
    """Tensors of one layer, taken as the parts they make."""

    def __init__(
        self, header: GgufHeader, hidden: int, index: int, tensors: dict[str, Tensor]
    ) -> None:
        self._header, self._hidden, self._index = header, hidden, index
        self._tensors, self._taken = tensors, set[str]()

    def layer(self) -> Layer:
        parts: list[Part] = [part for part in (*self._mixers(), *self._blocks()) if part]
        values = 0
        for name, tensor in self._tensors.items():
            if name in self._taken:
                continue
            if len(tensor.shape) > 1 and name.removesuffix(".weight") not in _VECTORS:
                raise _unexpressed(self._header, f"blk.{self._index}.{name}")
            values += tensor.count
        stored = sum(part.stored(self._hidden) for part in parts)
        held = sum(self._tensors[name].count for name in self._taken)
        others = values - sum(part.vectors(self._hidden) for part in parts)
        if stored != held or others < 0:
            raise UserError(
                f"has matrices of {held:,} values where its parts have {stored:,}",
                where=f"{self._header.where}:blk.{self._index}",
                expected=f"a layer of {self._header.architecture[:40]} as llama.cpp writes it",
            )
        held_parts: Any = tuple(parts)
        return Layer(parts=held_parts, norms=0, others=others)

    # Taking tensors

    def _has(self, name: str, kind: str = "weight") -> bool:
        return f"{name}.{kind}" in self._tensors

    def _shape(self, name: str) -> tuple[int, ...]:
        tensor = self._tensors.get(f"{name}.weight")
        if tensor is None:
            raise UserError(
                "is missing",
                where=f"{self._header.where}:blk.{self._index}.{name}.weight",
                expected=f"a layer of {self._header.architecture[:40]}",
            )
        return tensor.shape

    def _take(self, *names: str) -> tuple[int, ...]:
        """Mark tensors as counted; the shape of the first."""
        for name in names:
            self._shape(name)
            self._taken.add(f"{name}.weight")
        return self._shape(names[0])

    # Mixers

    def _mixers(self) -> list[Part]:
        mixers: list[Part] = []
        if self._has("attn_kv_a_mqa"):
            mixers.append(self._mla())
        elif self._has("ssm_ba") or self._has("ssm_beta_alpha"):
            return [self._delta()]
        elif self._has("attn_output"):
            mixers.append(self._gqa())
        if self._has("ssm_x"):
            mixers.append(self._mamba())
        elif self._has("ssm_in"):
            mixers.append(self._mamba2())
        if self._has("shortconv.conv"):
            inner = self._shape("shortconv.in_proj")[1] // 3
            self._take("shortconv.in_proj", "shortconv.out_proj")
            kernel = self._take("shortconv.conv")[0]
            mixers.append(ShortConv(inner=inner, conv=kernel))
        return mixers

    def _gqa(self) -> Gqa:
        header, index = self._header, self._index
        heads = header.each("attention.head_count", index)
        kv_heads = header.each("attention.head_count_kv", index, heads) or heads
        outward = self._take("attn_output")[0]
        value = outward // max(heads, 1)
        width = header.number("attention.key_length", value)
        fused = self._has("attn_qkv")
        borrows = not fused and not self._has("attn_k")
        if fused:
            self._take("attn_qkv")
            queries = heads * width
        else:
            queries = self._take("attn_q")[1]
            for name in ("attn_k", "attn_v"):
                if self._has(name):
                    self._take(name)
        if self._has("attn_gate"):
            self._take("attn_gate")
        # Qwen3-Next and later project the gate with the query.
        doubled = header.architecture.startswith("qwen3") and queries == 2 * heads * width
        gated = doubled or self._has("attn_gate")
        return Gqa(
            heads=heads,
            kv_heads=kv_heads,
            head_dim=width,
            value_dim=0 if value == width else value,
            window=self._window(),
            qkv_bias=self._has("attn_qkv" if fused else "attn_q", "bias"),
            output_bias=self._has("attn_output", "bias"),
            qk_norm=self._qk_norm(width),
            gate="full" if gated else "",
            sinks=self._has("attn_sinks"),
            shared_kv=not (fused or borrows or self._has("attn_v")),
            borrows_cache=borrows,
        )

    def _qk_norm(self, width: int) -> Literal["", "head", "full"]:
        if not self._has("attn_q_norm"):
            return ""
        return "head" if self._shape("attn_q_norm") == (width,) else "full"

    def _window(self) -> int:
        header, arch = self._header, self._header.architecture
        window = header.number("attention.sliding_window", 0)
        if not window:
            return 0
        pattern = header.keys.get(f"{arch}.attention.sliding_window_pattern")
        if isinstance(pattern, list):
            return window if self._index < len(pattern) and pattern[self._index] else 0
        every = pattern if isinstance(pattern, int) and pattern > 0 else _PATTERNS.get(arch)
        if every:
            return 0 if (self._index + 1) % every == 0 else window
        if arch in _WINDOW_EVERYWHERE:
            return window
        raise UserError(
            f"has a window of {window} tokens, and nothing says in which layers",
            where=f"{header.where}:{arch}.attention.sliding_window",
            expected="an architecture whose pattern is known",
        )

    def _mla(self) -> Mla:
        header = self._header
        heads = header.each("attention.head_count", self._index)
        rank = self._shape("attn_kv_a_norm")[0]
        rope = self._take("attn_kv_a_mqa")[1] - rank
        if self._has("attn_kv_b"):
            self._take("attn_kv_b")
        else:
            self._take("attn_k_b", "attn_v_b")
        value = self._take("attn_output")[0] // max(heads, 1)
        low = self._has("attn_q_a")
        queries = self._take(*(("attn_q_b", "attn_q_a") if low else ("attn_q",)))[1]
        return Mla(
            heads=heads,
            q_rank=self._shape("attn_q_a")[1] if low else 0,
            kv_rank=rank,
            nope_dim=queries // max(heads, 1) - rope,
            rope_dim=rope,
            value_dim=value,
        )

    def _delta(self) -> GatedDelta:
        header = self._header
        beta = "ssm_ba" if self._has("ssm_ba") else "ssm_beta_alpha"
        inward = ("attn_qkv", "attn_gate") if self._has("attn_qkv") else ("ssm_in",)
        self._take(*inward, beta, "ssm_out")
        values = header.number("ssm.time_step_rank")
        return GatedDelta(
            key_heads=header.number("ssm.group_count"),
            value_heads=values,
            key_dim=header.number("ssm.state_size"),
            value_dim=header.number("ssm.inner_size") // max(values, 1),
            conv=self._take("ssm_conv1d")[0],
        )

    def _mamba(self) -> Mamba:
        inner = self._take("ssm_in", "ssm_x", "ssm_dt", "ssm_out")[1] // 2
        return Mamba(
            inner=inner,
            state=self._header.number("ssm.state_size"),
            dt_rank=self._header.number("ssm.time_step_rank"),
            conv=self._take("ssm_conv1d")[0],
            conv_bias=self._has("ssm_conv1d", "bias"),
            norms=self._has("ssm_dt_norm"),
        )

    def _mamba2(self) -> Mamba2:
        self._take("ssm_in", "ssm_out")
        heads, inner = self._header.number("ssm.time_step_rank"), self._shape("ssm_out")[0]
        return Mamba2(
            heads=heads,
            head_dim=inner // max(heads, 1),
            state=self._header.number("ssm.state_size"),
            groups=self._header.number("ssm.group_count", 1),
            conv=self._take("ssm_conv1d")[0],
            conv_bias=self._has("ssm_conv1d", "bias"),
            norm=self._has("ssm_norm"),
        )

    # Feed-forward

    def _blocks(self) -> list[Part]:
        blocks: list[Part] = []
        if self._has("ffn_down"):
            wide, _ = self._take("ffn_down")
            inward = self._take("ffn_up")[1]
            gated = self._has("ffn_gate")
            if gated:
                self._take("ffn_gate")
            blocks.append(
                Dense(
                    intermediate=wide,
                    gated=gated or inward == 2 * wide,
                    bias=self._has("ffn_down", "bias"),
                )
            )
        if self._has("ffn_gate_inp"):
            blocks.append(self._experts())
        return blocks

    def _experts(self) -> Experts:
        header = self._header
        _, count = self._take("ffn_gate_inp")
        wide = self._take("ffn_down_exps")[0]
        names = ["ffn_gate_up_exps"] if self._has("ffn_gate_up_exps") else ["ffn_up_exps"]
        gated = names != ["ffn_up_exps"] or self._has("ffn_gate_exps")
        if self._has("ffn_gate_exps"):
            names.append("ffn_gate_exps")
        self._take(*names)
        shared = 0
        if self._has("ffn_down_shexp"):
            shared = self._take("ffn_down_shexp")[0]
            both = ("ffn_gate_shexp", "ffn_up_shexp")
            self._take(*(name for name in both if self._has(name)))
        gate = self._has("ffn_gate_inp_shexp")
        if gate:
            self._take("ffn_gate_inp_shexp")
        return Experts(
            experts=count,
            experts_per_token=header.number("expert_used_count"),
            intermediate=wide,
            shared_intermediate=shared,
            shared_gate=gate,
            gated=gated,
            selection_bias=self._has("exp_probs_b", "bias") or self._has("ffn_gate_inp", "bias"),
        )
