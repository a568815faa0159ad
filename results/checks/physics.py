"""Is it possible on that chip: below the roofline, between idle and nameplate power?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from results import catalog
from results.checks.finding import TOLERANCE, label_tokens, place_of
from suites import models
from suites.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.catalog import ChipEntry
    from results.checks.finding import Context
    from results.statement import Measurement, Statement

__all__ = [
    "decode_reads_its_weights",
    "kernels_stay_below_the_roofline",
    "power_is_possible",
    "prefill_computes_its_tokens",
]

# Bits a weight takes, from below: a bound must never be too strict. llama.cpp k-quants mix
# sizes, so that their name's digit is the floor (ggml: Q4_K is 4.5 bits, Q8_0 8.5).
_BITS = {"f32": 32, "bf16": 16, "f16": 16, "fp16": 16, "fp8": 8, "int8": 8, "fp4": 4, "int4": 4}
# Catalogue dtype whose peak bounds a kernel's; f32 may legally run on tf32 units.
_PEAK_OF = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "float64": "f64"}


def kernels_stay_below_the_roofline(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """Attained rate ≤ datasheet peak × chips (roofline model, Williams et al. 2009)."""
    entry, count = _chip(statement)
    if entry is None:
        return
    whose = f"{entry.name}'s peak × {count}"
    for item in statement.predicate.measurements:
        if item.metric == "compute_rate":
            name = str(item.labels.get("dtype", ""))
            dtype = _PEAK_OF.get(name, name)
            names = (dtype, "tf32") if dtype == "f32" else (dtype,)
            peak = max((v for k, v in entry.peak_tflops.items() if k in names), default=None)
        elif item.metric == "bandwidth" and item.labels.get("cache") == "cold":
            peak = entry.memory_bandwidth_gb_s
        else:
            continue
        yield from _above(item, item.value, _times(peak, count), item.unit, whose)


def decode_reads_its_weights(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """A decode step reads every touched weight once: bytes ÷ TPOT ≤ bandwidth × chips.

    Speculative decoding gives several tokens a step, which is why this flags.
    """
    entry, count = _chip(statement)
    bits, geometry = _model(statement)
    if entry is None or geometry is None or bits is None:
        return
    limit = _times(entry.memory_bandwidth_gb_s, count)
    for item in statement.predicate.measurements:
        if item.metric != "tpot" or item.value <= 0 or item.labels.get("percentile", 50) != 50:
            continue
        context = label_tokens(item, "context") or 1
        read = geometry.decode_min_bytes(context, bits_per_parameter=bits, kv_dtype_bytes=bits / 8)
        rate = read / 1e9 / (item.value / 1e3)
        yield from _above(item, rate, limit, "GB/s", f"{entry.name}'s memory × {count}")


def prefill_computes_its_tokens(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """Reading a token costs two FLOPs a weight: FLOPs ÷ TTFT ≤ the chip's highest peak × chips."""
    entry, count = _chip(statement)
    _bits, geometry = _model(statement)
    if entry is None or geometry is None or not entry.peak_tflops:
        return
    limit = max(entry.peak_tflops.values()) * count
    for item in statement.predicate.measurements:
        isl = label_tokens(item, "isl")
        if item.metric != "ttft" or item.suite != "inference" or item.value <= 0 or isl is None:
            continue
        rate = geometry.prefill_flops(isl) / 1e12 / (item.value / 1e3)
        yield from _above(item, rate, limit, "TFLOP/s", f"{entry.name}'s highest peak × {count}")


def power_is_possible(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """Idle ≤ mean power ≤ nameplate × chips, and joules a token × tokens/s likewise."""
    entry, count = _chip(statement)
    measured = [item for item in statement.predicate.measurements if item.method == "measured"]
    idle = min((item.value for item in measured if item.metric == "idle_power"), default=0.0)
    rates = {
        (item.case, metric): item.value
        for item in measured
        for rate, metric in (
            ("decode_throughput", "energy_per_output_token"),
            ("prefill_throughput", "energy_per_input_token"),
        )
        if item.metric == rate
    }
    bounds = entry.power_bounds_w(statement.predicate.machine.cpu_cores) if entry else None
    # A CPU's bound covers its cores already.
    chips = count if entry and entry.kind != "cpu" else 1
    nameplate_w = _times(bounds[1] if bounds else None, chips)
    for item in measured:
        if item.metric == "power":
            power = item.value
        elif (item.case, item.metric) in rates:
            power = item.value * rates[item.case, item.metric]
        else:
            continue
        if power < idle / TOLERANCE:
            yield place_of(item), f"draws {power:.3g} W at work, below its idle {idle:.3g} W"
        if item.labels.get("scope") in {"chip", "package"}:
            yield from _above(item, power, nameplate_w, "W", f"the nameplate × {chips}")


def _chip(statement: Statement) -> tuple[ChipEntry | None, int]:
    """Return the catalogue's entry and how many of it: of a CPU, the sockets its cores fill."""
    machine = statement.predicate.machine
    entry = catalog.chips().get(machine.chip.catalog_id or "")
    if entry is None or machine.chip.kind != "cpu":
        return entry, machine.chip.count
    largest = max((sku.cores for sku in entry.skus), default=machine.cpu_cores or 1)
    return entry, -(-machine.cpu_cores // (2 * largest)) or 1  # two threads a core


def _model(statement: Statement) -> tuple[float | None, Any]:
    """Bits a weight and geometry of the one engine's model; None where unknown or several."""
    engines = statement.predicate.engines
    if len({(engine.model, engine.precision) for engine in engines}) != 1:
        return None, None
    name = engines[0].precision.lower()
    digits = name.removeprefix("i").removeprefix("q").partition("_")[0]
    bits = _BITS.get(name, int(digits) if digits.isdecimal() else None)
    try:
        return bits, models.load(engines[0].model)
    except UserError:
        return None, None


def _above(
    item: Measurement, value: float, limit: float | None, unit: str, whose: str
) -> Iterator[tuple[str, str]]:
    if limit is not None and value > limit * TOLERANCE:
        yield place_of(item), f"needs {value:.4g} {unit}, {whose} is {limit:.4g}"


def _times(peak: float | None, count: int) -> float | None:
    return None if peak is None else peak * count
