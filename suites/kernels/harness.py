"""One case, from inputs to blocks: check it, then time it."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.base.errors import CheckError
from suites.kernels.check import Deviation, judge
from suites.kernels.spotcheck import elements, generator_of
from suites.kernels.timing import Budget, hold, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.case import Case
    from suites.kernels.timing import HeldCalls, Timing

    Measure = Callable[[Case], None]

__all__ = [
    "Rotation",
    "TimedCase",
    "check",
    "draw",
    "generator",
    "measure_case",
    "overhead_ns",
    "place",
    "timed_verdict",
    "turned",
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
    case: Case,
    budget: Budget,
    random: np.random.Generator,
    hold_s: float = 0.0,
    *,
    probed: bool = True,
) -> TimedCase:
    """Check a case on fresh inputs, then time it over its rotated buffers.

    Args:
        hold_s: afterwards, repeat it for so long, for an energy meter.
        probed: check it on its probes too, which are the same kernel's in every process of a run.

    Raises:
        CheckError: the output is wrong or only partly written, before or after it was timed.
    """
    inputs = case.work.inputs(random)
    operands = place(case, inputs)
    verdict, spots = _checked(case, operands, random)
    _demand(case, "", verdict)
    for name, draw_probe in case.work.probes.items() if probed else ():
        _demand(case, f" of the probe {name!r}", check(case, place(case, draw_probe(random))))
    sets = [operands, *(place(case, turned(inputs, turn)) for turn in range(1, case.copies))]
    with case.backend.settings(case.work):
        call = Rotation(case, sets)
        # Peers take part call by call: a sum over devices cannot be replayed from here alone.
        cycle = 0 if case.work.family == "all_reduce" else len(sets)
        timing = measure(call, case.backend, budget, cycle=cycle)
        held = hold(call, timing.calls_per_block, case.backend, hold_s) if hold_s else None
    _demand(case, " as timed", timed_verdict(call, random))
    error = case.work.quantization_error
    return TimedCase(
        case=case,
        verdict=verdict,
        timing=timing,
        elements=spots,
        held=held,
        quantization_error=error(random) if error else None,
    )


def _demand(case: Case, which: str, verdict: Deviation) -> None:
    if verdict.problem:
        raise CheckError(f"wrong output{which}: {verdict.problem}", where=case.name)


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


def turned(inputs: dict[str, np.ndarray], turn: int) -> dict[str, np.ndarray]:
    """Other values for another set of operands, at the price of a copy.

    Floating-point values move on by a number of places that is a set's own, so that no two sets
    have the same result; whole numbers, which are places in tables, stay.
    """
    return {
        name: array
        if np.issubdtype(array.dtype, np.integer)
        else np.roll(array, turn * (1 + array.size // 7919))
        for name, array in inputs.items()
    }


def check(case: Case, operands: dict[str, Any]) -> Deviation:
    """Run once over poisoned memory and judge by float64 on the same rounded operands."""
    output, reference, truth = _run_once(case, operands)
    return _judged(case, output, reference, truth)


def timed_verdict(rotation: Rotation, random: np.random.Generator) -> Deviation:
    """Judge what the timed calls left behind, of one set that nobody knew before.

    Not the first where there are others: its answer was computed before, and could be kept.
    """
    case, sets = rotation.case, rotation.sets
    written = [index for index, result in enumerate(rotation.results) if result is not None]
    chosen = int(random.choice(written[1:] or written))
    case.backend.synchronize()
    truth = {name: case.backend.get(array) for name, array in sets[chosen].items()}
    reference = case.work.reference(**truth, **case.work.parameters)
    return _judged(case, case.backend.get(rotation.results[chosen]), reference, truth)


def _checked(
    case: Case, operands: dict[str, Any], random: np.random.Generator
) -> tuple[Deviation, tuple[float, ...]]:
    output, reference, truth = _run_once(case, operands)
    return _judged(case, output, reference, truth), elements(output, random)


def _judged(
    case: Case, output: np.ndarray, reference: np.ndarray, truth: dict[str, np.ndarray]
) -> Deviation:
    work = case.work
    measure_spread = work.rounding.spread
    spread = measure_spread(reference, **truth, **work.parameters) if measure_spread else None
    return judge(output, reference, work.dtype, work.rounding, spread)


def _run_once(
    case: Case, operands: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return the kernel's output, its reference, and the operands that both saw."""
    parameters = case.work.parameters
    truth = {name: case.backend.get(array) for name, array in operands.items()}
    reference = case.work.reference(**truth, **parameters)
    # After the reference, since a kernel may write into an operand (the cache's append).
    _poison(case, reference.shape)
    with case.backend.settings(case.work):
        result = case.run(case.backend, **operands, **parameters)
        case.backend.synchronize()
    return case.backend.get(result), reference, truth


def _poison(case: Case, shape: tuple[int, ...]) -> None:
    """Leave NaN in the memory that the allocator will hand out next for the result.

    A kernel that skips a tile then shows NaN and not the right answer of an earlier call.
    """
    # Eight-bit products come out in wider types; NaN's bits are not a likely sum either.
    dtype = "f32" if case.work.dtype in {"int8", "fp8", "fp4"} else case.work.dtype
    poison = case.backend.put(np.full(shape, np.nan, dtype=np.float32), dtype)
    case.backend.synchronize()
    del poison


def overhead_ns(case: Case) -> float:
    """Nanoseconds our loop and rotation add to a call, seen with a kernel that does nothing."""
    idle = replace(case, run=lambda *_, **__: None)
    budget = Budget(warm_up_s=0.01, min_blocks=10, target=0.01, cap_s=0.5)
    calls = Rotation(idle, [{"a": None, "b": None}] * 2)
    return statistics.median(measure(calls, case.backend, budget).seconds) * 1e9


class Rotation:
    """Call after call on the next operands; results stay until their turn comes again.

    Attributes:
        results: of each set, the one of its last call; None before its first.
    """

    def __init__(self, case: Case, sets: list[dict[str, Any]]) -> None:
        """Take the sets of operands in their order."""
        self.case, self.sets = case, sets
        self.results: list[Any] = [None] * len(sets)
        turns = itertools.cycle(
            enumerate({**operands, **case.work.parameters} for operands in sets)
        )
        self._next, self._run, self._backend = turns.__next__, case.run, case.backend

    def __call__(self) -> None:
        """Run the kernel on the next set."""
        index, operands = self._next()
        self.results[index] = self._run(self._backend, **operands)
