"""Lay a configuration's layers out, one by one, as its fields say."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from suites.models import config_blocks as blocks
from suites.models import config_mixers as mixers
from suites.models.config_fields import MOST_LAYERS
from suites.models.feed_forward import Dense, Experts
from suites.models.geometry import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from suites.models.config_families import Family
    from suites.models.config_fields import Fields
    from suites.models.part import Part

__all__ = ["depth_of", "grouped", "layer_of_modules", "layers_of"]

_DEPTH = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
# What lists of layers call a kind -> what it is.
_KINDS = {
    "full_attention": "full", "attention": "full", "global": "full", "global_attention": "full",
    "nope_attention": "full", "sliding_attention": "sliding", "local_attention": "sliding",
    "local": "sliding", "chunked_attention": "chunked",
    "indexed_attention": "full", "deepseek_sparse_attention": "full",
    "linear_attention": "linear",
    "mamba": "mamba", "mamba2": "mamba", "conv": "conv",
}  # fmt: skip
# Tokens to a compressed entry -> whether an indexer chooses among them.
_RATIOS = {0: False, 4: True, 128: False}
_LETTERS = {"M": "mamba", "*": "full", "-": "mlp", "E": "moe"}
_SINGLE = {
    "mamba": "mamba", "linear_attention": "mamba", "attention": "full", "full_attention": "full",
    "mlp": "mlp", "moe": "moe",
}  # fmt: skip


def depth_of(fields: Fields) -> int:
    """How many layers there are.

    Raises:
        UserError: none, or more than any model has.
    """
    return fields.whole(*_DEPTH, most=MOST_LAYERS)


def layers_of(fields: Fields, family: Family) -> list[Layer]:
    """Every layer of the main model, in order.

    Raises:
        UserError: a field is missing, wrong, or says what is not expressed.
    """
    plan = {
        "plain": _plain,
        "single": _single,
        "both": _both,
        "blocks": _blocks,
        "recurrent": _recurrent,
        "rwkv7": _rwkv7,
        "longcat": _longcat,
        "compressed": _compressed,
    }
    return plan[family.plan](fields, family)


def layer_of_modules(fields: Fields, family: Family, main: Sequence[Layer]) -> Layer | None:
    """The layer of a module that predicts a further token: the one that would come next.

    Its mixer is named where lists go on after the last layer; else it is the last attention.
    """
    depth = len(main)
    named = fields.items("layer_types") or []
    attending = [part for layer in main for part in layer.parts if part.kv_values()]
    if len(named) > depth:
        kind = _kind(fields, str(named[depth]))
        mixer = _mixer(fields, family, kind, borrows=False, shares=False)
    elif attending:
        mixer = attending[-1]
    else:
        return None
    return _layer([mixer, *blocks.feed_forward(fields, family, depth)], family)


def grouped(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Like layers together, in order of appearance."""
    counts: dict[Layer, int] = {}
    for layer in layers:
        counts[layer] = counts.get(layer, 0) + layer.count
    return tuple(layer.model_copy(update={"count": count}) for layer, count in counts.items())


def _layer(parts: Iterable[Part], family: Family) -> Layer:
    held: Any = tuple(parts)
    norms = family.norms
    if any(isinstance(part, Experts) for part in held):
        norms += family.with_experts
    return Layer(
        parts=held, norms=norms * (2 if family.norm_bias else 1), others=family.layer_others
    )


def _plain(fields: Fields, family: Family) -> list[Layer]:
    depth = depth_of(fields)
    kinds = _kinds(fields, family, depth)
    borrowing = depth - fields.natural("num_kv_shared_layers", most=depth)
    indexes = _indexes(fields, depth)
    layers, own = [], _own_fields(fields, depth)
    for index, kind in enumerate(kinds):
        here, borrows = own.get(index, fields), index >= borrowing
        mixer = _mixer(here, family, kind, borrows=borrows, shares=indexes[index])
        layer = _layer([mixer, *blocks.feed_forward(here, family, index, borrows=borrows)], family)
        layers.append(_with_inputs(fields, family, layer))
    return layers


def _own_fields(fields: Fields, depth: int) -> dict[int, Fields]:
    """Fields of layers that say otherwise than the rest, by index."""
    table = fields.raw("per_layer_config") or {}
    if not isinstance(table, dict) or len(table) > depth:
        raise fields.wrong("per_layer_config", type(table).__name__, "a table by layer")
    inner = {}
    for name, own in table.items():
        if not (str(name).isdecimal() and len(str(name)) < 6 and isinstance(own, dict)):
            raise fields.wrong("per_layer_config", name, "a table by layer")
        inner[int(name)] = fields.overlaid(own)
    return inner


def _with_inputs(fields: Fields, family: Family, layer: Layer) -> Layer:
    """Add what Gemma gives every layer beside its parts: inputs of its own, and mixed streams."""
    hidden, norms, mixed = fields.whole(*family.hidden), layer.norms, 0
    if width := fields.natural("hidden_size_per_layer_input"):
        mixed += 2 * hidden * width
        norms += 1
    if streams := fields.natural("altup_num_inputs"):  # alternating updates, Gemma 3n
        mixed += hidden * streams + streams**2 + streams**3
        mixed += 2 * hidden * fields.whole("laurel_rank")
        norms += 3  # of the router, of the learned residual, and the corrected output's scale
    return layer.model_copy(update={"norms": norms, "mixed": mixed})


def _mixer(fields: Fields, family: Family, kind: str, *, borrows: bool, shares: bool) -> Part:
    if kind == "mamba":
        return mixers.mamba(fields, family) if family.mamba == 1 else mixers.mamba2(fields, family)
    if kind == "conv":
        return mixers.conv(fields)
    if kind == "linear":
        own = fields.inner("linear_attn_config")
        if own or fields.raw("linear_head_dim") is not None:
            return mixers.kimi_delta(own or fields)
        named = fields.raw("linear_num_value_heads") is not None
        return mixers.delta(fields) if named else mixers.lightning(fields)
    if fields.raw("kv_lora_rank") is not None:
        return mixers.mla(fields, borrows_index=shares)
    return mixers.gqa(fields, family, kind=kind, borrows=borrows)


def _kinds(fields: Fields, family: Family, depth: int) -> list[str]:
    """The mixer of each layer, by whichever field says so."""
    kinds = _listed(fields, family, depth)
    if kinds:
        return _only(fields, kinds)
    if every := fields.natural("full_attention_interval"):
        return ["full" if (index + 1) % every == 0 else "linear" for index in range(depth)]
    if fields.raw("attn_layer_period") is not None:
        period, offset = fields.whole("attn_layer_period"), fields.natural("attn_layer_offset")
        return ["full" if at % period == offset else "mamba" for at in range(depth)]
    if family.recurrent:
        return _only(fields, [family.recurrent] * depth)
    return _windows(fields, family, depth)


def _listed(fields: Fields, family: Family, depth: int) -> list[str]:
    """What a list of layers says; empty where there is none."""
    if named := fields.items("layer_types", "layers_block_type", "layer_block_type", least=depth):
        kinds = [_kind(fields, str(name)) for name in named[:depth]]
        return _as_mamba(kinds) if family.recurrent == "mamba" else kinds
    if flags := fields.items("hybrid_layer_pattern", least=depth):
        return ["sliding" if flag else "full" for flag in flags[:depth]]
    if flags := fields.items("attn_type_list", least=depth):
        return ["full" if flag else "linear" for flag in flags[:depth]]
    if own := fields.inner("linear_attn_config"):
        linear = own.items("kda_layers") or []  # counted from 1
        return ["linear" if index + 1 in linear else "full" for index in range(depth)]
    full = fields.items("attn_layer_indices", "full_attn_idxs")
    if full is not None:
        other = family.recurrent or "mamba"
        return ["full" if index in full else other for index in range(depth)]
    return []


def _as_mamba(kinds: list[str]) -> list[str]:
    """Newer configurations call every recurrent layer linear attention."""
    return ["mamba" if kind == "linear" else kind for kind in kinds]


def _only(fields: Fields, kinds: list[str]) -> list[str]:
    """Take these kinds for what there is: sizes of others are not looked for."""
    fields.ignore("full_attention_interval", "attn_layer_period", "attn_layer_offset")
    fields.ignore("attn_layer_indices", "full_attn_idxs", "attn_type_list", "use_sliding_window")
    fields.ignore("hybrid_layer_pattern", "sliding_window_pattern", "no_rope_layer_interval")
    for kind, beginning in (("mamba", "mamba_"), ("linear", "linear_"), ("conv", "conv_")):
        if kind not in kinds:
            fields.ignore_beginning(beginning)
    if not {"sliding", "chunked"} & set(kinds):
        fields.ignore("sliding_window", "sliding_window_size")
        fields.ignore_beginning("swa_")
    if "chunked" not in kinds:
        fields.ignore("attention_chunk_size")
    return kinds


def _windows(fields: Fields, family: Family, depth: int) -> list[str]:
    """Which layers have a window or chunk."""
    if family.chunked and fields.natural("attention_chunk_size"):
        every = fields.whole("no_rope_layer_interval", default=family.chunked)
        return ["full" if (index + 1) % every == 0 else "chunked" for index in range(depth)]
    pattern = fields.raw("sliding_window_pattern", "_sliding_window_pattern")
    if isinstance(pattern, str) and pattern and fields.natural("sliding_window"):  # "LLLG"
        return ["full" if pattern[at % len(pattern)] == "G" else "sliding" for at in range(depth)]
    use = fields.flag("use_sliding_window", default=family.sliding != "switch")
    if not use or not fields.natural("sliding_window") or family.sliding == "none":
        fields.ignore("sliding_window", "max_window_layers")
        return ["full"] * depth
    if family.sliding == "switch":
        first = fields.natural("max_window_layers", default=depth)
        return ["sliding" if index >= first else "full" for index in range(depth)]
    if family.sliding == "all":
        return ["sliding"] * depth
    every = pattern if isinstance(pattern, int) and pattern > 0 else int(family.sliding)
    return ["full" if (index + 1) % every == 0 else "sliding" for index in range(depth)]


def _kind(fields: Fields, name: str) -> str:
    if name not in _KINDS:
        raise fields.wrong("layer_types", name, f"one of {', '.join(sorted(_KINDS))}")
    return _KINDS[name]


def _indexes(fields: Fields, depth: int) -> list[bool]:
    """Which layers take the choice of keys from a layer below."""
    named = fields.items("indexer_types", least=depth)
    if named:
        return [name == "shared" for name in named[:depth]]
    pattern = fields.raw("index_topk_pattern")
    if isinstance(pattern, str) and len(pattern) >= depth:
        return [letter == "S" for letter in pattern[:depth]]
    every = fields.whole("index_topk_freq", default=1)
    offset = fields.natural("index_skip_topk_offset", default=2)
    return [max(index - offset + 1, 0) % every != 0 for index in range(depth)]


def _single(fields: Fields, family: Family) -> list[Layer]:
    """One part a layer, by a pattern of letters or a list of names (Nemotron-H)."""
    names = fields.items("layers_block_type")
    pattern = fields.text("hybrid_override_pattern")
    kinds = [_SINGLE.get(str(name), "") for name in names] if names else []
    if not kinds:
        kinds = [_LETTERS.get(letter, "") for letter in pattern[:MOST_LAYERS]]
    depth = fields.whole(*_DEPTH, default=len(kinds) or None, most=MOST_LAYERS)
    if len(kinds) != depth or "" in kinds:
        raise fields.wrong(
            "hybrid_override_pattern", pattern or names, f"{depth} layers of M, *, - and E"
        )
    make: dict[str, Callable[[], Part]] = {
        "mamba": lambda: mixers.mamba2(fields, family),
        "full": lambda: mixers.gqa(fields, family),
        "mlp": lambda: blocks.dense(fields, family),
        "moe": lambda: blocks.experts(fields, family),
    }
    fields.ignore("n_routed_experts", "n_shared_experts", "moe_intermediate_size", "sliding_window")
    fields.ignore("moe_shared_expert_intermediate_size", "intermediate_size", "moe_latent_size")
    fields.ignore("mtp_layers_block_type", "mtp_hybrid_override_pattern")
    return [_layer([make[kind]()], family) for kind in kinds]


def _both(fields: Fields, family: Family) -> list[Layer]:
    """Attention beside Mamba in every layer, then a block (Falcon-H1)."""
    parts: list[Part] = [
        mixers.gqa(fields, family),
        mixers.mamba2(fields, family),
        blocks.dense(fields, family),
    ]
    return [_layer(parts, family)] * depth_of(fields)


def _recurrent(fields: Fields, family: Family) -> list[Layer]:
    """Mamba alone."""
    mixer: Part = (
        mixers.mamba(fields, family) if family.mamba == 1 else mixers.mamba2(fields, family)
    )
    return [_layer([mixer], family)] * depth_of(fields)


def _rwkv7(fields: Fields, family: Family) -> list[Layer]:
    """Time and channel mixing; the first layer has a norm before it, and values of its own."""
    if not fields.flag("norm_bias", default=True):
        raise fields.wrong("norm_bias", "no bias", "norms with a bias")
    mixer = mixers.rwkv7(fields)
    width = Dense(intermediate=fields.whole("intermediate_size"), gated=False)
    later = _layer([mixer, width], family)
    first = _layer([mixer.model_copy(update={"value_rank": 0}), width], family)
    if fields.flag("norm_first", default=True):
        first = first.model_copy(update={"norms": first.norms + 2})
    return [first] + [later] * (depth_of(fields) - 1)


def _longcat(fields: Fields, family: Family) -> list[Layer]:
    """Two attentions and two dense blocks around one mixture of experts (LongCat-Flash)."""
    mla = mixers.mla(fields)
    dense = Dense(intermediate=fields.whole("ffn_hidden_size"))
    layer = _layer([mla, mla, dense, dense, blocks.experts(fields, family)], family)
    return [layer.model_copy(update={"norms": 4})] * depth_of(fields)


def _compressed(fields: Fields, family: Family) -> list[Layer]:
    """Compressed attention and experts, between several streams of residuals (DeepSeek-V4)."""
    depth, hidden = depth_of(fields), fields.whole(*family.hidden)
    ratios = fields.items("compress_ratios", least=depth)
    if not ratios:
        rates = fields.inner("compress_rates")
        kinds = fields.items("layer_types", least=depth) or []
        ratios = [rates.natural(str(kind)) if rates else 0 for kind in kinds]
    if not ratios or not all(ratio in _RATIOS for ratio in ratios[:depth]):
        raise fields.wrong("compress_ratios", ratios, "0, 4 or 128 for each layer")
    fields.ignore("num_hash_layers", "num_nextn_predict_layers", "layer_types", "compress_rates")
    fields.ignore("qk_rope_head_dim", "mlp_layer_types")
    streams = fields.whole("hc_mult")
    mixing = (2 + streams) * streams  # into a stream, out of it, and among them
    extra = {"mixed": 2 * mixing * streams * hidden, "others": 2 * (mixing + 3)}
    made = {
        ratio: mixers.compressed(fields, ratio, sparse=_RATIOS[ratio])
        for ratio in set(ratios[:depth])
    }
    experts = blocks.experts(fields, family)
    return [
        _layer([made[ratio], experts], family).model_copy(update=extra) for ratio in ratios[:depth]
    ]


def _blocks(fields: Fields, family: Family) -> list[Layer]:
    """A table for each layer, where attention and block may be absent (Nemotron NAS)."""
    depth = depth_of(fields)
    tables = fields.items("block_configs", least=depth) or []
    if not all(isinstance(table, dict) for table in tables) or len(tables) < depth:
        raise fields.wrong("block_configs", type(tables).__name__, "a table for each layer")
    fields.ignore("intermediate_size", "num_key_value_heads")
    groups = groupby(tables[:depth], key=repr)
    layers: list[Layer] = []
    for _, alike in groups:
        same = list(alike)
        layers += [_block(fields, family, same[0])] * len(same)
    return layers


def _block(fields: Fields, family: Family, table: dict[str, Any]) -> Layer:
    own = type(fields)(table, f"{fields.where}:block_configs")
    attention, block = own.inner("attention"), own.inner("ffn")
    parts: list[Part] = []
    for inner in (attention, block):
        if inner and (
            inner.flag("replace_with_linear") or inner.raw("sparsify", "num_sink_tokens")
        ):
            raise fields.wrong("block_configs", "replaced or sparse", "attention or no attention")
    if attention and not attention.flag("no_op"):
        whole = mixers.gqa(fields, family)
        heads = whole.heads // attention.whole("n_heads_in_group")
        window = attention.natural("window_length")
        parts.append(whole.model_copy(update={"kv_heads": heads, "window": window}))
    if block and not block.flag("no_op"):
        hidden = fields.whole(*family.hidden)
        width = block.natural("intermediate_size")
        if not width:
            rough = int(2 * block.number("ffn_mult", default=1.0) * hidden / 3)
            width = -(-rough // 256) * 256
        parts.append(Dense(intermediate=width))
    return Layer(parts=tuple(parts), norms=len(parts))  # type: ignore[arg-type]
