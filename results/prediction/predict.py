"""Predict cells: by kernels or datasheet, with the fit of all that is trusted, and with widths."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from results.catalog.peaks import highest_peak
from results.prediction.ask import most_telling
from results.prediction.cells import ServingCell
from results.prediction.chip import entry_of
from results.prediction.fit import Fit, fit
from results.prediction.plan import Layout
from results.prediction.power import busy_of, power_of
from results.prediction.samples import Summed, summed
from results.prediction.shipped import LearntRange, Shipped, shipped, shipped_chip
from results.prediction.steps import FIRST_TERMS, TERMS
from suites import models
from suites.base.errors import UserError
from suites.models.widths import bits_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from results.prediction.chip import ChipTiming
    from results.prediction.fit import Guess
    from results.prediction.power import Power
    from suites.models import Geometry

__all__ = [
    "WIDER",
    "Basis",
    "Prediction",
    "Predictor",
    "Workload",
    "asked",
    "cell_of",
    "predict",
    "predictor",
]

Basis = Literal["datasheet", "kernels", "calibrated", ""]
# A chip of a vendor none of whose chips were measured: ÷1.1 to ×2 of what the others' efficiency
# gives (MI300X is 1.7 to 1.8 times slower), and the middle of it as the figure.
_OTHER_LOW, _OTHER_HIGH = 1 / 1.1, 2.0
# Factors on the deviation, by rule.
WIDER = {
    "engine version not seen": 1.15,
    "load outside the fitted range": 1.3,
    "more than 75% of the cache's room in use": 1.2,
    "experts of a near shape": 1.2,
    "engine not seen": 1.3,
    "no deployment of this vendor seen": 1.5,
}
_FULL = 0.75
# Loads and lengths among which cells to measure are chosen.
_LOADS = (1, 4, 8, 16, 32, 64, 128)
_LENGTHS = ((1024, 1024), (1024, 8192), (8192, 1024))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What is served: tokens in and out of a request, and requests under way."""

    isl: float
    osl: float
    concurrency: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a cell would do.

    Attributes:
        id: of the cell.
        tpot_ms, ttft_ms: mean times between tokens and to the first one; with the ends of the
            interval that holds 90% of held-out rows. None where refused.
        basis: what it rests on.
        error: median error of the basis on held-out TPOT, as a share; None where unknown.
        wider: rules that widened the interval.
        refused: why there is none, empty where there is.
        terms, first_terms: name -> ms before the fit, ms after it.
        further: what engine, model and set-up change TPOT by beyond the terms, as a share.
        bound: what a decode step waits for most: "memory", "arithmetic", "links" or "the host".
        tokens_per_s_chip: output tokens of one chip each second.
    """

    id: str
    tpot_ms: float | None = None
    tpot_low: float | None = None
    tpot_high: float | None = None
    ttft_ms: float | None = None
    ttft_low: float | None = None
    ttft_high: float | None = None
    basis: Basis = ""
    error: float | None = None
    wider: tuple[str, ...] = ()
    refused: str = ""
    terms: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    first_terms: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    further: float = 0.0
    bound: str = ""
    tokens_per_s_chip: float | None = None


class Predictor:
    """Predicts any number of cells from one state of knowledge.

    Args:
        kernels: chips by id of the catalogue, before those that ship.
        calibration: cells to learn from besides those that ship.
        base: what ships; else what the package holds.
    """

    def __init__(
        self,
        kernels: Mapping[str, ChipTiming] | None = None,
        calibration: Sequence[ServingCell] = (),
        base: Shipped | None = None,
    ) -> None:
        self.base = base or shipped()
        self._kernels = dict(kernels or {})
        self._calibration = summed(list(calibration), self.chip) if calibration else None

    def chip(self, name: str) -> ChipTiming:
        """A chip by its tables, or else by its datasheet.

        Raises:
            Missing: neither is known.
        """
        if name not in self._kernels:
            self._kernels[name] = shipped_chip(name)
        return self._kernels[name]

    @cached_property
    def seen(self) -> LearntRange:
        """What was learnt from, calibration too."""
        if self._calibration is None:
            return self.base.seen
        own = self._calibration.sample("tpot").where(self._calibration.kept)
        return LearntRange.of([*self.base.samples["tpot"].cells, *own.cells])

    @cached_property
    def step_fit(self) -> Fit:
        """Of TPOT."""
        return self._fit("tpot")

    @cached_property
    def first_fit(self) -> Fit:
        """Of TTFT."""
        return self._fit("ttft")

    def _fit(self, kind: str) -> Fit:
        sample = self.base.samples[kind]
        if self._calibration is not None:
            own = self._calibration.sample(kind)
            own = own.where(self._calibration.kept & np.isfinite(own.measured))
            known = {cell.id for cell in own.cells}
            sample = sample.where(np.array([c.id not in known for c in sample.cells], dtype=bool))
            sample = sample + own
        return fit(sample, self.base.priors[kind])

    def predict(
        self, cells: Sequence[ServingCell], geometries: Mapping[str, Geometry] | None = None
    ) -> list[Prediction]:
        """Predict cells in their order; what cannot be is refused with its reason."""
        sums = summed(cells, self.chip, geometries)
        places = np.flatnonzero(sums.kept)
        results = [
            Prediction(id=cell.id, refused=reason)
            for cell, reason in zip(cells, sums.refused, strict=True)
        ]
        if not len(places):
            return results
        step, first = (sums.sample(kind).where(places) for kind in ("tpot", "ttft"))
        guesses = self.step_fit.guess(step), self.first_fit.guess(first)
        for row, place in enumerate(places):
            results[place] = self._made(sums, int(place), row, guesses)
        return results

    def power(self, prediction: Prediction, cell: ServingCell, geometry: Geometry) -> Power | None:
        """Power of a predicted cell; None where it is refused or no nameplate is known.

        Energy is that of the chips alone, for each output token.
        """
        if prediction.tpot_ms is None or prediction.tokens_per_s_chip is None:
            return None
        batch = prediction.tokens_per_s_chip * cell.layout.chips * prediction.tpot_ms / 1e3
        setup = (cell.precision, float(cell.layout.chips), batch)
        busy = busy_of(geometry, cell.chip, setup, prediction.tpot_ms, cell.isl + cell.osl / 2)
        return power_of(self.base.power, busy, prediction.tokens_per_s_chip)

    def _made(self, sums: Summed, place: int, row: int, guesses: tuple[Guess, Guess]) -> Prediction:
        cell = sums.cells[place]
        basis, shift, low, high = self.level(cell)
        wider = self.rules(cell, float(sums.crowding[place]), near=bool(sums.near[place]))
        factor = float(np.prod([WIDER[rule] for rule in wider]))
        tpot, ttft = (
            _interval(
                guess,
                row,
                self.base.stretched(kind, basis, cell.engine) * factor,
                (shift, low, high),
            )
            for kind, guess in zip(("tpot", "ttft"), guesses, strict=True)
        )
        chips = cell.layout.chips
        terms = _named(TERMS, sums.step[:, place], self.step_fit)
        rate = (cell.concurrency or 0) * cell.osl / (ttft[0] + tpot[0] * (cell.osl - 1)) / chips
        return Prediction(
            id=cell.id,
            tpot_ms=tpot[0],
            tpot_low=tpot[1],
            tpot_high=tpot[2],
            ttft_ms=ttft[0],
            ttft_low=ttft[1],
            ttft_high=ttft[2],
            basis=basis,
            error=self.base.errors.get(basis),
            wider=wider,
            terms=terms,
            further=tpot[0] / sum(after for _, after in terms.values()) - 1,
            bound=_bound(self.chip(cell.chip), cell, terms),
            first_terms=_named(FIRST_TERMS, sums.first[:, place], self.first_fit),
            tokens_per_s_chip=rate * 1e3,
        )

    def level(self, cell: ServingCell) -> tuple[Basis, float, float, float]:
        """Level of a cell, and for another vendor's datasheet what shifts figure and ends."""
        chip = self.chip(cell.chip)
        if chip.level == "datasheet":
            if chip.entry.vendor in self.base.vendors:
                return "datasheet", 1.0, 1.0, 1.0
            middle = float(np.sqrt(_OTHER_LOW * _OTHER_HIGH))
            return "datasheet", middle, _OTHER_LOW / middle, _OTHER_HIGH / middle
        seen = cell.group in self.step_fit.own
        return ("calibrated" if seen else "kernels"), 1.0, 1.0, 1.0

    def rules(self, cell: ServingCell, crowding: float, *, near: bool) -> tuple[str, ...]:
        """Rules that widen a cell: of `WIDER`."""
        seen, chip = self.seen, self.chip(cell.chip)
        rules = ["experts of a near shape"] if near else []
        if chip.level == "kernels" and chip.entry.vendor not in self.base.vendors:
            rules.append("no deployment of this vendor seen")
        if cell.engine not in seen.engines:
            rules.append("engine not seen")
        elif cell.version and (cell.engine, cell.version) not in seen.versions:
            rules.append("engine version not seen")
        if any(
            not low <= value <= high
            for value, (low, high) in zip(
                (cell.concurrency or 0, cell.isl, cell.osl), seen.ranges, strict=True
            )
        ):
            rules.append("load outside the fitted range")
        if crowding > _FULL:
            rules.append("more than 75% of the cache's room in use")
        return tuple(rules)


def _interval(
    guess: Guess, row: int, stretch: float, shifts: tuple[float, float, float]
) -> tuple[float, float, float]:
    shift, low, high = shifts
    middle = float(np.exp(guess.log[row])) * shift
    apart = float(np.exp(stretch * guess.deviation[row]))
    return middle, middle / apart * min(low, 1.0), middle * apart * max(high, 1.0)


def _named(names: Sequence[str], terms: object, fitted: Fit) -> dict[str, tuple[float, float]]:
    return {
        name: (float(own), float(own * factor))
        for name, own, factor in zip(names, np.asarray(terms), fitted.multipliers(), strict=True)
    }


def _bound(chip: ChipTiming, cell: ServingCell, terms: Mapping[str, tuple[float, float]]) -> str:
    """What the largest term of a decode step waits for (`results.prediction.roofline`)."""
    largest = max(_WAITS, key=lambda name: terms[name][1])
    if largest != "gemm":
        return _WAITS[largest]
    bits = bits_of(cell.precision) or 16.0
    balance = (highest_peak(chip.entry, bits) or 0.0) * 1e9 / chip.rates.bandwidth
    return "arithmetic" if 2 * cell.batch * 8 / bits > balance else "memory"


_WAITS = {
    "gemm": "", "attention": "memory", "experts": "memory", "sums": "links", "head": "memory",
    "stream": "memory", "launch": "the host", "host step": "the host", "host sequence": "the host",
}  # fmt: skip


@cache
def predictor() -> Predictor:
    """The predictor of what ships, made once."""
    return Predictor()


def predict(
    chip: str,
    model: str | Geometry,
    workload: Workload,
    *,
    precision: str,
    engine: str = "vllm",
    tp: int = 1,
    dp: int = 1,
    ep: int = 1,
    using: Predictor | None = None,
) -> Prediction:
    """Predict one cell.

    Args:
        chip: any name of the catalogue. model: id of the library, or a geometry.
        tp: ranks that share attention; dp: groups with sequences of their own; ep: ranks that
            share out the experts.
        using: another predictor than that of what ships.

    Raises:
        UserError: the catalogue lists no such chip, or the library no such model.
    """
    name = models.load(model).id if isinstance(model, str) else model.id
    cell = cell_of(
        entry_of(chip).id, name, workload, precision=precision, engine=engine, layout=(tp, dp, ep)
    )
    own = None if isinstance(model, str) else {name: model}
    return (using or predictor()).predict([cell], own)[0]


def asked(
    chip: str,
    model: str,
    *,
    precision: str,
    engine: str = "vllm",
    layout: tuple[int, int, int] = (1, 1, 1),
    count: int = 3,
    using: Predictor | None = None,
) -> list[ServingCell]:
    """The cells of a set-up to measure first: after them the others are known best.

    They are chosen among loads and lengths that are usual, by posterior variance.

    Raises:
        UserError: the chip or model is unknown, or nothing of the set-up can be predicted.
    """
    own = using or predictor()
    cells = [
        cell_of(
            entry_of(chip).id,
            models.load(model).id,
            Workload(isl=isl, osl=osl, concurrency=load),
            precision=precision,
            engine=engine,
            layout=layout,
        )
        for isl, osl in _LENGTHS
        for load in _LOADS
    ]
    sums = summed(cells, own.chip)
    if not sums.kept.any():
        raise UserError(sums.refused[0], where="ask", expected="a set-up that can be predicted")
    places = np.flatnonzero(sums.kept)
    chosen = most_telling(own.step_fit, sums.sample("tpot").where(places), count)
    return [cells[places[i]] for i in chosen]


def cell_of(
    chip: str,
    model: str,
    workload: Workload,
    *,
    precision: str,
    engine: str,
    layout: tuple[int, int, int],
) -> ServingCell:
    """A cell that is asked for; `layout` is TP, DP and EP."""
    tp, dp, ep = layout
    return ServingCell(
        id=f"{chip}/{model}/{precision}/tp{tp}",
        chip=chip,
        model=model,
        engine=engine.lower(),
        precision=precision.lower(),
        isl=workload.isl,
        osl=workload.osl,
        concurrency=workload.concurrency,
        layout=Layout(tp, dp, max(1, tp * dp // ep), ep),
    )
