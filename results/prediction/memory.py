"""How many sequences fit beside the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.prediction.chip import Missing
from results.prediction.dtypes import stored
from suites.models.attention import Gqa

if TYPE_CHECKING:
    from results.prediction.chip import ChipTiming
    from results.prediction.plan import Layout
    from results.prediction.steps import Dtypes
    from suites.models import Geometry

__all__ = ["capacity"]

# Engines use nine tenths of the memory, and some GB of it for graphs, activations and libraries;
# where weights leave less, they are told to use all but the last hundredths.
_USED, _OTHER, _LEAST, _MOST = 0.92, 3e9, 0.04, 0.97


def capacity(
    chip: ChipTiming, geometry: Geometry, layout: Layout, dtypes: Dtypes, tokens: float
) -> float:
    """Sequences of so many tokens that one rank holds: (0.92·memory − weights − 3 GB) ÷ cache.

    The cache is of 8 bits where the weights are of as few, as engines' recipes have it.

    Raises:
        Missing: the memory is not published, or the weights do not fit.
    """
    if chip.entry.memory_gb is None:
        raise Missing(f"no memory of {chip.entry.id} is published")
    widths = stored(dtypes)
    experts = geometry.census()["experts"] * widths.experts / 8
    shared = geometry.weight_bytes(widths) - experts
    weights = shared / layout.tp + experts / (layout.moe_tp * layout.ep)
    memory = chip.entry.memory_gb * 1e9
    if weights > _MOST * memory:
        raise Missing(
            f"{weights / 1e9:.0f} GB of weights a chip do not fit {chip.entry.memory_gb:g} GB"
        )
    room = max(_USED * memory - weights - _OTHER, _LEAST * memory)
    width = 2.0 if dtypes.mixers == dtypes.experts == "bfloat16" else 1.0
    cache = sum(
        layer.count
        * part.cached(round(tokens))
        * width
        / (min(layout.tp, part.kv_heads) if isinstance(part, Gqa) else 1)
        + layer.count * part.state_values() * 4.0 / layout.tp
        for layer in geometry.layers
        for part in layer.parts
    )
    return room / cache if cache else float("inf")
