"""Correctness before speed: an output against float64, or there is no result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["ROW_FACTOR", "TOLERANCE", "Deviation", "compare"]

# Relative L2 gates. Rounding each of k products and sums to a significand of p bits leaves a
# relative error of about u·sqrt(k) at worst where u = 2^−p (Higham, "Accuracy and Stability of
# Numerical Algorithms", section 4.2, in its probabilistic form); libraries add up in f32, so for
# narrow types what counts is one rounding of the result and one of the intermediates.
#   f32: u = 6e-8, k up to 3e4 gives 1e-5.  tf32: 11 bits, u = 5e-4, two operands: 1e-3.
#   f16: u = 5e-4, result and intermediate: 1e-3.  bf16: u = 4e-3 worst, 1.7e-3 mean: 5e-3.
#   fp8, fp4: products of stored values are exact and the result is bf16.
#   int8: sums of integers are exact.
TOLERANCE = {
    "f64": 1e-13,
    "f32": 1e-5,
    "tf32": 1e-3,
    "f16": 1e-3,
    "bf16": 5e-3,
    "fp8": 5e-3,
    "fp4": 5e-3,
    "int8": 0.0,
}

# One row wrong among thousands hides in the whole; a row may err ten times the gate, since
# short rows scatter more.
ROW_FACTOR = 10


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far an output lies from its reference.

    Attributes:
        error: relative L2 of the whole.
        worst_row: largest L2 of one row (last axis) against the root mean square of all rows.
        problem: why it is no result; empty when it passed.
    """

    error: float
    worst_row: float
    problem: str


def compare(output: np.ndarray, reference: np.ndarray, tolerance: float) -> Deviation:
    """Judge an output by relative L2, whole and row by row.

    Elementwise closeness at 1e-2 passes attention that drops 5 of 512 keys; relative L2 at the
    dtype's own gate does not.
    """
    if output.shape != reference.shape:
        return _refused(f"shape {output.shape}, expected {reference.shape}")
    size = float(np.linalg.norm(reference))
    if size == 0 or not np.isfinite(size):
        return _refused("the reference is zero or not finite: these inputs prove nothing")
    if not np.isfinite(output).all():
        wrong = int(np.count_nonzero(~np.isfinite(output)))
        return _refused(f"{wrong} of {output.size} results were never written or not finite")
    rows = np.linalg.norm(np.atleast_2d(output - reference), axis=-1)
    error = float(np.linalg.norm(rows)) / size
    worst = float(rows.max()) * float(np.sqrt(rows.size)) / size
    if error > tolerance:
        return Deviation(error, worst, f"relative L2 error {error:.1e}, expected ≤ {tolerance:.0e}")
    if worst > tolerance * ROW_FACTOR:
        gate = tolerance * ROW_FACTOR
        return Deviation(error, worst, f"one row errs by {worst:.1e}, expected ≤ {gate:.0e}")
    return Deviation(error, worst, "")


def _refused(problem: str) -> Deviation:
    return Deviation(float("inf"), float("inf"), problem)
