"""Is it possible on that chip: below the roofline, and within its memory?

The roofline model (Williams, Waterman and Patterson 2009) with datasheet peaks. What a result
does not say counts in its favour: the precision is taken at its narrowest, a batch shares every
expert, a cache costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.catalog.peaks import highest_peak, kernel_peak
from results.checks.claim import least, most, number, place_of
from results.checks.finding import TOLERANCE, CheckedFigure, at_most
from results.checks.speculation import LENGTHS
from results.economy.floor import least_time_s, sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.catalog import ChipEntry
    from results.checks.claim import Claim, ClaimedPoint
    from results.checks.finding import Context
    from results.statement.precision import ServedModel
    from results.statement.statement import Measurement

__all__ = [
    "RATES",
    "kernels_stay_below_the_roofline",
    "prompts_are_computed",
    "rates_stay_below_the_roofline",
    "steps_read_their_weights",
    "unchecked",
    "weights_fit_the_memory",
]

_TERA, _GIGA = 1e12, 1e9
# Longest mean acceptance of a draft that we know: 5.2 tokens (InferenceX, golden lengths, 2026).
_MOST_TOKENS_A_STEP = 6.0
RATES = ("output_throughput", "decode_throughput", "prefill_throughput")
# Whose product with TPOT is how many sequences are decoded at a time, by Little's law: of what is
# served, and of what is measured alone.
_DECODED = ("output_throughput", "decode_throughput")
# Caches are kept at no fewer bits in any engine that we know.
_LEAST_CACHE_BITS = 4.0
# Of a CPU or an engine that spills, the host's memory holds weights too.
_SPILLS = ("offload", "n_gpu_layers", "n_cpu_moe", "cpu_moe")
# What stands behind a bus or a link is not part of a chip's roofline.
_LINKS = ("host_to_device", "device_to_host", "all_reduce")


def kernels_stay_below_the_roofline(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Attained rate ≤ datasheet peak of its dtype × chips; memory bandwidth likewise."""
    entry = claim.chip
    if entry is None or (entry.kind == "cpu" and claim.statement is None):
        return  # a published count of sockets says nothing of the cores
    chips = _chips(claim, entry) if entry.kind == "cpu" else 1  # a kernel is one chip's
    for item in claim.measurements:
        if item.suite != "kernels" or str(item.labels.get("family")) in _LINKS:
            continue
        peak = None
        if item.metric in {"compute_rate", "integer_rate"}:
            # Ours name one type, of the case; published tables several.
            own, told = item.labels.get("dtype"), claim.labels
            named = own if claim.statement else told.get("gemm_dtype") or told.get("dtype")
            peak = kernel_peak(entry, str(named or ""))
        elif item.metric == "bandwidth" and item.labels.get("cache", "cold") == "cold":
            peak = entry.memory_bandwidth_gb_s
        if peak is not None:
            reason = (
                f"{{left}} {item.unit}, the datasheet of {chips} × {entry.name} allows {{right}}"
            )
            yield at_most(place_of(item), least(item), peak * chips * TOLERANCE, reason)


def rates_stay_below_the_roofline(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """A token takes its roofline time at least: weights once a step, cache, and two FLOPs."""
    known = _known(claim)
    if known is None:
        return
    what, entry, count = known
    for point in claim.points:
        for metric in RATES:
            item = point.get(metric)
            if item is None:
                continue
            stated = item.model_copy(update={"labels": _as_labels(point)})
            time_s = least_time_s(stated, what, entry, count)
            if metric != "prefill_throughput" and "bandwidth" in time_s:
                time_s["bandwidth"] /= _tokens_a_step(claim, point)
            if shortest := max(time_s.values(), default=0.0):
                reason = f"{{left}} tokens/s, {_whose(claim, entry)} can give {{right}}"
                yield at_most(place_of(item), least(item), TOLERANCE / shortest, reason)


def steps_read_their_weights(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """A decode step reads every touched weight once: bytes ÷ TPOT ≤ bandwidth × chips."""
    known = _known(claim)
    bandwidth = known[1].memory_bandwidth_gb_s if known else None
    if known is None or bandwidth is None:
        return
    what, entry, _count = known
    limit = bandwidth * _chips(claim, entry)
    reason = f"takes {{left}} GB/s, {_whose(claim, entry)} has {{right}}"
    for point in claim.points:
        paces = list(_middles(point, "tpot"))
        if not paces:
            continue
        context = int(point.load.get("context", 1))
        read = what.geometry.decode_min_bytes(
            context, bits_per_parameter=what.stored, kv_dtype_bytes=what.bits / 8
        )
        for item in paces:
            rate = read / _GIGA * 1e3 / most(item) / _tokens_a_step(claim, point)
            yield at_most(place_of(item), rate, limit * TOLERANCE, reason)


def prompts_are_computed(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Reading a token costs two FLOPs a weight: FLOPs ÷ TTFT ≤ highest peak × chips."""
    known = _known(claim)
    peak = highest_peak(known[1], known[0].bits) if known else None
    if known is None or peak is None:
        return
    what, entry, _count = known
    limit = peak * _chips(claim, entry)
    reason = f"takes {{left}} TFLOP/s, {_whose(claim, entry)} has {{right}}"
    for point in claim.points:
        firsts, isl = list(_middles(point, "ttft")), point.load.get("isl")
        # The middle one of a trace is not a request of mean length.
        if not firsts or isl is None or point.replayed:
            continue
        fresh = max(1, int(isl * (1 - min(1.0, point.load.get("shared_prefix", 0.0)))))
        flops = what.geometry.prefill_flops(fresh)
        for item in firsts:
            rate = flops / _TERA * 1e3 / most(item)
            yield at_most(place_of(item), rate, limit * TOLERANCE, reason)


def weights_fit_the_memory(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """All weights at their narrowest ≤ memory of all chips, with the host's where it holds some."""
    if claim.what is None:
        return
    bytes_ = _memory_bytes(claim)
    if bytes_ is None:
        return
    geometry = claim.what.geometry
    size_gb = geometry.weight_bytes(claim.what.stored) / _GIGA
    reason = f"{geometry.name} takes {{left}} GB, the memory is {{right}} GB"
    yield at_most("engines" if claim.statement else "model", size_gb, bytes_ / _GIGA, reason)
    if size_gb * _GIGA > bytes_:
        return
    for point in claim.points:
        isl = point.load.get("isl")
        if isl is None or point.replayed:
            continue
        own = isl * (1 - min(1.0, point.load.get("shared_prefix", 0.0)))
        context = max(1, int(own + point.load.get("osl", 0.0) / 2))
        cache_gb = geometry.kv_bytes(context, _LEAST_CACHE_BITS / 8) / _GIGA
        for item in filter(None, map(point.get, _DECODED)):
            for pace in _middles(point, "tpot"):
                together = least(item) * least(pace) / 1e3
                reason = f"with {together:.4g} caches takes {{left}} GB, the memory is {{right}} GB"
                total_gb = size_gb + together * cache_gb
                yield at_most(place_of(item), total_gb, bytes_ / _GIGA, reason)


def unchecked(claim: Claim) -> Iterator[str]:
    """Say which laws could not be held, and why."""
    metrics = {item.metric for item in claim.measurements if item.suite != "kernels"}
    if not metrics & {*RATES, "tpot", "ttft"}:
        return
    named = {model for model, _ in claim.models if model}
    if claim.what is None:
        told = f"{', '.join(sorted(named))[:80]} is not a model of ours" if named else "no model"
        yield f"roofline, memory: not checked, {told}"
    elif claim.chip is None:
        yield "roofline, memory, power: not checked, the chip is not in the catalogue"
    elif claim.count is None:
        yield "roofline, memory, power: not checked, nobody says how many chips"


def _middles(point: ClaimedPoint, latency: str) -> Iterator[Measurement]:
    """Mean and median: who states both is held to both."""
    yield from filter(None, (point.get(latency, "mean"), point.get(latency, 50.0)))


def _known(claim: Claim) -> tuple[ServedModel, ChipEntry, int] | None:
    """Model, chip and count, where all are known and a count means chips or our own cores."""
    entry = claim.chip
    if claim.what is None or entry is None or not claim.count:
        return None
    if entry.kind == "cpu" and claim.statement is None:
        return None
    return claim.what, entry, claim.count


def _chips(claim: Claim, entry: ChipEntry) -> int:
    """Chips; of a CPU the most sockets that its cores can lie on."""
    count = claim.count or 1
    return sockets(entry, count) if entry.kind == "cpu" else count


def _whose(claim: Claim, entry: ChipEntry) -> str:
    return f"{_chips(claim, entry)} × {entry.name}"


def _tokens_a_step(claim: Claim, point: ClaimedPoint) -> float:
    """Tokens of a step from above: those that the point says, where an engine was made to."""
    if not claim.speculative:
        return 1.0
    told = [number(item.labels.get("acceptance_length")) for item in point.items]
    length = max((LENGTHS * length for length in told if length), default=_MOST_TOKENS_A_STEP)
    pinned = any(item.labels.get("acceptance") == "pinned" for item in point.items)
    return length if pinned else min(length, _MOST_TOKENS_A_STEP)


def _as_labels(point: ClaimedPoint) -> dict[str, float]:
    """The load as `results.economy.floor` reads it; a shared prefix is computed once for all."""
    isl, shared = point.load.get("isl"), min(1.0, point.load.get("shared_prefix", 0.0))
    fresh = {"isl": max(1.0, isl * (1 - shared))} if isl else {}
    return {**point.load, **fresh}


def _memory_bytes(claim: Claim) -> float | None:
    """Memory that could hold the weights, from above; None where it is not known."""
    predicate, entry = claim.predicate, claim.chip
    chips = None
    if entry is not None and entry.memory_gb is not None and claim.count:
        chips = entry.memory_gb * _GIGA * claim.count * TOLERANCE
    if predicate is None:
        return chips if entry is not None and entry.kind != "cpu" else None
    machine = predicate.machine
    if machine.chip.kind == "cpu":
        return float(machine.memory_bytes)
    flags = " ".join(name for engine in predicate.engines for name in engine.flags).lower()
    spills = any(word in flags for word in _SPILLS)
    return chips + machine.memory_bytes if chips and spills else chips
