"""Are others' published figures possible? The same physics, where a file says enough to ask. Pure.

Nothing of somebody else's is refused: what speaks against a figure is said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from results import catalog
from results.checks.finding import TOLERANCE, Finding, place_of
from results.floor import least_time_s
from results.served import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.catalog import ChipEntry
    from results.imports.reported import ReportedMeasurement, ReportedResult
    from results.served import Served

__all__ = ["Judged", "judge"]

# Publishers round, and take means of different windows.
_ARITHMETIC = 1.25
_RATES = {
    "output_throughput": "energy_per_output_token",
    "input_throughput": "energy_per_input_token",
}
_STATISTICS = {"median": 50.0, "p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}
# A publisher's name for a dtype, and the catalogue's peaks that bound it; f32 may run as tf32.
_PEAKS = {
    "bf16": ("bf16",), "bfloat16": ("bf16",), "fp16": ("f16",), "float16": ("f16",),
    "fp32": ("f32", "tf32"), "fp8": ("fp8",), "fp8_block": ("fp8",), "nvfp4": ("fp4",),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the rules say of a published result.

    Attributes:
        held: figures that a datasheet or another figure of the result bounds.
        findings: those that lie outside, all "flagged".
    """

    held: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """A figure, and what speaks against it if anything does."""

    rule: str
    where: str
    reason: str | None


def judge(result: ReportedResult) -> Judged:
    """Hold a published result against physics and itself."""
    bounds = [*_percentiles(result), *_energy(result), *_physics(result)]
    findings = [
        Finding(rule=one.rule, outcome="flagged", where=one.where, reason=one.reason)
        for one in bounds
        if one.reason
    ]
    return Judged(held=len(bounds), findings=tuple(findings))


def _percentiles(result: ReportedResult) -> Iterator[_Bound]:
    """Quantiles of one distribution are monotone."""
    ranked: dict[tuple[str, str], list[tuple[float, ReportedMeasurement]]] = {}
    for item in result.measurements:
        rank = _STATISTICS.get(str(item.labels.get("statistic")))
        if rank is not None:
            ranked.setdefault((item.case, item.metric), []).append((rank, item))
    for series in ranked.values():
        ordered = sorted(series, key=lambda one: one[0])
        for (p, lower), (q, upper) in pairwise(ordered):
            reason = f"p{p:g} is {lower.value:.4g}, above p{q:g} at {upper.value:.4g}"
            yield _Bound(
                rule="percentiles",
                where=place_of(lower),
                reason=reason if lower.value > upper.value else None,
            )


def _energy(result: ReportedResult) -> Iterator[_Bound]:
    """Joules a token are watts over rate, of one meter and one pool."""
    values = {item.metric: item for item in result.measurements if "statistic" not in item.labels}
    power = values.get("power")
    for rate_of, energy_of in _RATES.items():
        rate, energy = values.get(rate_of), values.get(energy_of)
        pooled = energy is not None and "pool" in str(energy.labels.get("tokens"))
        if power is None or rate is None or energy is None or pooled:
            continue
        expected = power.value / rate.value
        fits = expected / _ARITHMETIC <= energy.value <= expected * _ARITHMETIC
        reason = f"{energy.value:.4g} J/token, but watts ÷ rate gives {expected:.4g}"
        yield _Bound(rule="energy", where=place_of(energy), reason=None if fits else reason)


def _physics(result: ReportedResult) -> Iterator[_Bound]:
    entry = catalog.chips().get(result.chip.catalog_id or "")
    if entry is None or entry.kind == "cpu":  # a count of sockets says nothing of the cores
        return
    what = served(result.model, result.precision)
    for item in result.measurements:
        if item.suite == "kernels":
            # Published kernels are of one chip.
            yield from _above(item, "roofline", item.value, _kernel_limit(item, result, entry), 1)
        elif item.metric == "output_throughput" and what and result.chip.count:
            yield _rate(item, what, entry, result.chip.count)
        elif item.metric == "tpot" and what and _is_median(item):
            yield from _decode(item, what, entry, result.chip.count)
        if item.metric == "power" and item.labels.get("scope") == "chip":
            count = result.chip.count or 1
            yield from _above(item, "power", item.value, entry.tdp_w, count)


def _kernel_limit(
    item: ReportedMeasurement, result: ReportedResult, entry: ChipEntry
) -> float | None:
    if item.metric == "bandwidth":
        return entry.memory_bandwidth_gb_s
    if item.metric != "compute_rate":
        return None
    name = str(result.labels.get("gemm_dtype") or result.labels.get("dtype")).lower()
    peaks = [entry.peak_tflops[one] for one in _PEAKS.get(name, ()) if one in entry.peak_tflops]
    # Of a dtype we do not know, the highest peak bounds whatever it ran on.
    return max(peaks or entry.peak_tflops.values(), default=None)


def _rate(item: ReportedMeasurement, what: Served, entry: ChipEntry, count: int) -> _Bound:
    """A token takes its roofline time at least (`results.floor`)."""
    least_s = max(least_time_s(item, what, entry, count).values(), default=0.0)
    most = TOLERANCE / least_s if least_s else float("inf")
    reason = f"{item.value:.4g} tokens/s, {count} × {entry.name} can give {most / TOLERANCE:.4g}"
    return _Bound(
        rule="throughput", where=place_of(item), reason=reason if item.value > most else None
    )


def _decode(
    item: ReportedMeasurement, what: Served, entry: ChipEntry, count: int | None
) -> Iterator[_Bound]:
    """A step reads the weights of one token at least; speculation gives several tokens a step."""
    if count is None or item.value <= 0:
        return
    read = what.geometry.decode_min_bytes(
        1, bits_per_parameter=what.bits, kv_dtype_bytes=what.bits / 8
    )
    rate = read / 1e9 / (item.value / 1e3)
    yield from _above(item, "decode", rate, entry.memory_bandwidth_gb_s, count)


def _is_median(item: ReportedMeasurement) -> bool:
    return item.labels.get("statistic", "median") in {"median", "p50"}


def _above(
    item: ReportedMeasurement, rule: str, value: float, limit: float | None, count: int
) -> Iterator[_Bound]:
    if limit is None:
        return
    most = limit * count
    reason = f"takes {value:.4g}, the datasheet's is {most:.4g}"
    yield _Bound(
        rule=rule, where=place_of(item), reason=reason if value > most * TOLERANCE else None
    )
