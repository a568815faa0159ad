"""The physical floor: the least energy this chip could spend on a token by its own datasheet.

Roofline time (Williams, Waterman and Patterson 2009) at nameplate power. What a row does not say
(its batch, its context, the chip's peak) counts as nothing, so that the time is never too long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.catalog.peaks import highest_peak

if TYPE_CHECKING:
    from results.catalog import ChipEntry
    from results.economy.economics import Measured
    from results.statement.precision import ServedModel

__all__ = ["EnergyFloor", "TokenWork", "floor", "least_time_s", "sockets", "work_per_token"]

_TERA, _GIGA = 1e12, 1e9
# Caches are kept at the width of the weights, but no wider than this.
_WIDEST_CACHE_BITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWork:
    """What one token takes at least.

    Attributes:
        flops: two for each multiply-add.
        read_bytes: weights, shared by the batch, and the token's own cache.
    """

    flops: float
    read_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyFloor:
    """The least energy of a token.

    Attributes:
        joules_per_token: roofline time x nameplate power of all the chips.
        method: what it was computed from.
    """

    joules_per_token: float
    method: str


def floor(row: Measured, served: ServedModel, entry: ChipEntry, count: int) -> EnergyFloor | None:
    """Bound the energy of the tokens a row counts.

    max(FLOPs / peak, bytes / bandwidth) x nameplate. The peak is the highest of a dtype no
    narrower than the weights. Of a CPU, whole sockets compute while only the rented cores draw.

    Args:
        row: a throughput.
        served: what was served.
        entry: the chip.
        count: chips, or cores of a CPU, that worked.

    Returns:
        None where no nameplate or neither peak nor bandwidth is known, and for systems, whose
        entries describe many chips at once.
    """
    bounds_w = entry.power_bounds_w(count)
    if bounds_w is None or entry.kind == "system":
        return None
    power_w = bounds_w[1] if entry.kind == "cpu" else bounds_w[1] * count
    time_s = least_time_s(row, served, entry, count)
    if not time_s:
        return None
    known = "roofline" if len(time_s) == 2 else f"{next(iter(time_s))} alone"
    return EnergyFloor(
        joules_per_token=max(time_s.values()) * power_w,
        method=f"datasheet {known} at nameplate power",
    )


def least_time_s(
    row: Measured, served: ServedModel, entry: ChipEntry, count: int
) -> dict[str, float]:
    """Bound the time of a token: by "peak", and by "bandwidth", where the datasheet says them."""
    chips = sockets(entry, count) if entry.kind == "cpu" else count
    peak = highest_peak(entry, served.bits)
    work = work_per_token(row, served)
    time_s = {}
    if peak:
        time_s["peak"] = work.flops / (peak * _TERA * chips)
    if entry.memory_bandwidth_gb_s:
        time_s["bandwidth"] = work.read_bytes / (entry.memory_bandwidth_gb_s * _GIGA * chips)
    return time_s


def work_per_token(row: Measured, served: ServedModel) -> TokenWork:
    """Work behind one token of a throughput.

    Prefill: the prompt's FLOPs and one look at the weights, over its tokens. Decode: one step of
    the batch, over the batch. Serving: a prompt and its steps after the first token, over the
    output tokens.
    """
    geometry, isl = served.geometry, _label(row, "isl")
    if row.metric == "prefill_throughput":
        tokens = isl or 1
        weights = _step_bytes(served, context=1, batch=1)
        return TokenWork(flops=geometry.prefill_flops(tokens) / tokens, read_bytes=weights / tokens)
    if row.metric == "decode_throughput":
        return _decode(served, context=_label(row, "context") or 1, batch=_label(row, "batch"))
    osl = _label(row, "osl") or 0
    step = _decode(served, context=(isl or 1) + osl // 2, batch=_label(row, "concurrency"))
    # Of an answer of unknown length, every token is taken for one of its steps.
    steps_share = (osl - 1) / osl if osl else 1.0
    prompt_flops = geometry.prefill_flops(isl) / osl if isl and osl else 0.0
    return TokenWork(
        flops=prompt_flops + steps_share * step.flops, read_bytes=steps_share * step.read_bytes
    )


def _decode(served: ServedModel, context: int, batch: int | None) -> TokenWork:
    """One token of a decode step; of an unknown batch, the weights are read for nobody."""
    geometry = served.geometry
    flops = float(geometry.decode_flops(context))
    if batch:
        return TokenWork(flops=flops, read_bytes=_step_bytes(served, context, batch) / batch)
    return TokenWork(flops=flops, read_bytes=geometry.kv_bytes(context, _cache_bytes(served)))


def _step_bytes(served: ServedModel, context: int, batch: int) -> float:
    return served.geometry.decode_min_bytes(
        context, batch, bits_per_parameter=served.stored, kv_dtype_bytes=_cache_bytes(served)
    )


def _cache_bytes(served: ServedModel) -> float:
    return min(served.bits, _WIDEST_CACHE_BITS) / 8


def sockets(entry: ChipEntry, cores: int) -> int:
    """Most sockets these cores can lie on: each as small as the family's smallest part."""
    smallest = min((sku.cores for sku in entry.skus), default=cores)
    return -(-cores // smallest)


def _label(row: Measured, name: str) -> int | None:
    """A label as a count above zero; others' labels may be anything."""
    value = row.labels.get(name)
    if isinstance(value, bool | str | None) or not 1 <= value < 1e9:
        return None
    return int(value)
