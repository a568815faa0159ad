"""Power of a chip under load, and energy per token, from how busy memory and arithmetic are.

    P ÷ TDP = 1 − exp(−(c₀ + c₁·u_mem + c₂·√u_flop + c₃·u_flop + c₄·[chips > 1] + c₅·ln B))

u are shares of the datasheet's bandwidth and 16-bit peak that decode steps of B sequences use. The
form saturates at the nameplate, as power limiters make it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from results import catalog
from results.prediction.chip import entry_of, rates_of
from results.prediction.interval import COVERED, weighted_quantile
from suites import models
from suites.models.names import known_as
from suites.models.widths import bits_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from results.prediction.grid import Floats
    from suites.models import Geometry
    from suites.models.geometry import Widths

__all__ = [
    "Busy",
    "Power",
    "PowerFit",
    "bits_read",
    "busy_of",
    "fit_power",
    "power_of",
    "read_busy",
]

_CHIPS = {"H100": "h100-sxm", "B200": "b200-sxm"}
# Of ML.ENERGY's tasks those without pictures, whose prompts are short beside their answers.
_TASKS = {"gpqa", "lm-arena-chat"}
_PROMPT = 500
# Exponent that the search begins with, two thirds of the nameplate, and rounds that settle it.
_USUAL, _ROUNDS = 1.0, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """How busy the chips of an engine are.

    Attributes:
        memory, arithmetic: shares of bandwidth and of peak, from 0.
        chips, batch: of the engine.
        share: measured power over nameplate; None where it is not measured.
    """

    model: str
    chip: str
    memory: float
    arithmetic: float
    chips: float
    batch: float
    share: float | None = None

    def basis(self) -> list[float]:
        """What the coefficients multiply."""
        several = 1.0 if self.chips > 1 else 0.0
        root = float(np.sqrt(self.arithmetic))
        load = float(np.log(max(self.batch, 1.0)))
        return [1.0, self.memory, root, self.arithmetic, several, load]


@dataclass(frozen=True, slots=True)
class PowerFit:
    """What was learnt.

    Attributes:
        coefficients: c₀ to c₅. error: median error on models held out, as a share.
        spread: factor within which 90% of their rows lie.
    """

    coefficients: tuple[float, ...]
    error: float
    spread: float


@dataclass(frozen=True, slots=True)
class Power:
    """Watts of a chip and joules of an output token, with the ends that hold 90%."""

    watts: tuple[float, float, float]
    joules_per_token: tuple[float, float, float]


def power_of(fitted: PowerFit, busy: Busy, tokens_per_s_chip: float) -> Power | None:
    """Power of one chip; None where no nameplate is known."""
    tdp = catalog.chips()[busy.chip].tdp_w
    if tdp is None:
        return None
    share = float(_shares(fitted.coefficients, [busy])[0])
    ends = (share, share / fitted.spread, min(1.0, share * fitted.spread))
    watts = tuple(tdp * end for end in ends)
    joules = tuple(own / tokens_per_s_chip for own in watts)
    return Power((watts[0], watts[1], watts[2]), (joules[0], joules[1], joules[2]))


def busy_of(
    geometry: Geometry, chip: str, setup: tuple[str, float, float], step_ms: float, context: float
) -> Busy:
    """Shares that a step uses; `setup` is precision, chips and batch."""
    precision, chips, batch = setup
    rates, count = rates_of(catalog.chips()[chip]), max(1, round(batch))
    moved = geometry.decode_min_bytes(
        round(context), count, bits_per_parameter=bits_read(geometry, precision), routing="uniform"
    )
    flops = geometry.decode_flops(round(context), count)
    return Busy(
        model=geometry.id,
        chip=chip,
        memory=min(1.0, moved / rates.bandwidth / chips / step_ms),
        arithmetic=min(1.0, flops / rates.peak("bfloat16") / chips / step_ms),
        chips=chips,
        batch=batch,
    )


def bits_read(geometry: Geometry, precision: str) -> float | Widths:
    """Bits of a weight as a step reads it: as published where that is the precision; else 16."""
    published = geometry.published
    if published is not None and published.precision == precision:
        return published.widths()
    return bits_of(precision) or 16.0


def read_busy(path: Path) -> list[Busy]:
    """Read ML.ENERGY's table of measured power: text tasks of models that are known."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["task"] in _TASKS]
    busy = [_busy(row) for row in rows if known_as(row["model_id"])]
    return [row for row in busy if row.share is not None and 0 < row.share < 1]


def _busy(row: Mapping[str, str]) -> Busy:
    geometry = models.load(known_as(row["model_id"]) or "")
    entry = entry_of(_CHIPS[row["gpu_model"]])
    batch, chips = float(row["avg_batch_size"]), float(row["num_gpus"])
    step_ms = batch / float(row["output_throughput_tokens_per_sec"]) * 1e3
    context = _PROMPT + float(row["avg_output_len"]) / 2
    busy = busy_of(geometry, entry.id, (row["weight_precision"], chips, batch), step_ms, context)
    share = float(row["avg_power_watts"]) / chips / (entry.tdp_w or 1.0)
    return replace(busy, share=share)


def fit_power(rows: list[Busy]) -> PowerFit:
    """Learn from measured rows, models on a chip weighing the same; hold out each model."""
    wrong = np.zeros(len(rows))
    for model in dict.fromkeys(row.model for row in rows):
        kept = [row for row in rows if row.model != model]
        places = [i for i, row in enumerate(rows) if row.model == model]
        expected = _shares(_solved(kept), [rows[i] for i in places])
        wrong[places] = np.log(expected) - np.log([rows[i].share or 1.0 for i in places])
    weights = _weights(rows)
    error = weighted_quantile(np.abs(np.expm1(wrong)), weights, 0.5)
    spread = float(np.exp(weighted_quantile(np.abs(wrong), weights, COVERED)))
    return PowerFit(tuple(float(c) for c in _solved(rows)), error, spread)


def _solved(rows: list[Busy]) -> Floats:
    """Least squares of log power, weighted and shrunk a little: Gauss-Newton from a usual chip.

    An error of the exponent counts as the share it makes of the expected power: near the nameplate
    little, where it is expected there and not only where it was measured.
    """
    measured, weights = np.log([row.share or 0.5 for row in rows]), _weights(rows)
    basis = np.array([row.basis() for row in rows])
    ridge = 1e-4 * float(weights.sum()) * np.eye(basis.shape[1])
    coefficients = np.zeros(basis.shape[1])
    coefficients[0] = _USUAL
    for _ in range(_ROUNDS):
        shares = _shares(coefficients, rows)
        slope = basis * ((1.0 - shares) / shares)[:, None]
        toward = slope.T @ (weights * (measured - np.log(shares))) - ridge @ coefficients
        coefficients = coefficients + np.linalg.solve(
            slope.T @ (slope * weights[:, None]) + ridge, toward
        )
    return np.asarray(coefficients, dtype=float)


def _weights(rows: list[Busy]) -> Floats:
    kinds = [(row.model, row.chip) for row in rows]
    return np.array([1 / kinds.count(kind) for kind in kinds])


def _shares(coefficients: npt.ArrayLike, rows: list[Busy]) -> Floats:
    exponent = np.array([row.basis() for row in rows]) @ np.asarray(coefficients)
    return np.asarray(1.0 - np.exp(-np.maximum(exponent, 0.01)))
