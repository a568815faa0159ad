"""A few elements of an output, at places the seed chooses: who has the seed can compute them again.

A log that gave a run its seed this way sees whether the kernels really ran on inputs nobody knew
before. NumPy's stream of random numbers may change between its versions (NEP 19), so that a
difference is a reason to look, not a proof.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from suites.kernels.families import FAMILIES, works
from suites.kernels.families.registry import LIMITS
from suites.kernels.profiles import profile
from suites.models import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.backends.work import Work

__all__ = ["COUNT", "elements", "generator_of", "recompute"]

# Elements of one output. One at random finds an output made up; four find half of it made up in
# fifteen of sixteen cases.
COUNT = 4
# By how much of the output's root mean square an element may differ: ten times a dtype's usual
# error, since short rows scatter.
_TOLERANCE = {"f32": 1e-4, "f16": 1e-2, "bf16": 5e-2}
# Cheap enough for a server: a tenth of a second or two on one core.
_MOST_BYTES, _MOST_FLOPS = 32 * 2**20, 10**8
# Sizes that follow the machine, or operands spread over several devices.
_NOT_HERE = frozenset(LIMITS) | {"all_reduce"}


def _to_bf16(values: np.ndarray) -> np.ndarray:
    """Round float32 to the upper half of its bits, ties to even, as hardware does."""
    bits = values.view(np.uint32)
    odd = (bits >> 16) & 1
    return ((bits + 0x7FFF + odd) & 0xFFFF0000).view(np.float32)


_ROUND: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "f32": lambda values: values,
    "f16": lambda values: values.astype(np.float16),
    "bf16": _to_bf16,
}


def generator_of(name: str, seed: int, process: int) -> np.random.Generator:
    """Inputs differ from case to case and process to process, and come again with the seed."""
    return np.random.default_rng([seed, process, zlib.crc32(name.encode())])


def elements(output: np.ndarray, random: np.random.Generator) -> tuple[float, ...]:
    """Take `COUNT` elements of an output, at places drawn right after its inputs."""
    flat = np.asarray(output, dtype=np.float64).ravel()
    return tuple(float(flat[place]) for place in random.integers(flat.size, size=COUNT))


def recompute(
    name: str, *, model: str, profile_name: str, seed: int, process: int
) -> tuple[tuple[float, ...], float] | None:
    """Compute the same elements again in float64.

    Returns:
        The elements, and by how much each may differ. None for a case that takes too long here,
        whose rounding is not plain, or whose size follows the machine.

    Raises:
        UserError: unknown model or profile.
    """
    work = _work(name, model, profile_name)
    if work is None or work.bytes > _MOST_BYTES or work.flops > _MOST_FLOPS:
        return None
    random = generator_of(name, seed, process)
    rounded = {key: _held(array, work.dtype) for key, array in work.inputs(random).items()}
    output = work.reference(**rounded, **work.parameters)
    size = float(np.linalg.norm(output)) / np.sqrt(output.size)
    return elements(output, random), float(_TOLERANCE[work.dtype] * size)


def _held(array: np.ndarray, dtype: str) -> np.ndarray:
    """What a backend holds of an operand, widened as the reference takes it."""
    if np.issubdtype(array.dtype, np.integer):
        return array.astype(np.int64)
    return _ROUND[dtype](array.astype(np.float32)).astype(np.float64)


def _work(name: str, model: str, profile_name: str) -> Work | None:
    """Find the problem a case's name speaks of; None where there is no such."""
    family, dtype, _backend, problem = [*name.split("/", 3), "", "", ""][:4]
    if family not in FAMILIES or family in _NOT_HERE or dtype not in _ROUND:
        return None
    for work in works(family, load(model), profile(profile_name).sizes, dtype, 0):
        if f"{problem}/".startswith(f"{work.name}/"):
            return work
    return None
