"""Tables of log(time ÷ roofline), interpolated along the logarithm of each axis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Floats", "KernelGrid", "filled"]

Floats = npt.NDArray[np.float64]
# Values are kept as whole numbers of this: half of it, 0.25%, is the most that rounding changes.
_STEP = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class KernelGrid:
    """Values at the crossings of axes.

    Beyond an axis the value at its end holds, so that a time grows as its roofline does.

    Attributes:
        axes: positive, rising; one for each dimension of `values`.
        values: natural logarithms of time ÷ roofline, none missing.
    """

    axes: tuple[Floats, ...]
    values: Floats
    _logs: tuple[Floats, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Take the logarithms once."""
        object.__setattr__(self, "_logs", tuple(np.log(axis) for axis in self.axes))

    def at(self, *points: npt.ArrayLike) -> Floats:
        """Interpolate linearly between the corners around each point.

        Args:
            points: one array for each axis, in the axis' unit; they broadcast.
        """
        flat = self.values.ravel()
        stride = flat.size
        index: Any = 0
        ways: list[tuple[Any, Floats]] = []
        for logs, point in zip(self._logs, points, strict=True):
            stride //= len(logs)
            low, share = _between(logs, np.log(np.maximum(point, 1e-9)))
            index = index + low * stride
            ways.append((stride if len(logs) > 1 else 0, share))
        return np.asarray(_folded(flat, index, ways))

    def as_json(self) -> dict[str, Any]:
        """Whole numbers, as they ship."""
        steps = np.rint(self.values / _STEP).astype(int)
        return {"axes": [axis.tolist() for axis in self.axes], "steps": steps.ravel().tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> KernelGrid:
        """Read what `as_json` wrote."""
        axes = tuple(np.array(axis, dtype=float) for axis in data["axes"])
        shape = [len(axis) for axis in axes]
        return cls(axes, np.array(data["steps"], dtype=float).reshape(shape) * _STEP)


def _between(logs: Floats, at: Floats) -> tuple[Any, Any]:
    """The place of the axis below each point, and how far it lies towards the next, 0 to 1."""
    if len(logs) == 1:
        return np.zeros(np.shape(at), dtype=int), 0.0
    low = np.minimum(np.maximum(np.searchsorted(logs, at, side="right") - 1, 0), len(logs) - 2)
    below = logs[low]
    return low, np.minimum(np.maximum((at - below) / (logs[low + 1] - below), 0.0), 1.0)


def _folded(flat: Floats, index: Any, ways: list[tuple[Any, Any]]) -> Any:
    """Interpolate along the first way between what the others give."""
    if not ways:
        return flat[index]
    (stride, share), rest = ways[0], ways[1:]
    near = _folded(flat, index, rest)
    return near + share * (_folded(flat, index + stride, rest) - near) if stride else near


def filled(axes: Sequence[Floats], values: Floats) -> KernelGrid | None:
    """Make a grid, missing values taken from the nearest along an axis; None where all miss."""
    if not np.isfinite(values).any():
        return None
    values = values.copy()
    # The axis along which most is alike first: the last, then those before.
    for _ in axes:
        for place in reversed(range(values.ndim)):
            _spread(values, place)
    return KernelGrid(tuple(axes), np.ascontiguousarray(values))


def _spread(values: Floats, place: int) -> None:
    """Copy along one axis what is known into what is not, forwards, then backwards."""
    lines = np.moveaxis(values, place, 0)
    for step, order in ((1, range(1, len(lines))), (-1, range(len(lines) - 2, -1, -1))):
        for i in order:
            lines[i] = np.where(np.isnan(lines[i]), lines[i - step], lines[i])
