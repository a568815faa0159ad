"""How wide a prediction of a machine's own engine is, by what its own cells were off by. Pure.

Of each kind of hold-out the log errors are normal around 0 with a variance nobody knows. Its prior
is worth two errors of a usual size (scaled inverse χ²), so that what comes next follows Student's t
with two degrees of freedom more than there are errors (Gelman et al. 2013, Bayesian Data Analysis,
section 2.6). Kinds add up as independent errors do, and rules widen as in `predict`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from results.prediction.interval import COVERED
from results.prediction.own import HeldOutLoad, Unmeasured, held_out, is_row, kind_of, time_of
from results.prediction.predict import WIDER
from suites.base.statistics import student_t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from results.prediction.own import EngineLoad, OwnEngine, Wanted

__all__ = ["KINDS", "OwnFigure", "alike", "covered", "errors_of", "predict_load", "source_of"]

# What may not have been measured, and the error that is usual there. With no error of one's own
# the interval is 2.9 times as wide: of contexts and batches what the published results were off
# by at most, of geometries what the fit of others' chips is off by (`site/leaderboard/docs`).
KINDS = {
    "prefill": 0.02,
    "unseen context": 0.05,
    "unseen batch": 0.10,
    "unseen geometry": 0.10,
    "unseen quantization": 0.15,
}
_PRIOR = 2
_OUTSIDE = "load outside the fitted range"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFigure:
    """Milliseconds with the ends of the 90% interval.

    Attributes:
        kinds: what was not measured. wider: rules that widened it.
    """

    ms: float
    low: float
    high: float
    kinds: tuple[str, ...]
    wider: tuple[str, ...]


def alike(engines: Iterable[OwnEngine], own: OwnEngine) -> list[OwnEngine]:
    """The same engine and version on the same machine, with other models and precisions too."""
    key = (own.machine, own.engine, own.version)
    return [other for other in engines if (other.machine, other.engine, other.version) == key]


def source_of(engines: Sequence[OwnEngine], wanted: Wanted) -> OwnEngine:
    """What is nearest to a model: its precision first, for kernels are written for one."""

    def apart(own: OwnEngine) -> tuple[bool, bool, float]:
        sizes = (own.home.geometry.parameters(), wanted.geometry.parameters())
        far = abs(math.log(sizes[0] / sizes[1]))
        return own.precision != wanted.precision, own.home.geometry != wanted.geometry, far

    return min(engines, key=apart)


def errors_of(own: OwnEngine, engines: Iterable[OwnEngine]) -> list[HeldOutLoad]:
    """What an engine's cells are off by when they are left out, and when all of a model are.

    Args:
        engines: those of the archive.
    """
    return [*held_out(own), *_of_models(alike(engines, own))]


def _of_models(engines: Sequence[OwnEngine]) -> Iterator[HeldOutLoad]:
    for target in engines:
        others = [own for own in engines if own is not target]
        if not others:
            return
        source = source_of(others, target.home)
        kinds = _changed(source, target.home)
        # Of two changes at once neither is the cause.
        for load in target.times if len(kinds) == 1 else ():
            if load in source.times and not is_row(load):
                guess = time_of(source, load, target.home)
                yield HeldOutLoad(kinds[0], load, guess / target.times[load] - 1)


def _changed(source: OwnEngine, wanted: Wanted) -> list[str]:
    home = source.home
    kinds = ["unseen geometry"] if home.geometry != wanted.geometry else []
    return kinds + (["unseen quantization"] if home.precision != wanted.precision else [])


def predict_load(
    own: OwnEngine, load: EngineLoad, errors: Sequence[HeldOutLoad], wanted: Wanted | None = None
) -> OwnFigure:
    """Predict a load with its interval.

    Args:
        errors: of `errors_of`.

    Raises:
        Unmeasured: too little was measured to say, or the machine has no memory for it.
    """
    ms = time_of(own, load, wanted)
    kinds = [kind_of(own, load), *(_changed(own, wanted) if wanted else ())]
    wider = [_OUTSIDE] if _outside(own, load) else []
    half = math.hypot(*(_half(kind, errors) for kind in kinds))
    half *= math.prod(WIDER[rule] for rule in wider)
    apart = math.exp(half)
    return OwnFigure(ms=ms, low=ms / apart, high=ms * apart, kinds=tuple(kinds), wider=tuple(wider))


def _half(kind: str, errors: Iterable[HeldOutLoad]) -> float:
    """Half the interval of a kind, in natural logarithms."""
    own = [math.log1p(held.off) for held in errors if held.kind == kind]
    degrees = _PRIOR + len(own)
    variance = (_PRIOR * KINDS[kind] ** 2 + sum(off**2 for off in own)) / degrees
    return student_t(degrees, (1 + COVERED) / 2) * math.sqrt(variance)


def _outside(own: OwnEngine, load: EngineLoad) -> bool:
    known = [at for at in own.times if at.phase == load.phase]
    return any(
        not min(values) <= value <= max(values)
        for values, value in (
            ([at.batch for at in known], load.batch),
            ([at.tokens for at in known], load.tokens),
        )
    )


def covered(own: OwnEngine, engines: Sequence[OwnEngine]) -> tuple[int, int]:
    """How many cells an interval holds that knows neither them nor their errors; of how many."""
    inside = total = 0
    for load, measured in own.times.items():
        if is_row(load):
            continue
        without = replace(own, times={at: ms for at, ms in own.times.items() if at != load})
        others = [other for other in engines if other is not own]
        try:
            figure = predict_load(without, load, errors_of(without, [*others, without]))
        except Unmeasured:
            continue
        inside += figure.low <= measured <= figure.high
        total += 1
    return inside, total
