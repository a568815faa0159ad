"""What the named terms are off by, learnt with strong shrinkage, and how sure that is.

    log TPOT = log Σ T_k·exp(b_k) + a_0 + a_engine + a_model + a_engine×model + u_g + f_g(x) + ε

Multipliers b and intercepts a have normal priors (ridge: Hoerl and Kennard 1970); u and f are
a group's own, f smooth over the load and layout (Gaussian process: Rasmussen and Williams 2006,
section 2.7: explicit basis functions). Given b, a group's rows are jointly normal and groups are
independent, so the normal equations are a sum over groups. log Σ is linearized where b stands, and
the sum taken again: two rounds are enough for multipliers near 1.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.prediction.cells import ServingCell
    from results.prediction.grid import Floats

__all__ = ["CellTerms", "Fit", "Guess", "Priors", "features", "fit", "joint"]

_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """Standard deviations before any row is seen, in natural logarithms.

    Attributes:
        multiplier: of a term; intercept: common to all.
        engine, model, pair, group: of their intercepts.
        smooth: of the smooth residual within a group; noise: of a row.
        scales: over which the residual changes: of `features`.
        farthest: rows whose time is farther from the sum of their terms teach nothing.
    """

    multiplier: float = 0.05
    intercept: float = 0.03
    engine: float = 0.05
    model: float = 0.10
    pair: float = 0.12
    group: float = 0.07
    smooth: float = 0.20
    noise: float = 0.06
    scales: tuple[float, ...] = (2.0, 1.5, 2.0, 2.0, 1.5, 1.5, 1.5)
    farthest: float = math.inf

    def near(self, sample: CellTerms) -> npt.NDArray[np.bool_]:
        """Which rows teach."""
        off = np.log(sample.measured) - np.log(sample.terms.sum(axis=0))
        return np.asarray(np.abs(off) <= self.farthest)


@dataclass(frozen=True, slots=True, eq=False)
class CellTerms:
    """Cells with their terms.

    Attributes:
        cells: n of them; terms: k × n milliseconds; x: n × 7 features.
        measured: n milliseconds; NaN where it was not.
    """

    cells: Sequence[ServingCell]
    terms: Floats
    x: Floats
    measured: Floats

    def where(self, keep: npt.ArrayLike) -> CellTerms:
        """Those of some places."""
        index = np.asarray(keep)
        places = np.flatnonzero(index) if index.dtype == bool else index
        cells = [self.cells[int(i)] for i in places]
        return CellTerms(cells, self.terms[:, places], self.x[places], self.measured[places])

    def __add__(self, other: CellTerms) -> CellTerms:
        """Both, one after the other."""
        return CellTerms(
            [*self.cells, *other.cells],
            np.concatenate([self.terms, other.terms], axis=1),
            np.concatenate([self.x, other.x]),
            np.concatenate([self.measured, other.measured]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """Expected log time of rows, and its standard deviation with a row's own noise."""

    log: Floats
    deviation: Floats


def features(cells: Sequence[ServingCell]) -> Floats:
    """Where a cell lies: logarithms of load, TP, ISL, OSL, EP and DP, and years."""
    own = [
        (c.concurrency or 1.0, c.layout.chips, c.isl, c.osl, c.layout.ep, c.layout.dp)
        for c in cells
    ]
    years = np.array([(c.day or 365.0) / 365.0 for c in cells])
    return np.column_stack([np.log(np.array(own, dtype=float).reshape(len(cells), 6)), years])


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What was learnt.

    Attributes:
        priors: it began with.
        columns: name of each coefficient -> its place.
        mean, covariance: of the coefficients.
        own: group -> what its rows tell beyond them.
        terms: how many of the coefficients are multipliers.
    """

    priors: Priors
    columns: dict[object, int]
    mean: Floats
    covariance: Floats
    own: dict[tuple[str, ...], _Own] = field(default_factory=dict)
    terms: int = 0

    def multipliers(self) -> Floats:
        """Factor of each term."""
        return np.exp(self.mean[: self.terms])

    def guess(self, sample: CellTerms) -> Guess:
        """Expect rows of any groups."""
        b = self.mean[: self.terms]
        total = (sample.terms * np.exp(b)[:, None]).sum(axis=0)
        basis, unseen = _basis(sample, b, self.columns, self.priors)
        log = np.log(total) + basis[:, self.terms :] @ self.mean[self.terms :]
        variance = np.full(len(sample.cells), self.priors.noise**2) + unseen
        for group, rows in _by_group(sample).items():
            own, z = self.own.get(group), basis[rows]
            prior = self.priors.group**2 + self.priors.smooth**2
            if own is not None:
                across = _kernel(sample.x[rows], own.x, self.priors) @ own.inverse
                log[rows] += across @ own.rest
                prior = prior - np.einsum(
                    "ij,ij->i", across, _kernel(sample.x[rows], own.x, self.priors)
                )
                z = z - across @ own.basis
            variance[rows] += np.maximum(prior, 0) + ((z @ self.covariance) * z).sum(axis=1)
        return Guess(log, np.sqrt(variance))


@dataclass(frozen=True, slots=True, eq=False)
class _Own:
    """A group's rows: where they lie, the inverse of their covariance, basis, and what is left."""

    x: Floats
    inverse: Floats
    basis: Floats
    rest: Floats


def fit(sample: CellTerms, priors: Priors) -> Fit:
    """Learn from cells that were measured, those near enough to the sum of their terms."""
    sample = sample.where(priors.near(sample))
    columns, sizes = _columns(sample, priors)
    terms = len(sample.terms)
    y = np.log(sample.measured)
    groups = _by_group(sample)
    inverses = {}
    for group, rows in groups.items():
        inverses[group] = _inverse(sample.x[rows].tobytes(), len(rows), priors)
    mean = np.zeros(len(columns))
    basis, _ = _basis(sample, mean[:terms], columns, priors)
    for _ in range(_ROUNDS):
        b = mean[:terms]
        basis[:, :terms] = _shares(sample.terms, b)
        total = np.log((sample.terms * np.exp(b)[:, None]).sum(axis=0))
        target = y - total + basis[:, :terms] @ b
        precision, toward = np.diag(1 / sizes**2), np.zeros(len(columns))
        for group, rows in groups.items():
            weighed = basis[rows].T @ inverses[group]
            precision += weighed @ basis[rows]
            toward += weighed @ target[rows]
        covariance = np.asarray(np.linalg.inv(precision), dtype=float)
        mean = covariance @ toward
    rest = target - basis @ mean
    own = {
        group: _Own(sample.x[rows], inverses[group], basis[rows], rest[rows])
        for group, rows in groups.items()
    }
    return Fit(priors, columns, mean, covariance, own, terms)


@lru_cache(maxsize=256)
def _inverse(x: bytes, rows: int, priors: Priors) -> Floats:
    """Inverse covariance of a group's rows: the same in every fit that leaves others out."""
    lies = np.frombuffer(x).reshape(rows, -1)
    within = _kernel(lies, lies, priors) + priors.noise**2 * np.eye(rows)
    return np.asarray(np.linalg.inv(within), dtype=float)


def _columns(sample: CellTerms, priors: Priors) -> tuple[dict[object, int], Floats]:
    """Places of all coefficients, and their standard deviations."""
    names: dict[object, float] = {
        ("term", place): priors.multiplier for place in range(len(sample.terms))
    }
    names["all"] = priors.intercept
    for kind, size in (("engine", priors.engine), ("model", priors.model), ("pair", priors.pair)):
        for name in sorted({_level(cell, kind) for cell in sample.cells}):
            names[name] = size
    return {name: place for place, name in enumerate(names)}, np.array(list(names.values()))


def _level(cell: ServingCell, kind: str) -> tuple[str, ...]:
    return {
        "engine": ("engine", cell.engine),
        "model": ("model", cell.model),
        "pair": ("pair", cell.engine, cell.model),
    }[kind]


def _basis(
    sample: CellTerms, b: Floats, columns: dict[object, int], priors: Priors
) -> tuple[Floats, Floats]:
    """Rows of the linearized model, and the variance of levels that were never seen."""
    basis = np.zeros((len(sample.cells), len(columns)))
    basis[:, : len(b)] = _shares(sample.terms, b)
    basis[:, columns["all"]] = 1.0
    unseen = np.zeros(len(sample.cells))
    for kind, size in (("engine", priors.engine), ("model", priors.model), ("pair", priors.pair)):
        for row, cell in enumerate(sample.cells):
            place = columns.get(_level(cell, kind))
            if place is None:
                unseen[row] += size**2
            else:
                basis[row, place] = 1.0
    return basis, unseen


def _shares(terms: Floats, b: Floats) -> Floats:
    """What share of the sum each term is: how log Σ changes with each multiplier."""
    times = terms * np.exp(b)[:, None]
    return np.asarray((times / times.sum(axis=0)).T)


def _by_group(sample: CellTerms) -> dict[tuple[str, ...], Floats]:
    places = defaultdict(list)
    for place, cell in enumerate(sample.cells):
        places[cell.group].append(place)
    return {group: np.array(rows) for group, rows in places.items()}


def _kernel(left: Floats, right: Floats, priors: Priors) -> Floats:
    """Covariance of two sets of rows of one group."""
    apart = (left[:, None, :] - right[None, :, :]) / np.array(priors.scales)
    near = np.exp(-0.5 * (apart**2).sum(axis=2))
    return np.asarray(priors.group**2 + priors.smooth**2 * near)


def joint(fitted: Fit, sample: CellTerms) -> Floats:
    """Covariance of what rows expect of each other, without their own noise."""
    b = fitted.mean[: fitted.terms]
    basis, _ = _basis(sample, b, fitted.columns, fitted.priors)
    own_level = _unseen_levels(sample, fitted)
    covariance = np.zeros((len(sample.cells), len(sample.cells)))
    adjusted = basis.copy()
    for group, rows in _by_group(sample).items():
        block = np.ix_(rows, rows)
        covariance[block] = _kernel(sample.x[rows], sample.x[rows], fitted.priors)
        own = fitted.own.get(group)
        if own is not None:
            across = _kernel(sample.x[rows], own.x, fitted.priors)
            covariance[block] -= across @ own.inverse @ across.T
            adjusted[rows] -= across @ own.inverse @ own.basis
    return covariance + own_level + adjusted @ fitted.covariance @ adjusted.T


def _unseen_levels(sample: CellTerms, fitted: Fit) -> Floats:
    """What rows share by levels that were never seen."""
    shared = np.zeros((len(sample.cells), len(sample.cells)))
    priors = fitted.priors
    for kind, size in (("engine", priors.engine), ("model", priors.model), ("pair", priors.pair)):
        names = [_level(cell, kind) for cell in sample.cells]
        unseen = np.array([name not in fitted.columns for name in names])
        alike = np.array([[name == other for other in names] for name in names])
        shared += size**2 * (alike & unseen[:, None])
    return shared
