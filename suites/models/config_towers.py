"""Vision and sound towers, counted apart from the language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from suites.models.config_fields import Fields
from suites.models.geometry import Tower

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["towers_of"]

_TABLES = {"vision_config": "vision", "visual": "vision", "audio_config": "audio"}


def towers_of(data: dict[str, Any], hidden: int, where: str) -> tuple[Tower, ...]:
    """Name every tower of a configuration, with its parameters where its kind is expressed.

    Raises:
        UserError: a tower of a known kind has a size that is missing or wrong.
    """
    towers = []
    for table, kind in _TABLES.items():
        inner = data.get(table)
        if isinstance(inner, dict) and inner:
            towers.append(_tower(kind, Fields(inner, f"{where}:{table}"), hidden))
    return tuple(towers)


def _tower(kind: str, fields: Fields, hidden: int) -> Tower:
    name = fields.text("model_type") or "unnamed"
    count = _COUNTS.get(name) if kind == "vision" else None
    return Tower(kind=f"{kind} {name[:60]}", parameters=count(fields, hidden) if count else None)


def _qwen3(fields: Fields, hidden: int) -> int:
    """Vision transformer of Qwen3-VL and Qwen3.5: biases everywhere, one merger a depth it taps."""
    width, wide = fields.whole("hidden_size"), fields.whole("intermediate_size")
    merge = fields.whole("spatial_merge_size") ** 2 * width
    patch = fields.whole("in_channels", default=3) * fields.whole("temporal_patch_size")
    patch *= fields.whole("patch_size") ** 2
    layer = 4 * width * width + 4 * width + 2 * width * wide + wide + width + 4 * width
    out = fields.whole("out_hidden_size", default=hidden)
    merger = merge * merge + merge + merge * out + out
    taps = len(fields.items("deepstack_visual_indexes") or ())
    table = fields.whole("num_position_embeddings") * width + patch * width + width
    # The first merger norms before merging, the others after.
    return table + fields.whole("depth") * layer + merger + 2 * width + taps * (merger + 2 * merge)


def _gemma4(fields: Fields, hidden: int) -> int:
    """Vision transformer of Gemma 4: gated, four norms, positions by row and column."""
    width, wide = fields.whole("hidden_size"), fields.whole("intermediate_size")
    heads, head = fields.whole("num_attention_heads"), fields.whole("head_dim")
    keys = fields.whole("num_key_value_heads", default=heads)
    layer = 2 * width * (heads + keys) * head + 3 * width * wide + 4 * width + 2 * head
    table = 2 * fields.whole("position_embedding_size") * width
    patch = 3 * fields.whole("patch_size") ** 2 * width
    scales = 2 * width if fields.flag("standardize") else 0
    return table + patch + scales + fields.whole("num_hidden_layers") * layer + width * hidden


_COUNTS: dict[str, Callable[[Fields, int], int]] = {
    **dict.fromkeys(("qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"), _qwen3),
    **dict.fromkeys(("qwen3_vl_vision", "qwen3_vl_moe_vision"), _qwen3),
    **dict.fromkeys(("qwen3_5_vision", "qwen3_5_moe_vision"), _qwen3),
    "gemma4_vision": _gemma4,
}
