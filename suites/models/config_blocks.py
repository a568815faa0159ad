"""Feed-forward parts from the fields that describe them, and which layers have experts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.models.config_fields import Fields
from suites.models.feed_forward import Dense, Experts

if TYPE_CHECKING:
    from suites.models.config_families import Family

__all__ = ["dense", "experts", "feed_forward", "has_experts", "names_experts"]

_LONGEST_LIST = 10_000  # letters of indices

_EXPERTS = ("n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts")
_CHOSEN = (
    "num_experts_per_tok", "moe_topk", "moe_k", "moe_top_k", "top_k_experts", "experts_per_token",
    "num_experts_per_token", "moe_router_topk",
)  # fmt: skip
_WIDTH = ("moe_intermediate_size", "expert_ffn_hidden_size")
_DENSE = ("intermediate_size", "ffn_hidden_size", "n_inner", "ffn_dim")
_SHARED = (
    "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "share_expert_dim",
    "shared_intermediate_size",
)  # fmt: skip
# What says which layers have experts; only some of it speaks where several do.
_LAYOUT = (
    "moe_layer_freq", "first_k_dense_replace", "decoder_sparse_step", "expert_layer_period",
    "expert_layer_offset", "interleave_moe_layer_step", "mlp_only_layers", "num_dense_layers",
    "moe_layer_start_index", "moe_layer_end_index", "moe_layer_interval", "moe_layers",
    "moe_layers_enum", "mlp_layer_types",
)  # fmt: skip
_SHARED_COUNT = (
    "n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts",
)  # fmt: skip


def names_experts(fields: Fields) -> bool:
    """Whether any layer may have experts."""
    return fields.natural(*_EXPERTS) > 1


def feed_forward(
    fields: Fields, family: Family, index: int, *, borrows: bool = False
) -> list[Dense | Experts]:
    """The blocks of a layer: one, or a dense one beside experts.

    Args:
        borrows: the layer takes its keys and values from one below (Gemma 4: twice as wide).
    """
    fields.ignore(*_LAYOUT)
    double = fields.flag("use_double_wide_mlp") and borrows
    if not names_experts(fields) or not has_experts(fields, index):
        fields.ignore(*_EXPERTS, *_CHOSEN, *_WIDTH, *_SHARED, *_SHARED_COUNT)
        return [dense(fields, family, index=index, times=2 if double else 1)]
    beside = fields.flag("enable_moe_block") or family.dense_beside
    fields.ignore(*_DENSE, "intermediate_size_mlp", "dense_intermediate_size")
    routed = experts(fields, family)
    return [dense(fields, family, index=index), routed] if beside else [routed]


def dense(fields: Fields, family: Family, *, index: int = 0, times: int = 1) -> Dense:
    """The dense block; in Llama 4 and others it has a width of its own beside experts."""
    names: tuple[str, ...] = ("intermediate_size_mlp", "dense_intermediate_size", *_DENSE)
    if not names_experts(fields):
        names = _DENSE
    each = fields.raw(*names)
    if isinstance(each, list):  # Gemma 3n: one a layer
        each = fields.items(*names, least=index + 1) or []
        width = Fields({"width": each[index]}, f"{fields.where}:{names[-1]}").whole("width")
    else:
        usual = family.wide * fields.whole(*family.hidden)
        width = fields.whole(*names, *_SHARED, default=usual)
    if family.dense_beside:
        width = fields.whole(*_SHARED, default=width)
    if fields.flag("block_auto_adjust_ff_dim"):  # LFM2: two thirds, rounded up
        step = fields.whole("block_multiple_of", default=256)
        width = -(-(2 * width // 3) // step) * step
    bias = family.mlp_bias
    if bias is None:
        bias = fields.flag("mlp_bias", "use_mlp_bias", "use_bias")
    return Dense(intermediate=times * width, gated=family.gated, bias=bias)


def experts(fields: Fields, family: Family) -> Experts:
    """The mixture of experts."""
    width = _first(fields.raw(*_WIDTH, *_DENSE)) or fields.whole(*_WIDTH, *_DENSE)
    shared = 0 if family.dense_beside else fields.natural(*_SHARED)
    count = _first(fields.raw(*_SHARED_COUNT))
    fields.ignore(*_SHARED_COUNT)
    if not shared and count is not None:
        shared = count * width
    return Experts(
        experts=fields.whole(*_EXPERTS),
        experts_per_token=_first(fields.raw(*_CHOSEN)) or fields.whole(*_CHOSEN),
        intermediate=width,
        shared_intermediate=shared or (width if family.shared_expert else 0),
        shared_gate=family.shared_gate,
        gated=family.gated,
        router_scale=family.router_scale,
        selection_bias=_selection_bias(fields, family),
        expert_bias=family.expert_bias,
        zero_experts=fields.natural("zero_expert_num"),
        latent=fields.natural("moe_latent_size"),
    )


def has_experts(fields: Fields, index: int) -> bool:
    """Whether the layer at this index has experts, by whichever field says so."""
    listed = _listed(fields, index)
    return _counted(fields, index) if listed is None else listed


def _listed(fields: Fields, index: int) -> bool | None:
    """What a list of layers says; None where there is none."""
    if kinds := fields.items("mlp_layer_types"):
        return index < len(kinds) and kinds[index] == "sparse"
    often = fields.raw("moe_layer_freq")
    if isinstance(often, list):
        return index < len(often) and often[index] == 1
    layers = fields.raw("moe_layers", "moe_layers_enum")
    if isinstance(layers, str) and layers:
        layers = layers[:_LONGEST_LIST].replace(" ", "").split(",")
        return str(index) in layers
    return index in layers if isinstance(layers, list) and layers else None


def _counted(fields: Fields, index: int) -> bool:
    """What first layers, steps and periods say."""
    step = fields.whole("moe_layer_freq", "moe_layer_interval", default=1)
    first = fields.natural("first_k_dense_replace", "num_dense_layers", "moe_layer_start_index")
    last = fields.raw("moe_layer_end_index")
    if index < first or (isinstance(last, int) and 0 <= last < index):
        return False
    if fields.raw("moe_layer_interval") is not None:  # ERNIE 4.5
        return (index + 1) % step == 0
    return index % step == 0 and _has_its_turn(fields, index)


def _has_its_turn(fields: Fields, index: int) -> bool:
    sparse = fields.whole("decoder_sparse_step", "interleave_moe_layer_step", default=1)
    if index in (fields.items("mlp_only_layers") or ()) or (index + 1) % sparse:
        return False
    period = fields.whole("expert_layer_period", default=1)
    return index % period == fields.natural("expert_layer_offset") % period


def _selection_bias(fields: Fields, family: Family) -> bool:
    corrected = fields.text("topk_method") == "noaux_tc"
    names = ("use_routing_bias", "moe_use_aux_free", "use_moe_router_bias", "use_expert_bias")
    return corrected or fields.flag(
        *names, "moe_router_enable_expert_bias", default=family.router_bias
    )


def _first(value: object) -> int | None:
    """A number, or the first of a list that has one for each layer (all alike)."""
    if isinstance(value, list) and value and len(set(map(str, value))) == 1:
        value = value[0]
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
