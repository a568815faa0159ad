"""What each architecture does that its configuration leaves unsaid, by `model_type`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FAMILIES", "Family"]

_Plan = Literal["plain", "single", "both", "blocks", "recurrent", "rwkv7", "longcat", "compressed"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """Facts of one architecture. Fields of the configuration come first where they speak.

    Attributes:
        plan: how layers are laid out: "plain", a mixer and a feed-forward block; "single", one part
            a layer by a pattern (Nemotron-H); "both", attention beside Mamba (Falcon-H1); "blocks",
            a table for each layer (Nemotron NAS); "recurrent", Mamba alone; "rwkv7", RWKV-7;
            "longcat", two of each; "compressed", windows and compressed entries (DeepSeek-V4).
        hidden: names of the width.
        qkv_bias, output_bias, mlp_bias: None where the configuration says.
        qk_norm, qk_norm_kind: norm of queries and keys unless the configuration speaks, and what
            it has if that says yes.
        gate: the attention's output is gated.
        sinks: attention sinks in layers that the configuration does not speak of.
        norms: hidden-wide norms of a layer; with_experts: more of them beside experts.
        norm_bias, final_norms: norms have a bias; hidden-wide vectors at the end.
        gated: the feed-forward block has a gate; wide: its width over `hidden` by default.
        sliding: layers with a window where no list says: "none", "all", "switch" by
            `use_sliding_window`, or a number, every so many sees all.
        chunked: likewise for chunks (Llama 4).
        tied: the output head is the embedding unless the configuration says no.
        router_bias, router_scale, expert_bias, shared_gate, shared_expert: of experts.
        recurrent: what layers are that no list calls attention: "mamba" or "conv".
        mamba: which kind the recurrent layers are; mamba_norms: they have norms inside.
        pure: there is no attention, so that Mamba's names are short.
        head_bias: the output head has a bias.
        dense_beside: a dense block of the shared width stands beside experts (Granite hybrid).
        layer_others: learned values of a layer in no part.
        module: one that predicts further tokens is called by these fields.
        defaults: sizes that published configurations leave out.
    """

    plan: _Plan = "plain"
    hidden: tuple[str, ...] = ("hidden_size", "n_embd", "d_model")
    qkv_bias: bool | None = None
    output_bias: bool | None = None
    mlp_bias: bool | None = None
    qk_norm: Literal["", "head", "full"] = ""
    qk_norm_kind: Literal["", "head", "full"] = "head"
    gate: Literal["", "head", "full"] = ""
    sinks: bool = False
    norms: int = 2
    with_experts: int = 0
    norm_bias: bool = False
    final_norms: int = 1
    gated: bool = True
    wide: int = 4
    sliding: Literal["none", "all", "switch"] | int = "none"
    chunked: int = 0
    tied: bool = False
    router_bias: bool = False
    router_scale: bool = False
    expert_bias: bool = False
    shared_gate: bool = False
    shared_expert: bool = False
    recurrent: Literal["", "mamba", "conv"] = ""
    mamba: int = 2
    mamba_norms: bool = True
    pure: bool = False
    head_bias: bool = False
    dense_beside: bool = False
    layer_others: int = 0
    defaults: Mapping[str, Any] = field(default_factory=dict)


_LLAMA = Family()
_PLAIN = Family(qkv_bias=False, output_bias=False, mlp_bias=False)
_QWEN2 = Family(qkv_bias=True, output_bias=False, mlp_bias=False, sliding="switch")
_QWEN2_MOE = Family(
    qkv_bias=True, output_bias=False, mlp_bias=False, sliding="switch", shared_gate=True
)
_QWEN3 = Family(qk_norm="head", mlp_bias=False, sliding="switch")
_QWEN3_NEXT = Family(qk_norm="head", mlp_bias=False, gate="full", shared_gate=True)
_GEMMA2 = Family(
    norms=4, sliding=2, tied=True, mlp_bias=False,
    defaults={"vocab_size": 256_000, "sliding_window": 4096, "head_dim": 256},
)  # fmt: skip
_GEMMA3 = Family(
    norms=4, sliding=6, tied=True, qk_norm="head", mlp_bias=False,
    defaults={
        "vocab_size": 262_208, "num_attention_heads": 8, "num_key_value_heads": 4,
        "head_dim": 256, "sliding_window": 4096, "hidden_size": 2304,
        "intermediate_size": 9216, "num_hidden_layers": 26,
    },
)  # fmt: skip
_GEMMA4 = Family(
    norms=4, with_experts=3, sliding=6, tied=True, qk_norm="head", mlp_bias=False,
    router_scale=True, layer_others=1,
)  # fmt: skip
_DEEPSEEK = Family(mlp_bias=False)
_GLM4_MOE = Family(output_bias=False, mlp_bias=False, router_bias=True)
_MISTRAL = Family(qkv_bias=False, output_bias=False, mlp_bias=False, sliding="all")
_MINISTRAL = Family(qkv_bias=False, output_bias=False, mlp_bias=False)
_HUNYUAN = Family(qk_norm="head", mlp_bias=False)
_ERNIE = Family(tied=True, router_bias=True)
_OLMO3 = Family(qk_norm="full", sliding=4, mlp_bias=False)
_MINIMAX_M2 = Family(
    qkv_bias=False, output_bias=False, qk_norm_kind="full", qk_norm="full", router_bias=True
)
_BIASED = Family(
    qkv_bias=True, output_bias=True, mlp_bias=True, norm_bias=True, gated=False, final_norms=2
)
_BAMBA = Family(recurrent="mamba")
_LFM2 = Family(
    recurrent="conv", qk_norm="head", tied=True, qkv_bias=False, output_bias=False, mlp_bias=False
)

FAMILIES: Mapping[str, Family] = {
    "llama": _LLAMA,
    "mistral": _MISTRAL,
    "ministral": _MISTRAL,
    "ministral3": _MINISTRAL,
    "mistral4": _DEEPSEEK,
    "mixtral": _MISTRAL,
    "qwen2": _QWEN2,
    "qwen2_vl": _QWEN2,
    "qwen2_5_vl": _QWEN2,
    "qwen2_vl_text": _QWEN2,
    "qwen2_5_vl_text": _QWEN2,
    "qwen2_moe": _QWEN2_MOE,
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3,
    "qwen3_vl_text": _QWEN3,
    "qwen3_vl_moe_text": _QWEN3,
    "qwen3_omni_moe_text": _QWEN3,
    "qwen3_next": _QWEN3_NEXT,
    "qwen3_5_text": _QWEN3_NEXT,
    "qwen3_5_moe_text": _QWEN3_NEXT,
    "gemma": Family(tied=True, mlp_bias=False),
    "gemma2": _GEMMA2,
    "gemma3_text": _GEMMA3,
    "gemma3n_text": replace(_GEMMA3, sliding=5, defaults={"vocab_size": 262_400}),
    "gemma4_text": _GEMMA4,
    "deepseek_v2": _DEEPSEEK,
    "deepseek_v3": _DEEPSEEK,
    "deepseek_v32": _DEEPSEEK,
    "deepseek_v4": Family(plan="compressed", mlp_bias=False, router_bias=True),
    "kimi_k2": _DEEPSEEK,
    "kimi_linear": Family(mlp_bias=False, router_bias=True),
    "glm_moe_dsa": _DEEPSEEK,
    "glm4_moe_lite": _DEEPSEEK,
    "glm": Family(output_bias=False, mlp_bias=False),
    "glm4": Family(norms=4, output_bias=False, mlp_bias=False),
    "glm4_moe": _GLM4_MOE,
    "glm4v_text": Family(norms=4, output_bias=False, mlp_bias=False, qkv_bias=True),
    "glm4v_moe_text": _GLM4_MOE,
    "gpt_oss": Family(sliding=2, sinks=True, router_bias=True, expert_bias=True),
    "minimax": Family(mlp_bias=False),
    "minimax_m1": Family(mlp_bias=False),
    "minimax_text_01": Family(mlp_bias=False),
    "minimax_m2": _MINIMAX_M2,
    "mimo_v2_flash": Family(output_bias=False, mlp_bias=False),
    "mimo": Family(qkv_bias=True, output_bias=False, mlp_bias=False, sliding="switch"),
    "phi": replace(_BIASED, norms=1, head_bias=True),
    "phi3": _MISTRAL,
    "phi4mm": _MISTRAL,
    "phimoe": Family(norm_bias=True, final_norms=2, mlp_bias=False, sliding="all"),
    "jamba": Family(mamba=1, recurrent="mamba", qkv_bias=False, output_bias=False, mlp_bias=False),
    "bamba": _BAMBA,
    "falcon_h1": Family(plan="both", mamba_norms=False, mlp_bias=None),
    "granite": _LLAMA,
    "granitemoe": _LLAMA,
    "granitemoeshared": _LLAMA,
    "granitemoehybrid": replace(_BAMBA, dense_beside=True),
    "nemotron": Family(norm_bias=True, final_norms=2, gated=False),
    "nemotron_h": Family(plan="single", norms=1, gated=False, router_bias=True),
    "nemotron-nas": Family(plan="blocks", qkv_bias=False, output_bias=False),
    "deci": Family(plan="blocks", qkv_bias=False, output_bias=False),
    "hunyuan": _HUNYUAN,
    "hunyuan_v1_dense": _HUNYUAN,
    "hunyuan_v1_moe": _HUNYUAN,
    "ernie4_5": _ERNIE,
    "ernie4_5_moe": _ERNIE,
    "seed_oss": Family(mlp_bias=None),
    "olmo2": Family(qk_norm="full", mlp_bias=False),
    "olmo3": _OLMO3,
    "olmoe": Family(qk_norm="full", mlp_bias=False),
    "smollm3": _LLAMA,
    "llama4_text": Family(
        qkv_bias=False, output_bias=False, mlp_bias=False, shared_expert=True, chunked=4
    ),
    "longcat_flash": Family(plan="longcat", mlp_bias=False, router_bias=True),
    "step3_text": Family(mlp_bias=False),
    "step3p7": Family(qk_norm="head", gate="head", mlp_bias=False),
    "step3p5": Family(qk_norm="head", gate="head", mlp_bias=False),
    "exaone4": Family(qk_norm="head", mlp_bias=False),
    "exaone_moe": Family(qk_norm="head", mlp_bias=False, router_bias=True),
    "hy_v3": Family(qk_norm="head", mlp_bias=False, router_bias=True),
    "solar_open": _GLM4_MOE,
    "cohere": Family(norms=1, tied=True, mlp_bias=False, qk_norm_kind="full"),
    "cohere2": Family(norms=1, tied=True, mlp_bias=False, sliding=4),
    "dots1": Family(qk_norm="head", mlp_bias=False, router_bias=True),
    "lfm2": _LFM2,
    "lfm2_moe": replace(_LFM2, router_bias=True),
    "apertus": Family(qk_norm="head", gated=False, layer_others=2),
    "arcee": Family(gated=False),
    "starcoder2": Family(norm_bias=True, final_norms=2, gated=False, tied=True, sliding="all"),
    "stablelm": Family(norm_bias=True, final_norms=2, output_bias=False, mlp_bias=False),
    "internlm2": Family(mlp_bias=False),
    "mamba": Family(plan="recurrent", mamba=1, mamba_norms=False, pure=True, norms=1, tied=True),
    "falcon_mamba": Family(
        plan="recurrent", mamba=1, mamba_norms=False, pure=True, norms=1, tied=True
    ),
    "mamba2": Family(plan="recurrent", pure=True, norms=1),
    "rwkv7": Family(plan="rwkv7", norm_bias=True, final_norms=2),
}
