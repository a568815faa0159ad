"""What a machine's own engine takes at loads nobody measured, from those that were. Pure.

    decode   t(B, L) = w(B) + c·(bytes(B, L) − bytes(B, 0))
    prefill  t(n) = a·layers + s·FLOPs of products(n) + u·FLOPs of attention(n)

bytes and FLOPs are those of the model's geometry; w is free at each measured batch. Between them
log w is linear in log B, or else its ratio to a shape is: prompts of B tokens multiply the same B
rows, and so do the products of the machine's kernel suite. Whichever the measured batches follow
best is taken, and beyond them only a shape leads. c comes of batches measured at two contexts;
where there is none, the cache is read as fast as the smallest batch reads the weights. Of fewer
than four lengths of prompts, s and u are one.

Of another geometry or precision the part of w that reads weights, at the pace of the smallest
batch, follows their bytes, and the rest the weights that a token meets.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import geometric_mean
from typing import TYPE_CHECKING, Literal

import numpy as np

from suites import models
from suites.base.errors import UserError
from suites.models.names import known_as
from suites.models.widths import bits_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from results.economy.economics import Measured
    from results.statement.statement import Predicate
    from suites.base.records import Label
    from suites.models import Geometry
    from suites.models.geometry import Widths

__all__ = [
    "EngineLoad",
    "HeldOutLoad",
    "OwnEngine",
    "Unmeasured",
    "Wanted",
    "held_out",
    "is_row",
    "kind_of",
    "own_engines",
    "served",
    "time_of",
]

Phase = Literal["decode", "prefill"]
# A prompt of so few tokens has the rows of a step; four lengths tell three paces apart.
_ROWS, _LENGTHS = 32, 4
_CACHE_BYTES = 2.0


class Unmeasured(Exception):  # noqa: N818
    """Why there is no time; its text is shown."""


@dataclass(frozen=True, slots=True, order=True)
class EngineLoad:
    """One step of `batch` sequences at a context of `tokens`, or one prompt of `tokens`."""

    phase: Phase
    batch: int
    tokens: int


Times = Mapping[EngineLoad, float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model in a precision.

    Attributes:
        bits: of a weight as it is stored, scales included.
    """

    geometry: Geometry
    precision: str
    bits: float | Widths

    @classmethod
    def of(cls, geometry: Geometry, precision: str) -> Wanted:
        """Look up how wide a precision is.

        Raises:
            UserError: its name does not say.
        """
        name = precision.lower()
        published = geometry.published
        bits = _ggml_bits().get(re.sub(r"_[sml]$", "", name)) or bits_of(name)
        if published is not None and published.precision == precision:
            return cls(geometry, precision, published.widths())
        if bits is None:
            raise UserError(
                f"no width of a weight is known by {precision[:40]!r}",
                where="--precision",
                expected="such as bf16, fp8, int4, q8_0 or q4_k_m",
            )
        return cls(geometry, precision, bits)


@cache
def _ggml_bits() -> Mapping[str, float]:
    """Bits of a value of ggml's storages, scales included, by their names."""
    from gguf.constants import GGML_QUANT_SIZES

    return {kind.name.lower(): 8 * size / block for kind, (block, size) in GGML_QUANT_SIZES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEngine:
    """An engine on one machine, and what was measured of it.

    Attributes:
        machine: name of its chip and how many. model: id of a geometry.
        times: milliseconds by load; of a load measured more than once their geometric mean.
        products: rows -> milliseconds of the products of a layer, by the machine's kernel suite.
        memory_bytes: of the machine's chips; None where it is not known.
    """

    machine: str
    engine: str
    version: str
    model: str
    precision: str
    times: Mapping[EngineLoad, float]
    products: Mapping[int, float] = field(default_factory=dict)
    memory_bytes: int | None = None

    @property
    def home(self) -> Wanted:
        """Its own model and precision; a name that says no width is taken for 16 bits."""
        geometry = models.load(self.model)
        try:
            return Wanted.of(geometry, self.precision)
        except UserError:
            return Wanted(geometry, self.precision, 16.0)

    def words(self) -> str:
        """Such as "llama.cpp 2026.10, qwen2.5-0.5b, q8_0, on AMD EPYC × 2"."""
        return f"{self.engine} {self.version}, {self.model}, {self.precision}, on {self.machine}"


@dataclass(frozen=True, slots=True)
class HeldOutLoad:
    """A load that was left out, and how far its prediction was off.

    Attributes:
        kind: "unseen context", "unseen batch" or "prefill".
        off: predicted ÷ measured − 1.
    """

    kind: str
    load: EngineLoad
    off: float


def own_engines(predicates: Iterable[Predicate]) -> list[OwnEngine]:
    """Engines of some results, machine by machine; their cells of the inference suite."""
    times: dict[tuple[str, ...], dict[EngineLoad, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    products: dict[tuple[str, str], dict[int, float]] = {}
    memory: dict[str, int] = {}
    for predicate in predicates:
        chip = predicate.machine.chip
        machine = f"{chip.name} × {chip.count}"
        memory[machine] = (
            predicate.machine.memory_bytes
            if chip.kind == "cpu"
            else (chip.memory_bytes or 0) * chip.count
        )
        for model, own in _products(predicate.measurements).items():
            products.setdefault((machine, model), own)
        keys = {(e.name, e.version, known_as(e.model), e.precision) for e in predicate.engines}
        # Of several engines no row says which one it is of.
        if len(keys) == 1 and (key := keys.pop())[2]:
            for load, ms in _measured(predicate.measurements):
                times[machine, *map(str, key)][load].append(ms)
    return [
        OwnEngine(
            machine=key[0], engine=key[1], version=key[2], model=key[3], precision=key[4],
            times={load: geometric_mean(all_of) for load, all_of in sorted(own.items())},
            products=products.get((key[0], key[3]), {}),
            memory_bytes=memory[key[0]] or None,
        )
        for key, own in sorted(times.items())
    ]  # fmt: skip


def _measured(rows: Sequence[Measured]) -> Iterator[tuple[EngineLoad, float]]:
    for row in rows:
        if row.suite != "inference" or row.method != "measured" or row.value <= 0:
            continue
        batch, context, isl = (_count(row.labels, name) for name in ("batch", "context", "isl"))
        if row.metric == "tpot" and batch and context:
            yield EngineLoad("decode", batch, context), row.value
        elif row.metric == "ttft" and isl and not context:
            yield EngineLoad("prefill", 1, isl), row.value


def served(rows: Sequence[Measured]) -> Iterator[tuple[EngineLoad, float]]:
    """Steps under load by the serving suite: median times between tokens; to compare with."""
    for row in rows:
        load, isl, osl = (_count(row.labels, name) for name in ("concurrency", "isl", "osl"))
        median = row.metric == "itl" and row.labels.get("percentile") == 50
        if row.suite == "serving" and median and load and isl and osl:
            yield EngineLoad("decode", load, isl + osl // 2), row.value


def _products(rows: Sequence[Measured]) -> dict[str, dict[int, float]]:
    """Of each model the products of a layer by rows, of the dtype that was timed at most."""
    sums: dict[tuple[str, str], dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        labels, last = row.labels, row.case.rpartition("/m")[2]
        usual = row.suite == "kernels" and row.metric == "time" and labels.get("cache") == "cold"
        if usual and labels.get("family") == "gemm" and last.isdecimal():
            kind = f"{labels.get('backend')} {labels.get('dtype')}"
            sums[str(labels.get("model")), kind][int(last)] += row.value
    best: dict[str, dict[int, float]] = {}
    for (model, _), own in sorted(sums.items()):
        if len(own) > len(best.get(model, {})):
            best[model] = dict(own)
    return best


def _count(labels: Mapping[str, Label], name: str) -> int | None:
    value = labels.get(name)
    usual = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1e8
    return value if usual and isinstance(value, int) else None


def time_of(own: OwnEngine, load: EngineLoad, wanted: Wanted | None = None) -> float:
    """Milliseconds of a load, of the engine's own model or of what is wanted in its place.

    Raises:
        Unmeasured: too little was measured to say, or the machine has no memory for it.
    """
    home = own.home
    asked = wanted or home
    if own.memory_bytes and (need := _stored(asked, load)) > own.memory_bytes:
        raise Unmeasured(
            f"takes {need / 2**30:.3g} GiB, the machine has {own.memory_bytes / 2**30:.3g}"
        )
    if load.phase == "prefill":
        return _prefill(own.times, home, asked, load.tokens)
    return _decode(own, home, asked, load)


def _stored(asked: Wanted, load: EngineLoad) -> float:
    cache = load.batch * asked.geometry.kv_bytes(load.tokens, _CACHE_BYTES)
    return asked.geometry.weight_bytes(asked.bits) + cache


def _prefill(times: Times, home: Wanted, asked: Wanted, tokens: int) -> float:
    prompts = {at.tokens: ms for at, ms in times.items() if at.phase == "prefill"}
    if not prompts:
        raise Unmeasured("no prefill was measured")
    known = {n: ms for n, ms in prompts.items() if n > _ROWS} or prompts
    work = [_prompt_work(home.geometry, n, len(known)) for n in known]
    pace = _solved(work, list(known.values()))
    return float(np.dot(pace, _prompt_work(asked.geometry, tokens, len(known))))


def _prompt_work(geometry: Geometry, tokens: int, lengths: int) -> list[float]:
    """Layers, FLOPs of products and of what mixes tokens: as many as some lengths tell apart."""
    parts = ((layer.count, part) for layer in geometry.layers for part in layer.parts)
    mixed = float(sum(count * part.prefill_flops(tokens) for count, part in parts))
    flops, depth = float(geometry.prefill_flops(tokens)), float(geometry.depth)
    if lengths >= _LENGTHS:
        return [depth, flops - mixed, mixed]
    return [depth, flops] if lengths > 1 else [flops]


def _solved(rows: list[list[float]], times: list[float]) -> list[float]:
    """Least squares of relative errors; what would be below zero is left out, the lowest first."""
    scaled = np.array(rows) / np.array(times)[:, None]
    sizes = np.abs(scaled).max(axis=0)
    scaled = scaled / np.where(sizes > 0, sizes, 1.0)
    while True:
        coefficients = np.linalg.lstsq(scaled, np.ones(len(rows)), rcond=None)[0]
        least = int(np.argmin(coefficients))
        if coefficients[least] >= 0 or not scaled[:, least].any():
            return [float(value) for value in coefficients / np.where(sizes > 0, sizes, 1.0)]
        scaled[:, least] = 0.0


def _decode(own: OwnEngine, home: Wanted, asked: Wanted, load: EngineLoad) -> float:
    known = {at: ms for at, ms in own.times.items() if at.phase == "decode"}
    if not known:
        raise Unmeasured("no decode was measured")
    cached = {at: _cached(home, at) for at in known}
    batches = sorted({at.batch for at in known})
    pace = _pace(home, known, cached)
    weights = {
        batch: geometric_mean(
            [max(ms - pace * cached[at], ms / 10) for at, ms in known.items() if at.batch == batch]
        )
        for batch in batches
    }
    rows = {at.tokens: ms for at, ms in own.times.items() if at.phase == "prefill"}
    step = _between(weights, (rows, own.products), load.batch)
    return _moved(home, asked, weights, load.batch, step) + pace * _cached(asked, load)


def _bytes(of: Wanted, batch: int, tokens: int) -> float:
    return of.geometry.decode_min_bytes(
        tokens, batch, bits_per_parameter=of.bits, routing="uniform"
    )


def _cached(of: Wanted, load: EngineLoad) -> float:
    return _bytes(of, load.batch, load.tokens) - _bytes(of, load.batch, 0)


def _pace(
    home: Wanted, known: Mapping[EngineLoad, float], cached: Mapping[EngineLoad, float]
) -> float:
    """Milliseconds of a cached byte."""
    batches = sorted({at.batch for at in known})
    if len(batches) < len(known):
        rows = [[*(float(at.batch == batch) for batch in batches), cached[at]] for at in known]
        return _solved(rows, list(known.values()))[-1]
    least = min(known)
    return known[least] / _bytes(home, least.batch, least.tokens)


def _moved(
    home: Wanted, asked: Wanted, weights: Mapping[int, float], batch: int, step: float
) -> float:
    """A step without its cache, of another geometry or width.

    Weights are read at the pace of the smallest batch; the rest of a step is arithmetic.
    """
    if asked == home:
        return step
    least = min(weights)
    pace = weights[least] / _bytes(home, least, 0)
    reading = min(step, pace * _bytes(home, batch, 0))
    work = asked.geometry.active_parameters() / home.geometry.active_parameters()
    return reading * _bytes(asked, batch, 0) / _bytes(home, batch, 0) + (step - reading) * work


def _between(
    weights: Mapping[int, float], shapes: Sequence[Mapping[int, float]], batch: int
) -> float:
    """A step of a batch, along the shape that the measured batches follow best."""
    if batch in weights:
        return weights[batch]
    told = [shape for shape in shapes if shape.keys() >= {*weights, batch}]
    if min(weights) < batch < max(weights):
        told.append({})
    if not told:
        raise Unmeasured(
            f"no batch as {'large' if batch > max(weights) else 'small'} as {batch} was measured, "
            "and neither prompts nor products were timed at as many rows"
        )
    return _along(min(told, key=lambda shape: _off(shape, weights)), weights, batch)


def _off(shape: Mapping[int, float], weights: Mapping[int, float]) -> float:
    """How far inner batches are from what a shape makes of the others; 0 where none is inner."""
    off = 0.0
    for batch in sorted(weights)[1:-1]:
        others = {at: ms for at, ms in weights.items() if at != batch}
        off += math.log(_along(shape, others, batch) / weights[batch]) ** 2
    return off


def _along(shape: Mapping[int, float], weights: Mapping[int, float], batch: int) -> float:
    ratios = {at: ms / shape.get(at, 1.0) for at, ms in weights.items()}
    return shape.get(batch, 1.0) * _interpolated(ratios, batch)


def _interpolated(values: Mapping[int, float], batch: int) -> float:
    """log-log linear; beyond the ends the last value holds."""
    x, y = (np.log(list(column)) for column in zip(*sorted(values.items()), strict=True))
    return float(np.exp(np.interp(np.log(batch), x, y)))


def held_out(own: OwnEngine) -> list[HeldOutLoad]:
    """Predict each measured load from the others; what those cannot say is passed over."""
    left_out = []
    for load, measured in own.times.items():
        if is_row(load):
            continue
        rest = {at: ms for at, ms in own.times.items() if at != load}
        without = replace(own, times=rest)
        try:
            guess = time_of(without, load)
        except Unmeasured:
            continue
        left_out.append(HeldOutLoad(kind_of(without, load), load, guess / measured - 1))
    return left_out


def is_row(load: EngineLoad) -> bool:
    """Whether it is a prompt as short as a batch: a shape of steps, and no load of its own."""
    return load.phase == "prefill" and load.tokens <= _ROWS


def kind_of(own: OwnEngine, load: EngineLoad) -> str:
    """What of a load was not measured."""
    if load.phase == "prefill":
        return "prefill"
    batches = {at.batch for at in own.times if at.phase == "decode"}
    return "unseen context" if load.batch in batches else "unseen batch"
