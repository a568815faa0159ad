"""Attention and recurrent parts from the fields that describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from suites.models.attention import Compressed, Gqa, Mla
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
    from suites.models.config_families import Family
    from suites.models.config_fields import Fields

__all__ = [
    "compressed",
    "conv",
    "delta",
    "gqa",
    "kimi_delta",
    "lightning",
    "mamba",
    "mamba2",
    "mla",
    "rwkv7",
]

_HEADS = ("num_attention_heads", "n_heads", "n_head", "num_heads")
_KV_HEADS = ("num_key_value_heads", "num_attention_groups", "num_kv_heads")
_HEAD_DIM = ("head_dim", "attention_head_dim", "kv_channels")


def gqa(fields: Fields, family: Family, *, kind: str = "full", borrows: bool = False) -> Gqa:
    """Grouped-query attention of a "full", "sliding" or "chunked" layer.

    Sliding layers may have sizes of their own (`swa_…`, `attention_other_setting`), and so may
    full ones (`global_…`).
    """
    local = kind == "sliding"
    other = fields.inner("attention_other_setting") if local else None
    source = other or fields
    alone = {"sliding": "swa_{}", "full": "global_{}"}.get(kind, "{}")
    heads = source.whole(*([f"swa_{_HEADS[0]}"] if local else []), *_HEADS)
    # Keys and values are one only in full layers, which then have heads of their own.
    shared = kind == "full" and fields.flag("attention_k_eq_v")
    own_kv = (
        ["swa_num_key_value_heads"] if local else ["num_global_key_value_heads"] if shared else []
    )
    kv_heads = source.whole(*own_kv, *_KV_HEADS, default=heads)
    if fields.flag("multi_query") and not fields.flag("new_decoder_architecture"):
        kv_heads = 1
    width = fields.whole(*family.hidden) // heads or 1
    head_dim = source.whole(alone.format("head_dim"), *_HEAD_DIM, default=width)
    value_dim = source.natural(*(["swa_v_head_dim"] if local else []), "v_head_dim")
    bias = _flag(family.qkv_bias, fields, "attention_bias", "qkv_bias", "use_qkv_bias", "use_bias")
    fields.ignore("swa_head_dim", "swa_v_head_dim", "swa_num_attention_heads", "global_head_dim")
    fields.ignore(
        "swa_num_key_value_heads", "num_global_key_value_heads", "attention_other_setting"
    )
    return Gqa(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        value_dim=0 if value_dim == head_dim else value_dim,
        window=window(fields) if local else 0,
        chunk=fields.whole("attention_chunk_size") if kind == "chunked" else 0,
        q_rank=fields.natural("share_q_dim"),
        qkv_bias=bias,
        output_bias=_output_bias(fields, family, bias),
        qk_norm=_qk_norm(fields, family),
        gate=_gate(fields, family),
        sinks=_sinks(fields, family, local=local),
        shared_kv=shared,
        borrows_cache=borrows,
    )


def window(fields: Fields) -> int:
    """Tokens a sliding layer sees."""
    return fields.whole("sliding_window", "sliding_window_size")


def mla(fields: Fields, *, borrows_index: bool = False) -> Mla:
    """Latent attention, with its indexer where the fields name one."""
    fields.ignore("head_dim", "qk_head_dim", "num_key_value_heads")
    index = fields.natural("index_n_heads"), fields.natural("index_head_dim")
    return Mla(
        heads=fields.whole(*_HEADS),
        q_rank=fields.natural("q_lora_rank"),
        kv_rank=fields.whole("kv_lora_rank"),
        nope_dim=fields.natural("qk_nope_head_dim"),
        rope_dim=fields.natural("qk_rope_head_dim"),
        value_dim=fields.whole("v_head_dim"),
        bias=fields.flag("attention_bias"),
        index_heads=0 if borrows_index else index[0],
        index_dim=0 if borrows_index else index[1],
        topk=fields.natural("index_topk"),
    )


def compressed(fields: Fields, ratio: int, *, sparse: bool) -> Compressed:
    """Window and compressed entries of DeepSeek-V4; only sparse layers have an indexer."""
    index = [fields.natural(name) for name in ("index_n_heads", "index_head_dim", "index_topk")]
    heads, width, topk = index if sparse else (0, 0, 0)
    fields.ignore("num_key_value_heads")
    return Compressed(
        heads=fields.whole(*_HEADS),
        head_dim=fields.whole("head_dim"),
        q_rank=fields.whole("q_lora_rank"),
        out_rank=fields.whole("o_lora_rank"),
        out_groups=fields.whole("o_groups"),
        window=window(fields),
        ratio=ratio,
        index_heads=heads,
        index_dim=width,
        topk=topk,
    )


def delta(fields: Fields) -> GatedDelta:
    """Gated delta net of Qwen3-Next and Qwen3.5."""
    return GatedDelta(
        key_heads=fields.whole("linear_num_key_heads"),
        value_heads=fields.whole("linear_num_value_heads"),
        key_dim=fields.whole("linear_key_head_dim"),
        value_dim=fields.whole("linear_value_head_dim"),
        conv=fields.whole("linear_conv_kernel_dim"),
    )


def kimi_delta(fields: Fields) -> KimiDelta:
    """Kimi delta attention, whose sizes stand in a table of their own."""
    return KimiDelta(
        heads=fields.whole("linear_num_heads", "num_heads"),
        head_dim=fields.whole("linear_head_dim", "head_dim"),
        conv=fields.whole("linear_conv_kernel_dim", "short_conv_kernel_size"),
    )


def lightning(fields: Fields) -> Lightning:
    """Linear attention of MiniMax-01 and M1."""
    heads = fields.whole(*_HEADS)
    width = fields.whole("hidden_size") // heads or 1
    return Lightning(heads=heads, head_dim=fields.whole(*_HEAD_DIM, default=width))


def mamba(fields: Fields, family: Family) -> Mamba:
    """First Mamba, under its own names or those of a hybrid."""
    hidden = fields.whole(*family.hidden)
    inner = fields.whole("mamba_expand", "expand", default=2) * hidden
    if family.pure:
        inner = fields.whole("intermediate_size", default=inner)
    rank = fields.raw("mamba_dt_rank", "time_step_rank")
    if rank == "auto":
        rank = -(-hidden // 16)
        fields.ignore("mamba_dt_rank", "time_step_rank")
    else:
        rank = fields.whole("mamba_dt_rank", "time_step_rank", default=-(-hidden // 16))
    return Mamba(
        inner=inner,
        state=fields.whole("mamba_d_state", "state_size", default=16),
        dt_rank=rank,
        conv=fields.whole("mamba_d_conv", "conv_kernel", default=4),
        conv_bias=fields.flag("mamba_conv_bias", "use_conv_bias", default=True),
        bias=fields.flag("mamba_proj_bias", "use_bias"),
        norms=family.mamba_norms,
    )


def mamba2(fields: Fields, family: Family) -> Mamba2:
    """Second Mamba, under its own names or those of a hybrid."""
    hidden = fields.whole(*family.hidden)
    heads = fields.whole(
        "mamba_n_heads", "mamba_num_heads", *(["num_heads"] if family.pure else [])
    )
    inner = fields.natural("mamba_d_ssm")
    fields.ignore("mamba_expand", "expand")
    inner = inner or fields.whole("mamba_expand", "expand", default=2) * hidden
    named = fields.raw("mamba_d_head", "mamba_head_dim", *(["head_dim"] if family.pure else []))
    width = inner // heads or 1
    if isinstance(named, int):
        width = fields.whole("mamba_d_head", "mamba_head_dim", "head_dim")
    fields.ignore("mamba_intermediate", "mamba_d_ssm", "time_step_rank")
    return Mamba2(
        heads=heads,
        head_dim=width,
        state=fields.whole("mamba_d_state", "ssm_state_size", "state_size"),
        groups=fields.whole("mamba_n_groups", "n_groups", default=1),
        conv=fields.whole("mamba_d_conv", "conv_kernel", default=4),
        conv_bias=fields.flag("mamba_conv_bias", "use_conv_bias", default=True),
        bias=fields.flag("mamba_proj_bias", "use_bias"),
        norm=fields.flag("mamba_rms_norm", default=family.mamba_norms),
    )


def rwkv7(fields: Fields) -> Rwkv7:
    """Time mixing of RWKV-7, of any layer but the first; ranks that are not said are not guessed.

    Raises:
        UserError: attention stands in some layers, or values are as wide as only some say.
    """
    hidden, head_dim = fields.whole("hidden_size"), fields.whole("head_dim", "head_size")
    fields.ignore("num_heads", "num_attention_heads")
    if fields.raw("attn") is not None:
        raise fields.wrong("attn", fields.raw("attn"), "no attention beside")
    values = fields.raw("value_dim")
    widths = set(values) if isinstance(values, list) else {values}
    if not widths <= {None, hidden}:
        raise fields.wrong("value_dim", values, f"{hidden} in every layer")
    return Rwkv7(
        heads=hidden // head_dim or 1,
        head_dim=head_dim,
        values=hidden,
        decay_rank=fields.whole("decay_low_rank_dim"),
        rate_rank=fields.whole("a_low_rank_dim"),
        gate_rank=fields.whole("gate_low_rank_dim"),
        value_rank=fields.whole("v_low_rank_dim", "value_low_rank_dim"),
    )


def conv(fields: Fields) -> ShortConv:
    """Short convolution of LFM2."""
    return ShortConv(
        inner=fields.whole("conv_dim", default=fields.whole("hidden_size")),
        conv=fields.whole("conv_L_cache"),
        bias=fields.flag("conv_bias"),
    )


def _flag(known: bool | None, fields: Fields, *names: str) -> bool:
    """What the architecture always has, or else what the fields say."""
    fields.ignore(*names)
    return fields.flag(*names) if known is None else known


def _output_bias(fields: Fields, family: Family, bias: bool) -> bool:
    fields.ignore("attention_out_bias")
    if family.output_bias is not None:
        return family.output_bias
    return fields.flag("attention_out_bias", default=bias)


def _qk_norm(fields: Fields, family: Family) -> Literal["", "head", "full"]:
    if fields.raw("use_qk_norm", "qk_layernorm", "use_query_key_norm") is None:
        return family.qk_norm
    normed = fields.flag("use_qk_norm", "qk_layernorm", "use_query_key_norm")
    return family.qk_norm_kind if normed else ""


def _gate(fields: Fields, family: Family) -> Literal["", "head", "full"]:
    if fields.flag("use_head_wise_attn_gate"):
        return "head"
    return (
        (family.gate or "full")
        if fields.flag("attn_output_gate", default=bool(family.gate))
        else ""
    )


def _sinks(fields: Fields, family: Family, *, local: bool) -> bool:
    name = "add_swa_attention_sink_bias" if local else "add_full_attention_sink_bias"
    return fields.flag(name, default=family.sinks)
