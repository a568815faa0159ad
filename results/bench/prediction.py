"""Errors on held-out cells beside named baselines: `python -m results.bench.prediction [FOLDER]`.

Whole units are left out of every fit (a group is one chip, model, engine and precision), and all
groups weigh the same. Without a folder the trusted cells that ship are used; with one of published
data, its cells, those too that are left out of training because only kernels speak against them.
Nothing is drawn at random but boosting's seed, which is fixed.
"""

from __future__ import annotations

import argparse
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from results import catalog
from results.archive.evidence import unmarked
from results.bench.products import product_errors
from results.prediction.chip import rates_of
from results.prediction.evaluate import UNITS, HeldOut, after_asking, leave_out
from results.prediction.interval import group_weights, stretch, weighted_quantile
from results.prediction.own import Unmeasured, held_out, own_engines, served, time_of
from results.prediction.predict import Predictor
from results.prediction.shipped import PRIORS, shipped
from results.prediction.steps import FIRST_TERMS
from results.prediction.suspects import roofline_ms
from suites import models
from suites.models.widths import bits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from results.prediction.cells import ServingCell
    from results.prediction.fit import CellTerms
    from results.prediction.grid import Floats
    from results.prediction.own import EngineLoad

__all__ = ["baselines", "main"]

_SEED = 1
_PUBLIC = Path(__file__).parents[1] / "public"
_ASKED = (3, 5)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="of published data")
    folder = parser.parse_args().folder
    samples = dict(shipped().samples)
    loose = None
    if folder:
        from results.prediction.ship import read_folder, trusted

        chips, cells = read_folder(folder)
        own, loose = trusted(chips, cells), trusted(chips, cells, wary=False).sample("tpot")
        samples = {kind: own.sample(kind) for kind in samples}
    step, first = samples["tpot"], samples["ttft"]
    print(f"{len(step.cells)} trusted cells in {len({c.group for c in step.cells})} groups")
    print("\nTPOT, unit left out: median / 90th percentile of the absolute error in %")
    print(f"{'':36}" + "".join(f"{unit:>14}" for unit in UNITS))
    for name, by_unit in _tables(step).items():
        print(f"{name:36}" + "".join(f"{by_unit[unit]:>14}" for unit in UNITS))
    print("\nTPOT, the group's own cells known that the tool asks for")
    for count in _ASKED:
        _say(f"{count} cells", after_asking(step, PRIORS["tpot"], count))
    held = leave_out(step, UNITS["group"], PRIORS["tpot"])
    print("\nOther figures, group left out")
    _say("TPOT", held)
    first_held = leave_out(first, UNITS["group"], PRIORS["ttft"])
    for engine in sorted({cell.engine for cell in first.cells}):
        _say(f"TTFT, {engine}", first_held.where(_where(first, engine)))
    _say("TTFT, vllm, unsaturated", first_held.where(_where(first, "vllm") & _unsaturated(first)))
    print(f"{'output tokens/s on a chip':36}{_throughput(step, first, held, first_held):>14}")
    for name, off in _worst_rates(step, first, held, first_held):
        print(f"  {name:34}{off:>+8.1f}")
    power = shipped().power
    print(f"{'power of a chip, model left out':36}{power.error * 100:>8.1f}")
    if folder and loose is not None:
        print("\nThe same with what only kernels speak against, in training and test")
        _say("TPOT", leave_out(loose, UNITS["group"], PRIORS["tpot"]))
        print("\nProducts between the sizes of grids: median / 90th percentile in %")
        print(*product_errors(folder / "kernels"), sep="\n")
    _say_own()
    _say_speed(step.cells[0])


def _say_own() -> None:
    """Errors on the machine whose results are published: its cells left out one by one.

    Its serving suite ran batches that its inference suite did not.
    """
    predicates = [own.predicate for own in unmarked(_PUBLIC, print)]
    print("\nOwn machine, from the published results of one: error in %")
    for own in own_engines(predicates):
        print(own.words())
        for held in held_out(own):
            print(f"  {held.kind}, {_named(held.load):30}{held.off * 100:>+8.1f}")
        same = [
            predicate
            for predicate in predicates
            if own.engine in {e.name for e in predicate.engines}
        ]
        for load, ms in (pair for predicate in same for pair in served(predicate.measurements)):
            known = {at.batch for at in own.times if at.phase == "decode"}
            kind = "unseen context" if load.batch in known else "unseen batch"
            with suppress(Unmeasured):
                off = (time_of(own, load) / ms - 1) * 100
                print(f"  {kind}, {_named(load):24} in serving{off:>+8.1f}")


def _named(load: EngineLoad) -> str:
    return f"{load.phase} of {load.tokens} tokens, batch {load.batch}"


def _where(sample: CellTerms, engine: str) -> npt.NDArray[np.bool_]:
    return np.array([cell.engine == engine for cell in sample.cells], dtype=bool)


def _unsaturated(sample: CellTerms) -> npt.NDArray[np.bool_]:
    """Rows none of whose requests waits for memory."""
    return np.asarray(sample.terms[FIRST_TERMS.index("queue")] == 0)


def _tables(sample: CellTerms) -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for unit, key in UNITS.items():
        errors = {
            **baselines(sample, key),
            "kernel sum, fitted": leave_out(sample, key, PRIORS["tpot"]),
        }
        for name, held in errors.items():
            shown = "not installed" if held is None else _pair(held)
            rows.setdefault(name, {})[unit] = shown
    return rows


def _pair(held: HeldOut) -> str:
    return f"{held.summary():.1f} / {held.summary(0.9):.1f}"


def _say(name: str, held: HeldOut) -> None:
    wide = stretch(held.cells, held.errors, held.deviation)
    width = float(np.exp(np.median(wide * held.deviation)))
    print(
        f"{name:36}{_pair(held):>14}   90% within ×{width:.2f}, "
        f"which holds {held.holds() * 100:.0f}% of {len(held.cells)}"
    )


# Groups whose rates are shown, the worst first.
_WORST = 5


def _rates(
    step: CellTerms, first: CellTerms, held: HeldOut, first_held: HeldOut
) -> tuple[list[ServingCell], Floats]:
    """Cells with both times, and how their predicted rates compare with the measured ones.

    Of C·OSL ÷ (TTFT + TPOT·(OSL − 1)) ÷ chips, C and chips cancel.
    """
    place = {cell.id: i for i, cell in enumerate(first.cells)}
    both = [i for i, cell in enumerate(step.cells) if cell.id in place]
    other = [place[step.cells[i].id] for i in both]
    left = np.array([step.cells[i].osl - 1 for i in both])
    measured = first.measured[other] + step.measured[both] * left
    expected = np.exp(first_held.log[other]) + np.exp(held.log[both]) * left
    return [step.cells[i] for i in both], np.asarray(measured / expected)


def _worst_rates(
    step: CellTerms, first: CellTerms, held: HeldOut, first_held: HeldOut
) -> list[tuple[str, float]]:
    """Groups whose median rate is farthest off, in %."""
    cells, ratio = _rates(step, first, held, first_held)
    off = {
        ", ".join(group): float(np.median(ratio[[cell.group == group for cell in cells]]) - 1) * 100
        for group in dict.fromkeys(cell.group for cell in cells)
    }
    return sorted(off.items(), key=lambda pair: -abs(pair[1]))[:_WORST]


def _throughput(step: CellTerms, first: CellTerms, held: HeldOut, first_held: HeldOut) -> str:
    """Median and 90th percentile of the error of output tokens/s on a chip."""
    cells, ratio = _rates(step, first, held, first_held)
    wrong, weights = np.abs(ratio - 1) * 100, group_weights(cells)
    return " / ".join(f"{weighted_quantile(wrong, weights, q):.1f}" for q in (0.5, 0.9))


def _say_speed(cell: ServingCell) -> None:
    using = Predictor()
    using.predict([cell])
    many = [replace(cell, id=str(i), concurrency=1.0 + i) for i in range(200)]
    for name, cells in (("one prediction", [cell]), ("one of 200 alike", many)):
        times = []
        for _ in range(5):
            began = time.process_time()
            using.predict(cells)
            times.append(time.process_time() - began)
        print(f"{name:36}{min(times) / len(cells) * 1e3:>11.3f} ms of processor time")


def baselines(
    sample: CellTerms, unit: Callable[[ServingCell], Hashable]
) -> dict[str, HeldOut | None]:
    """What others would do, each with the same cells left out."""
    bound = np.log([roofline_ms(cell, "uniform") for cell in sample.cells])
    summed = np.log(sample.terms.sum(axis=0))
    return {
        "roofline": _as_held(sample, bound),
        "nearest neighbour × roofline": _as_held(sample, _nearest(sample, unit, bound)),
        "boosting": _boosted(sample, unit, bound),
        "kernel sum, nothing fitted": _as_held(sample, summed),
    }


def _as_held(sample: CellTerms, log: Floats) -> HeldOut:
    return HeldOut(list(sample.cells), sample.measured, log, np.ones(len(log)))


def _nearest(sample: CellTerms, unit: Callable[[ServingCell], Hashable], bound: Floats) -> Floats:
    """The ratio to the roofline of the nearest cell by load, layout and lengths."""
    names = [unit(cell) for cell in sample.cells]
    ratio, log = np.log(sample.measured) - bound, np.zeros(len(names))
    # Another model, engine or precision is as far as a factor e² of the load.
    kinds = np.array([[c.model, c.engine, c.precision] for c in sample.cells])
    for row, name in enumerate(names):
        others = np.array([other != name for other in names])
        apart = np.abs(sample.x - sample.x[row]).sum(axis=1)
        apart = apart + 2.0 * (kinds != kinds[row]).sum(axis=1)
        log[row] = bound[row] + ratio[np.argmin(np.where(others, apart, np.inf))]
    return log


def _boosted(
    sample: CellTerms, unit: Callable[[ServingCell], Hashable], bound: Floats
) -> HeldOut | None:
    """Gradient boosting on the same features and the geometry; None where it is not installed."""
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ImportError:
        return None
    names = [unit(cell) for cell in sample.cells]
    x = np.column_stack([sample.x, bound, _facts(sample)])
    ratio, log = np.log(sample.measured) - bound, np.zeros(len(names))
    for name in dict.fromkeys(names):
        held = np.array([other == name for other in names])
        model = HistGradientBoostingRegressor(random_state=_SEED)
        model.fit(x[~held], ratio[~held], sample_weight=_weights(sample, ~held))
        log[held] = bound[held] + model.predict(x[held])
    return _as_held(sample, log)


def _weights(sample: CellTerms, keep: Floats) -> Floats:
    return group_weights(sample.where(keep).cells)


def _facts(sample: CellTerms) -> Floats:
    """Sizes of model and chip, and which engine."""
    rows = []
    for cell in sample.cells:
        geometry, rates = models.load(cell.model), rates_of(catalog.chips()[cell.chip])
        rows.append(
            [
                geometry.active_parameters(),
                geometry.parameters(),
                geometry.depth,
                rates.bandwidth,
                rates.peak("bfloat16"),
                bits_of(cell.precision) or 16.0,
                sorted({other.engine for other in sample.cells}).index(cell.engine),
            ]
        )
    return np.array(rows, dtype=float)


if __name__ == "__main__":
    main()
