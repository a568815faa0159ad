"""What a machine's own engine takes at loads nobody measured, from those that were. Pure.

    decode   t(B, L) = w(B) + c·(bytes(B, L) − bytes(B, 0))      prefill   t(n) = a + s·FLOPs(n)

bytes and FLOPs are those of the model's geometry; w is free at each measured batch. Between them
log w is linear in log B, of the ratio to the machine's own products at as many rows where its
kernel suite timed them, and beyond them only that ratio is held. c comes of batches measured at two
contexts; where there is none, the cache is read as fast as the smallest batch reads the weights.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from statistics import geometric_mean
from typing import TYPE_CHECKING, Literal

import numpy as np

from results.prediction.power import bits_read
from suites import models
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from results.economy.economics import Measured
    from results.statement.statement import Predicate
    from suites.base.records import Label
    from suites.models import Geometry

__all__ = [
    "EngineLoad",
    "HeldOutLoad",
    "OwnEngine",
    "Unmeasured",
    "held_out",
    "own_engines",
    "served",
    "time_of",
]

Phase = Literal["decode", "prefill"]


class Unmeasured(Exception):  # noqa: N818
    """Why there is no time; its text is shown."""


@dataclass(frozen=True, slots=True, order=True)
class EngineLoad:
    """One step of `batch` sequences at a context of `tokens`, or one prompt of `tokens`."""

    phase: Phase
    batch: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEngine:
    """An engine on one machine, and what was measured of it.

    Attributes:
        machine: name of its chip and how many. model: id of a geometry.
        times: milliseconds by load; of a load measured more than once their geometric mean.
        products: rows -> milliseconds of the products of a layer, by the machine's kernel suite.
    """

    machine: str
    engine: str
    version: str
    model: str
    precision: str
    times: Mapping[EngineLoad, float]
    products: Mapping[int, float] = field(default_factory=dict)

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
    for predicate in predicates:
        chip = predicate.machine.chip
        machine = f"{chip.name} × {chip.count}"
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


def time_of(own: OwnEngine, load: EngineLoad) -> float:
    """Milliseconds of a load.

    Raises:
        Unmeasured: too little was measured to say.
    """
    geometry = models.load(own.model)
    if load.phase == "prefill":
        return _prefill(own, geometry, load.tokens)
    return _decode(own, geometry, load)


def _prefill(own: OwnEngine, geometry: Geometry, tokens: int) -> float:
    known = {at.tokens: ms for at, ms in own.times.items() if at.phase == "prefill"}
    if not known:
        raise Unmeasured("no prefill was measured")
    # Relative errors count; of one length alone there is no part that all prompts share.
    rows = [[float(len(known) > 1), float(geometry.prefill_flops(n))] for n in known]
    fixed, each = _solved(rows, list(known.values()), floor=0)
    return fixed + each * geometry.prefill_flops(tokens)


def _solved(rows: list[list[float]], times: list[float], floor: int) -> list[float]:
    """Least squares of relative errors; the coefficient at `floor` is not below zero."""
    scaled = np.array(rows) / np.array(times)[:, None]
    coefficients = np.linalg.lstsq(scaled, np.ones(len(rows)), rcond=None)[0]
    if coefficients[floor] < 0:
        scaled[:, floor] = 0.0
        coefficients = np.linalg.lstsq(scaled, np.ones(len(rows)), rcond=None)[0]
    return [float(value) for value in coefficients]


def _decode(own: OwnEngine, geometry: Geometry, load: EngineLoad) -> float:
    known = {at: ms for at, ms in own.times.items() if at.phase == "decode"}
    if not known:
        raise Unmeasured("no decode was measured")
    cached = {at: _cached(own, geometry, at) for at in (*known, load)}
    batches = sorted({at.batch for at in known})
    pace = _pace(own, geometry, known, cached)
    weights = {
        batch: geometric_mean(
            [max(ms - pace * cached[at], ms / 10) for at, ms in known.items() if at.batch == batch]
        )
        for batch in batches
    }
    return _between(weights, own.products, load.batch) + pace * cached[load]


def _bytes(own: OwnEngine, geometry: Geometry, load: EngineLoad, tokens: int) -> float:
    bits = bits_read(geometry, own.precision)
    return geometry.decode_min_bytes(tokens, load.batch, bits_per_parameter=bits, routing="uniform")


def _cached(own: OwnEngine, geometry: Geometry, load: EngineLoad) -> float:
    return _bytes(own, geometry, load, load.tokens) - _bytes(own, geometry, load, 0)


def _pace(
    own: OwnEngine,
    geometry: Geometry,
    known: Mapping[EngineLoad, float],
    cached: Mapping[EngineLoad, float],
) -> float:
    """Milliseconds of a cached byte."""
    batches = sorted({at.batch for at in known})
    if len(batches) < len(known):
        rows = [[*(float(at.batch == batch) for batch in batches), cached[at]] for at in known]
        return _solved(rows, list(known.values()), floor=len(batches))[-1]
    least = min(known)
    return known[least] / _bytes(own, geometry, least, least.tokens)


def _between(weights: Mapping[int, float], products: Mapping[int, float], batch: int) -> float:
    if batch in weights:
        return weights[batch]
    if products.keys() >= {*weights, batch}:
        ratios = {at: ms / products[at] for at, ms in weights.items()}
        return products[batch] * _interpolated(ratios, batch)
    if not min(weights) < batch < max(weights):
        raise Unmeasured(
            f"no batch as {'large' if batch > max(weights) else 'small'} as {batch} was measured, "
            "and the machine's products were not timed at as many rows"
        )
    return _interpolated(weights, batch)


def _interpolated(values: Mapping[int, float], batch: int) -> float:
    """log-log linear; beyond the ends the last value holds."""
    x, y = (np.log(list(column)) for column in zip(*sorted(values.items()), strict=True))
    return float(np.exp(np.interp(np.log(batch), x, y)))


def held_out(own: OwnEngine) -> list[HeldOutLoad]:
    """Predict each measured load from the others; what those cannot say is passed over."""
    left_out = []
    for load, measured in own.times.items():
        rest = {at: ms for at, ms in own.times.items() if at != load}
        batches = {at.batch for at in rest if at.phase == "decode"}
        seen = "unseen context" if load.batch in batches else "unseen batch"
        try:
            guess = time_of(replace(own, times=rest), load)
        except Unmeasured:
            continue
        kind = seen if load.phase == "decode" else "prefill"
        left_out.append(HeldOutLoad(kind, load, guess / measured - 1))
    return left_out
