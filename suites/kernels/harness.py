"""One case, from inputs to blocks: check it, then time it."""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.errors import CheckError
from suites.kernels.check import TOLERANCE, Verdict, compare
from suites.kernels.timing import measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.case import Case
    from suites.kernels.timing import Budget, Timing

    Measure = Callable[[Case], None]

__all__ = ["Measured", "check", "draw", "measure_case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A case that gave the right answer, and how long it took."""

    case: Case
    verdict: Verdict
    timing: Timing


def measure_case(case: Case, budget: Budget, random: np.random.Generator) -> Measured:
    """Check a case on fresh inputs, then time it over its rotated buffers.

    Raises:
        CheckError: the output is wrong or only partly written; nothing is timed.
    """
    operands = draw(case, random)
    verdict = check(case, operands)
    if verdict.problem:
        raise CheckError(f"wrong output: {verdict.problem}", where=case.name)
    sets = [operands, *(draw(case, random) for _ in range(case.copies - 1))]
    timing = measure(_rotate(case, sets), case.backend, budget)
    return Measured(case=case, verdict=verdict, timing=timing)


def generator(case: Case, seed: int, process: int) -> np.random.Generator:
    """Inputs differ from case to case and process to process, and come again with the seed."""
    return np.random.default_rng([seed, process, zlib.crc32(case.name.encode())])


def draw(case: Case, random: np.random.Generator) -> dict[str, Any]:
    """Put one set of fresh operands on the device."""
    inputs = case.work.inputs(random)
    return {name: case.backend.put(array, case.work.dtype) for name, array in inputs.items()}


def check(case: Case, operands: dict[str, Any]) -> Verdict:
    """Run once over poisoned memory and compare with float64 on the same rounded operands."""
    reference = case.work.reference(
        **{name: case.backend.get(array) for name, array in operands.items()}
    )
    _poison(case, reference.shape)
    output = case.backend.get(case.run(case.backend, **operands))
    tolerance = case.work.tolerance
    if tolerance is None:
        tolerance = TOLERANCE[case.work.dtype]
    return compare(output, reference, tolerance)


def _poison(case: Case, shape: tuple[int, ...]) -> None:
    """Leave NaN in the memory that the allocator will hand out next for the result.

    A kernel that skips a tile then shows NaN and not the right answer of an earlier call.
    """
    poison = case.backend.put(np.full(shape, np.nan, dtype=np.float32), case.work.dtype)
    case.backend.synchronize()
    del poison


def _rotate(case: Case, sets: list[dict[str, Any]]) -> Callable[[], None]:
    """Call after call on the next operands; results stay until their turn comes again."""
    turns = itertools.cycle(enumerate(sets))
    results: list[Any] = [None] * len(sets)
    run, backend = case.run, case.backend

    def call() -> None:
        index, operands = next(turns)
        results[index] = run(backend, **operands)

    return call
