"""Correctness before speed: an output against float64, or there is no result.

The gate is a model of honest rounding, element by element. Rounding to a significand of p bits
errs by at most u = 2^-p of a value, and by 0.42·u in the root mean square over evenly spread
mantissas (uniform within half a last place: u/√3, times √(3/8/ln 2) for the mantissa). An element
that adds up k terms in f32 errs by √k·2^-24 of their root sum of squares (Higham, "Accuracy and
Stability of Numerical Algorithms", section 4.2, in its probabilistic form), and by one such
rounding more for each time a term is rounded to the dtype on the way. Each error over its own
expected size gives z, and four questions are asked of z:

- one element: |z| at most 8;
- one row: root mean square at most 1.5, more where a row has few independent errors;
- the whole: root mean square at most 1.2;
- one direction: the part of the errors along the result itself, or along its derivative by a
  scale, is no more than chance leaves. Thousands of roundings cancel there, a scale that is off
  by 0.3% does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suites.kernels.backends.work import Spread

if TYPE_CHECKING:
    from suites.kernels.backends.work import Rounding

__all__ = ["Deviation", "judge"]

# Bits of the significand of a result, of a rounded term, and of the sum that adds them up. fp8
# and fp4 give bf16; fp8 sums are kept in 14 bits by Hopper's tensor cores (DeepSeek-V3 report,
# arXiv 2412.19437, section 3.3.2).
_BITS = {
    "f64": (53, 53, 53),
    "f32": (24, 24, 24),
    "tf32": (24, 11, 24),
    "f16": (11, 11, 24),
    "bf16": (8, 8, 24),
    "fp8": (8, 8, 14),
    "fp4": (8, 8, 24),
    "int8": (31, 31, 31),
}
# Smallest step of a result: below it no bits are left to lose.
_STEP, _SMALLEST = {"f16": 2.0**-24}, 2.0**-126
_RMS = 0.425
_ELEMENT, _ROW, _WHOLE = 8.0, 1.5, 1.2
# By how many standard deviations a root mean square of n errors may pass its gate: 3/√n, and by
# how many a direction's share may differ from zero.
_WIDER, _DIRECTION = 3.0, 4.0
# Honest arithmetic has a small bias of its own: hardware that truncates, a fast exponential.
_BIAS = {"f64": 2.0**-50, "f32": 2.0**-22, "tf32": 2.0**-10, "f16": 2.0**-12.5}
_BIAS_NARROW = 2.0**-9.5


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far an output lies from its reference.

    Attributes:
        error: relative L2 of the whole, as a figure to show.
        worst_row: largest root mean square of one row's errors over their expected size.
        problem: why it is not a result; empty when it passed.
    """

    error: float
    worst_row: float
    problem: str


def judge(
    output: np.ndarray,
    reference: np.ndarray,
    dtype: str,
    rounding: Rounding,
    spread: Spread | None = None,
) -> Deviation:
    """Judge an output by the errors that honest rounding leaves.

    Args:
        output, reference: of one shape; rows lie along the last axis.
        spread: of the reference's elements; without it each is its own only term.
    """
    if output.shape != reference.shape:
        return _refused(f"shape {output.shape}, expected {reference.shape}")
    if not np.isfinite(reference).all():
        return _refused("the reference is not finite: these inputs prove nothing")
    if not np.isfinite(output).all():
        wrong = int(np.count_nonzero(~np.isfinite(output)))
        return _refused(f"{wrong} of {output.size} results were never written or not finite")
    spread = spread or Spread(size=np.abs(reference))
    if not np.any(reference) and not np.any(spread.size):
        return _refused("the reference is zero: these inputs prove nothing")
    errors = output - reference
    error = float(np.linalg.norm(errors)) / (float(np.linalg.norm(reference)) or 1.0)
    if rounding.exact or dtype == "int8":
        wrong = int(np.count_nonzero(errors))
        problem = f"{wrong} of {output.size} results differ, expected exact ones" if wrong else ""
        return Deviation(error, float(bool(wrong)), problem)
    noise = _noise(reference, dtype, rounding, spread)
    scaled = (_by_row(x / noise) for x in (errors, reference, *spread.tangents))
    z, own, *tangents = scaled
    rows = np.sqrt(np.mean(np.square(z), axis=1))
    free = _freedom(reference.shape, spread)
    problems = [_element(z), _rows(rows, free), _whole(rows, free)]
    problems.append(_direction(z, own, free, "the result", dtype))
    problems += [_direction(z, tangent, free, "a scale inside", dtype) for tangent in tangents]
    return Deviation(error, float(rows.max()), next(filter(None, problems), ""))


def _by_row(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, array.shape[-1])


def _noise(reference: np.ndarray, dtype: str, rounding: Rounding, spread: Spread) -> np.ndarray:
    """Expected error of each element, one standard deviation."""
    result, term, total = _BITS[dtype]
    own = _RMS * 2.0**-result * reference
    added = np.square(_RMS * 2.0**-term) * rounding.per_term + rounding.terms * 4.0**-total
    noise: np.ndarray = np.sqrt(np.square(own) + added * np.square(spread.size))
    return noise + _STEP.get(dtype, _SMALLEST)


def _freedom(shape: tuple[int, ...], spread: Spread) -> np.ndarray:
    """Independent errors in each row."""
    width = shape[-1]
    free = np.minimum(width if spread.freedom is None else spread.freedom, width)
    return np.broadcast_to(free, shape[:-1]).reshape(-1).astype(np.float64)


def _element(z: np.ndarray) -> str:
    worst = float(np.abs(z).max())
    if worst <= _ELEMENT:
        return ""
    return f"one result errs by {worst:.1f} times its rounding, expected ≤ {_ELEMENT:.0f}"


def _rows(rows: np.ndarray, free: np.ndarray) -> str:
    gates = _ROW * (1 + _WIDER / np.sqrt(free))
    worst = int((rows / gates).argmax())
    if rows[worst] <= gates[worst]:
        return ""
    return f"one row errs by {rows[worst]:.2f} times its rounding, expected ≤ {gates[worst]:.2f}"


def _whole(rows: np.ndarray, free: np.ndarray) -> str:
    whole = float(np.sqrt(np.mean(np.square(rows))))
    gate = _WHOLE * (1 + _WIDER / float(np.sqrt(free.sum())))
    if whole <= gate:
        return ""
    return f"all results err by {whole:.2f} times their rounding, expected ≤ {gate:.2f}"


def _direction(z: np.ndarray, tangent: np.ndarray, free: np.ndarray, name: str, dtype: str) -> str:
    """Ask how far the errors go along one direction; both in units of noise."""
    length = np.sum(np.square(tangent), axis=1)
    total = float(length.sum())
    if not total:
        return ""
    share = float(np.sum(z * tangent)) / total
    # Errors of a row that go together count as fewer than its elements.
    chance = float(np.sqrt(np.sum(length * z.shape[1] / free))) / total
    gate = max(_DIRECTION * chance, _BIAS.get(dtype, _BIAS_NARROW))
    if abs(share) <= gate:
        return ""
    return f"{name} is off by {share:+.2%}, expected within ±{gate:.2%}"


def _refused(problem: str) -> Deviation:
    return Deviation(float("inf"), float("inf"), problem)
