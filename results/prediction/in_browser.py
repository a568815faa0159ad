"""What the choose page computes with: the tables of `predict` and `choose`, as JSON.

`predict.js` and `choose-rank.js` hold the formulas; nothing here is rounded by more than 1e-6.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from results import catalog
from results.checks.tables import constants, model_table
from results.prediction import choose, deployments, memory, roofline, steps
from results.prediction import predict as prediction
from results.prediction.chip import Missing, rates_of
from results.prediction.dtypes import dtypes_of
from results.prediction.plan import plan_of
from results.prediction.power import bits_read
from results.prediction.samples import undivided
from suites.models.attention import Gqa
from suites.models.geometry import Widths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from results.prediction.chip import ChipTiming
    from results.prediction.choose import SetupOption
    from results.prediction.fit import Fit
    from results.prediction.grid import KernelGrid
    from results.prediction.observed import Observed
    from results.prediction.plan import Layout, Plan, Products
    from results.prediction.predict import Predictor
    from results.prediction.tables import KernelKey
    from suites.models import Geometry

__all__ = ["common", "of_evidence", "of_model"]

# Grids whose shape no model sets.
_SHARED = ("gemm", "latent decode", "latent prefill", "reduce")
_BORROWED = "datasheet"
_MODULES = (choose, deployments, memory, prediction, roofline, steps)


def common(using: Predictor) -> dict[str, Any]:
    """Return what all models share: constants, chips, grids and what was learnt of terms."""
    base = using.base
    chips = {name: _chip(using, name) for name in deployments.accelerators()}
    return {
        "constants": {own.__name__.rpartition(".")[2]: constants(own) for own in _MODULES},
        "chips": chips,
        "grids": {
            source: _grids(chip.grids, lambda key: key[0] in _SHARED)
            for source, chip in _sources(using)
        },
        "fits": {"tpot": _fit(using.step_fit), "ttft": _fit(using.first_fit)},
        "stretch": {kind: dict(own) for kind, own in base.stretch.items()},
        "vendors": sorted(base.vendors),
        "engines": sorted(using.seen.engines),
        "ranges": using.seen.ranges,
        "power": {"coefficients": base.power.coefficients, "spread": base.power.spread},
    }


def of_model(using: Predictor, geometry: Geometry) -> dict[str, Any]:
    """Return what one model adds: its plans, dtypes, grids of its shapes, and its own rows."""
    parts = [part for layer in geometry.layers for part in layer.parts]
    kinds = {part: place for place, part in enumerate(dict.fromkeys(parts))}
    layouts = list(deployments.layouts(geometry))
    plans = {own: plan_of(geometry, own) for own in layouts if not undivided(geometry, own)}
    return {
        "geometry": model_table(geometry),
        "sparse": geometry.moe is not None,
        "parts": [
            part.model_dump()
            | {"state_values": part.state_values(), "steady_flops": part.decode_flops(1)}
            | {"expert_values": part.routed(geometry.hidden)}
            for part in kinds
        ],
        "caches": [[layer.count, kinds[part]] for layer in geometry.layers for part in layer.parts],
        "layouts": [
            {"ranks": [own.tp, own.dp, own.moe_tp, own.ep]}
            | (_plan(plans[own], kinds) if own in plans else {"refused": undivided(geometry, own)})
            for own in layouts
        ],
        "dtypes": {name: _dtypes(using, name, geometry) for name in deployments.accelerators()},
        "shapes": {source: _shapes(chip, geometry, plans) for source, chip in _sources(using)},
        "groups": {
            kind: [
                _group(group, own, fitted)
                for group, own in fitted.own.items()
                if group[1] == geometry.id
            ]
            for kind, fitted in (("tpot", using.step_fit), ("ttft", using.first_fit))
        },
    }


def of_evidence(using: Predictor, geometry: Geometry, loads: Iterable[Observed]) -> dict[str, Any]:
    """Return what is known of a model's loads: those observed, and those learnt from."""
    # As `choose` has them, and to the last bit: of two that serve as much the first stands.
    rows = [
        [*_setup(option), isl, osl, *times, {}, {}]
        for option, isl, osl, *times in deployments.taught(using, geometry)
    ] + [_load(own) for own in loads]
    precisions = {*deployments.PRECISIONS, *(row[2] for row in rows)}
    return {
        "rows": rows,
        "bits": {name: _plain(bits_read(geometry, name)) for name in sorted(precisions)},
    }


def _setup(option: SetupOption) -> list[Any]:
    own = option.setup
    ranks = own.layout
    return [
        own.chip, own.engine, own.precision, [ranks.tp, ranks.dp, ranks.moe_tp, ranks.ep],
        option.concurrency, option.kind, option.basis,
    ]  # fmt: skip


def _load(own: Observed) -> list[Any]:
    at = [{f"{p:g}": ms for p, ms in own.at[metric].items()} for metric in choose.METRICS]
    return [*_setup(own.option), own.isl, own.osl, own.ttft, own.tpot, *at]


def _plain(bits: float | Widths) -> Any:
    return asdict(bits) if isinstance(bits, Widths) else bits


def _sources(using: Predictor) -> Iterator[tuple[str, ChipTiming]]:
    """Chips with grids of their own, and one of those that borrow, which has all of them."""
    borrowing = None
    for name in deployments.accelerators():
        try:
            chip = using.chip(name)
        except Missing:
            continue
        if chip.level == "kernels":
            yield name, chip
        elif borrowing is None or len(chip.grids) > len(borrowing.grids):
            borrowing = chip
    if borrowing is not None:
        yield _BORROWED, borrowing


def _chip(using: Predictor, name: str) -> dict[str, Any]:
    entry = catalog.chips()[name]
    told = {"name": entry.name, "vendor": entry.vendor, "memory_gb": entry.memory_gb}
    try:
        chip = using.chip(name)
    except Missing as missing:
        return told | {"refused": str(missing)}
    rates, own = chip.rates, rates_of(entry)
    return told | {
        "level": chip.level,
        "source": name if chip.level == "kernels" else _BORROWED,
        "rates": {"bandwidth": rates.bandwidth, "peaks": rates.peaks, "link": rates.link},
        "products": sorted(key[1] for key in chip.grids if key[0] == "gemm"),
        "tdp_w": entry.tdp_w,
        "draws": {"bandwidth": own.bandwidth, "peak": own.peak("bfloat16")},
    }


def _grids(grids: Mapping[KernelKey, KernelGrid], wanted: Any) -> dict[str, Any]:
    return {name_of(key): grid.as_json() for key, grid in grids.items() if wanted(key)}


def name_of(key: Iterable[str | int]) -> str:
    """A grid's key as one text."""
    return "/".join(str(part) for part in key)


def _fit(fitted: Fit) -> dict[str, Any]:
    priors = fitted.priors
    return {
        "terms": fitted.terms,
        "columns": {_column(name): place for name, place in fitted.columns.items()},
        "mean": _rounded(fitted.mean),
        "covariance": [_rounded(row) for row in fitted.covariance],
        "priors": {
            name: getattr(priors, name)
            for name in ("engine", "model", "pair", "group", "smooth", "noise", "scales")
        },
    }


def _column(name: object) -> str:
    return name_of(name) if isinstance(name, tuple) else str(name)


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.8g}") for value in np.asarray(values)]


def _group(group: tuple[str, ...], own: Any, fitted: Fit) -> dict[str, Any]:
    chip, _, engine, precision = group
    return {
        "group": [chip, engine, precision],
        "x": [_rounded(row) for row in own.x],
        "shares": [_rounded(row) for row in own.basis[:, : fitted.terms]],
        "rest": _rounded(own.rest),
    }


def _plan(plan: Plan, kinds: Mapping[Any, int]) -> dict[str, Any]:
    return {
        "mixers": _products(plan.mixers),
        "dense": _products(plan.dense),
        "plain": _products(plan.plain),
        "mixing": [[count, kinds[part]] for count, part in plan.mixing],
        "experts": [
            [count, [s.hidden, s.inter, s.topk, s.experts, s.tp, s.ep, s.matrices]]
            for count, s in plan.experts
        ],
        "layers": plan.layers,
        "sums": plan.sums,
        "vocab": plan.vocab,
    }


def _products(own: Products) -> list[list[float]]:
    columns = (own.count, own.n, own.k)
    return [list(row) for row in zip(*(column[:, 0].tolist() for column in columns), strict=True)]


def _dtypes(using: Predictor, name: str, geometry: Geometry) -> dict[str, Any]:
    """Of each precision mixers, dense blocks and experts; or the reason why there are none."""
    try:
        chip = using.chip(name)
    except Missing:
        return {}
    told: dict[str, Any] = {}
    for precision in deployments.PRECISIONS:
        try:
            own = dtypes_of(chip, geometry, precision)
            told[precision] = [own.mixers, own.dense, own.experts]
        except Missing as missing:
            told[precision] = str(missing)
    return told


def _shapes(chip: ChipTiming, geometry: Geometry, plans: Mapping[Layout, Plan]) -> dict[str, Any]:
    """Which grid stands for each shape the plans ask for, and those grids."""
    wanted: dict[KernelKey, KernelKey | None] = {}
    for layout, plan in plans.items():
        keys = [*_attentions(geometry, layout.tp), *_experts(chip, plan)]
        wanted |= {key: chip.like(str(key[0]), key[1:]) for key in keys}
        for ranks in {layout.tp, layout.chips} - {1}:
            wanted["reduce", ranks] = chip.like("reduce", (ranks,))
    used = {key for key in wanted.values() if key and key[0] not in _SHARED}
    return {
        "like": {name_of(key): own and name_of(own) for key, own in wanted.items()},
        "grids": _grids(chip.grids, used.__contains__),
    }


def _attentions(geometry: Geometry, tp: int) -> Iterator[KernelKey]:
    for layer in geometry.layers:
        for part in layer.parts:
            if isinstance(part, Gqa):
                heads, kv_heads = max(1, part.heads // tp), max(1, part.kv_heads // tp)
                yield "decode", "bfloat16", part.head_dim, heads, kv_heads
                yield "prefill", part.head_dim, heads, kv_heads


def _experts(chip: ChipTiming, plan: Plan) -> Iterator[KernelKey]:
    for _, s in plan.experts:
        for dtype in roofline.WEIGHT_BYTES:
            if chip.has_experts(dtype):
                yield "experts", dtype, s.hidden, s.inter, s.topk, s.experts, s.tp, s.ep
