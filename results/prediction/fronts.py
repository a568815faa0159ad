"""What ships of predictions for pages: fronts of speed against throughput, by model, load and chip.

A predictor takes a second for a model on all chips, and a page none: `python -m
results.prediction.fronts` writes the table anew after the catalogue, the models or the fit changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from results.prediction.choose import Demand
from results.prediction.deployments import accelerators, predicted
from results.prediction.plan import Layout
from results.prediction.shipped import DATA, read_packed, write_packed
from suites import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from results.prediction.choose import Options
    from results.prediction.predict import Predictor
    from suites.models import Geometry

__all__ = ["LOADS", "LoadFronts", "Predicted", "front_of", "fronts_of", "fronts_on", "write"]

# Input and output tokens of a request.
LOADS = ((1024, 1024), (8192, 1024))
# Points of one chip: as many as a line needs.
_POINTS = 6
_DIGITS = 4
_FILE = DATA / "fronts.json.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """One configuration that no other of its chip is predicted to beat in both.

    Attributes:
        basis: level of the prediction.
        concurrency: requests under way on one engine.
        tokens_per_s_user: each user sees; means.
        tokens_per_s_chip: output tokens, with the ends that hold 90% of held-out rows.
    """

    precision: str
    layout: Layout
    basis: str
    concurrency: float
    tokens_per_s_user: float
    tokens_per_s_chip: float
    low: float
    high: float

    def ttft_ms(self, osl: int) -> float:
        """Mean time to the first token: what is left of a request's time, as `_by_chip` has it."""
        whole = 1e3 * self.concurrency * osl / self.tokens_per_s_chip / self.layout.chips
        return whole - 1e3 / self.tokens_per_s_user * (osl - 1)


# Of a model: load -> chip -> its points, slowest users first.
LoadFronts = dict[tuple[int, int], dict[str, list[Predicted]]]


@cache
def fronts_of(model: str) -> LoadFronts:
    """Return what ships of one model: nothing of one that is not predicted."""
    return {
        load: {chip: [_point(row) for row in rows] for chip, rows in chips.items()}
        for load, chips in _packed().get(model, {}).items()
    }


def fronts_on(model: str, chip: str) -> dict[tuple[int, int], list[Predicted]]:
    """Return what ships of one model on one chip, by load."""
    return {
        load: [_point(row) for row in chips.get(chip, ())]
        for load, chips in _packed().get(model, {}).items()
    }


@cache
def _packed() -> Mapping[str, Mapping[tuple[int, int], Mapping[str, Sequence[Any]]]]:
    return {
        model: {(isl, osl): dict(chips) for isl, osl, chips in loads}
        for model, loads in read_packed(_FILE)["fronts"].items()
    }


def _point(row: Sequence[Any]) -> Predicted:
    precision, layout, basis, concurrency, user, chip, low, high = row
    return Predicted(
        precision=precision,
        layout=Layout(*layout),
        basis=basis,
        concurrency=concurrency,
        tokens_per_s_user=user,
        tokens_per_s_chip=chip,
        low=low,
        high=high,
    )


def front_of(using: Predictor, geometry: Geometry, chips: Iterable[str]) -> Iterator[list[Any]]:
    """Yield input tokens, output tokens and the points of each chip, as they ship."""
    for isl, osl in LOADS:
        options, _ = predicted(using, geometry, Demand(isl, osl, users=1), chips)
        yield [isl, osl, _by_chip(options, osl)]


def _by_chip(options: Options, osl: int) -> list[list[Any]]:
    """Tokens of C requests in the time of one: C·OSL ÷ (TTFT + TPOT·(OSL − 1)), a chip's share."""
    loads = np.array([own.concurrency for own in options.options])
    sizes = np.array([own.setup.layout.chips for own in options.options])
    rates = loads * osl * 1e3 / sizes / (options.ttft + options.tpot * (osl - 1))
    users = 1e3 / options.tpot[0] if len(loads) else loads
    places: dict[str, list[int]] = {}
    best: dict[str, float] = {}
    for place in np.lexsort((-rates[0], -users)).tolist():
        chip = options.options[place].setup.chip
        if rates[0, place] > best.get(chip, 0.0):
            best[chip] = float(rates[0, place])
            places.setdefault(chip, []).append(place)
    return [
        [chip, [_row(options, place, users, rates) for place in _thinned(own)]]
        for chip, own in sorted(places.items())
    ]


def _thinned(places: Sequence[int]) -> list[int]:
    """Keep both ends and what lies evenly between, slowest users first."""
    kept = np.unique(np.linspace(0, len(places) - 1, min(_POINTS, len(places))).round().astype(int))
    return [places[i] for i in reversed(kept.tolist())]


def _row(options: Options, place: int, users: Any, rates: Any) -> list[Any]:
    option = options.options[place]
    own = option.setup.layout
    value, fewest, most = (float(end) for end in rates[:, place])
    figures = (float(users[place]), value, *sorted((fewest, most)))
    return [
        option.setup.precision,
        [own.tp, own.dp, own.moe_tp, own.ep],
        option.basis,
        option.concurrency,
        *(float(f"{number:.{_DIGITS}g}") for number in figures),
    ]


def write() -> None:
    """Predict every model on every chip, and write what ships."""
    from results.prediction.predict import predictor

    using, chips = predictor(), accelerators()
    made = {name: list(front_of(using, models.load(name), chips)) for name in models.available()}
    write_packed(_FILE, {"fronts": made})


if __name__ == "__main__":
    write()
