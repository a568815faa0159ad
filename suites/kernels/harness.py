"""One case, from inputs to blocks: check it, then time it."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.base.errors import CheckError
from suites.kernels.check import TOLERANCE, Deviation, compare
from suites.kernels.spotcheck import elements, generator_of
from suites.kernels.timing import Budget, hold, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.case import Case
    from suites.kernels.timing import HeldCalls, Timing

    Measure = Callable[[Case], None]

__all__ = [
    "TimedCase",
    "check",
    "draw",
    "generator",
    "measure_case",
    "overhead_ns",
    "place",
    "rotate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCase:
    """A case that gave the right answer, and how long it took.

    Attributes:
        elements: a few of its output, at places the seed chose.
        held: the batch an energy meter can see; None where nobody asked for one.
    """

    case: Case
    verdict: Deviation
    timing: Timing
    elements: tuple[float, ...] = ()
    held: HeldCalls | None = None
    quantization_error: float | None = None


def measure_case(
    case: Case, budget: Budget, random: np.random.Generator, hold_s: float = 0.0
) -> TimedCase:
    """Check a case on fresh inputs, then time it over its rotated buffers.

    Args:
        hold_s: afterwards, repeat it for so long, for an energy meter.

    Raises:
        CheckError: the output is wrong or only partly written; nothing is timed.
    """
    inputs = case.work.inputs(random)
    operands = place(case, inputs)
    verdict, spots = _checked(case, operands, random)
    if verdict.problem:
        raise CheckError(f"wrong output: {verdict.problem}", where=case.name)
    # The same values at other addresses: a cache does not know, and drawing costs more.
    sets = [operands, *(place(case, inputs) for _ in range(case.copies - 1))]
    call = rotate(case, sets)
    # Peers take part call by call: a sum over devices cannot be replayed from here alone.
    cycle = 0 if case.work.family == "all_reduce" else len(sets)
    timing = measure(call, case.backend, budget, cycle=cycle)
    held = hold(call, timing.calls_per_block, case.backend, hold_s) if hold_s else None
    error = case.work.quantization_error
    return TimedCase(
        case=case,
        verdict=verdict,
        timing=timing,
        elements=spots,
        held=held,
        quantization_error=error(random) if error else None,
    )


def generator(case: Case, seed: int, process: int) -> np.random.Generator:
    """Inputs differ from case to case and process to process, and come again with the seed."""
    return generator_of(case.name, seed, process)


def draw(case: Case, random: np.random.Generator) -> dict[str, Any]:
    """Put one set of fresh operands where the kernel starts from."""
    return place(case, case.work.inputs(random))


def place(case: Case, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Put inputs where the kernel starts from, as it takes them."""
    on_host = case.work.family == "host_to_device"
    put = case.backend.hold if on_host else case.backend.put
    placed = {name: put(array, case.work.dtype) for name, array in inputs.items()}
    return case.backend.arrange(case.work, placed)


def check(case: Case, operands: dict[str, Any]) -> Deviation:
    """Run once over poisoned memory and compare with float64 on the same rounded operands."""
    return compare(*_run_once(case, operands), _gate(case))


def _checked(
    case: Case, operands: dict[str, Any], random: np.random.Generator
) -> tuple[Deviation, tuple[float, ...]]:
    output, reference = _run_once(case, operands)
    return compare(output, reference, _gate(case)), elements(output, random)


def _gate(case: Case) -> float:
    own = case.work.tolerance
    return TOLERANCE[case.work.dtype] if own is None else own


def _run_once(case: Case, operands: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel's output and its reference."""
    parameters = case.work.parameters
    truth = {name: case.backend.get(array) for name, array in operands.items()}
    reference = case.work.reference(**truth, **parameters)
    # After the reference, since a kernel may write into an operand (the cache's append).
    _poison(case, reference.shape)
    result = case.run(case.backend, **operands, **parameters)
    case.backend.synchronize()
    return case.backend.get(result), reference


def _poison(case: Case, shape: tuple[int, ...]) -> None:
    """Leave NaN in the memory that the allocator will hand out next for the result.

    A kernel that skips a tile then shows NaN and not the right answer of an earlier call.
    """
    # Eight-bit products come out in wider types; NaN's bits are no likely sum either.
    dtype = "f32" if case.work.dtype in {"int8", "fp8", "fp4"} else case.work.dtype
    poison = case.backend.put(np.full(shape, np.nan, dtype=np.float32), dtype)
    case.backend.synchronize()
    del poison


def overhead_ns(case: Case) -> float:
    """Nanoseconds our loop and rotation add to a call, seen with a kernel that does nothing."""
    idle = replace(case, run=lambda *_, **__: None)
    budget = Budget(warm_up_s=0.01, min_blocks=10, target=0.01, cap_s=0.5)
    calls = rotate(idle, [{"a": None, "b": None}] * 2)
    return statistics.median(measure(calls, case.backend, budget).seconds) * 1e9


def rotate(case: Case, sets: list[dict[str, Any]]) -> Callable[[], None]:
    """Call after call on the next operands; results stay until their turn comes again."""
    turns = itertools.cycle(enumerate({**one, **case.work.parameters} for one in sets))
    results: list[Any] = [None] * len(sets)
    run, backend = case.run, case.backend

    def call() -> None:
        index, operands = next(turns)
        results[index] = run(backend, **operands)

    return call
