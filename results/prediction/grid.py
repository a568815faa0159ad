"""Tables of log(time ÷ roofline), interpolated along the logarithm of each axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["Grid", "filled"]

# Values are kept as whole numbers of this: half of it, 0.25%, is the most that rounding changes.
_STEP = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Values at the crossings of axes.

    Beyond an axis the value at its end holds, so that a time grows as its roofline does.

    Attributes:
        axes: positive, rising; one for each dimension of `values`.
        values: natural logarithms of time ÷ roofline, none missing.
    """

    axes: tuple[Floats, ...]
    values: Floats

    def at(self, *points: npt.ArrayLike) -> Floats:
        """Interpolate linearly between the corners around each point.

        Args:
            points: one array for each axis, in the axis' unit; they broadcast.
        """
        where = np.broadcast_arrays(*(np.asarray(point, dtype=float) for point in points))
        result = np.zeros(where[0].shape)
        lows, shares = [], []
        for axis, point in zip(self.axes, where, strict=True):
            low, share = _between(axis, point)
            lows.append(low)
            shares.append(share)
        strides = np.array(self.values.strides) // self.values.itemsize
        flat = self.values.ravel()
        for corner in range(2 ** len(self.axes)):
            weight: Any = 1.0
            index: Any = 0
            for place, (low, share) in enumerate(zip(lows, shares, strict=True)):
                high = corner >> place & 1
                weight = weight * (share if high else 1.0 - share)
                index = index + np.minimum(low + high, len(self.axes[place]) - 1) * strides[place]
            result += weight * flat[index]
        return result

    def as_json(self) -> dict[str, Any]:
        """Whole numbers, as they ship."""
        steps = np.rint(self.values / _STEP).astype(int)
        return {"axes": [axis.tolist() for axis in self.axes], "steps": steps.ravel().tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Grid:
        """Read what `as_json` wrote."""
        axes = tuple(np.array(axis, dtype=float) for axis in data["axes"])
        shape = [len(axis) for axis in axes]
        return cls(axes, np.array(data["steps"], dtype=float).reshape(shape) * _STEP)


def _between(axis: Floats, point: Floats) -> tuple[Any, Floats]:
    if len(axis) == 1:
        return np.zeros(point.shape, dtype=int), np.zeros(point.shape)
    logs = np.log(axis)
    at = np.clip(np.log(np.maximum(point, 1e-9)), logs[0], logs[-1])
    low = np.clip(np.searchsorted(logs, at, side="right") - 1, 0, len(axis) - 2)
    return low, (at - logs[low]) / (logs[low + 1] - logs[low])


def filled(axes: Sequence[Floats], values: Floats) -> Grid | None:
    """Make a grid, missing values taken from the nearest along an axis; None where all miss."""
    if not np.isfinite(values).any():
        return None
    values = values.copy()
    # The axis along which most is alike first: the last, then those before.
    for _ in axes:
        for place in reversed(range(values.ndim)):
            _spread(values, place)
    return Grid(tuple(axes), np.ascontiguousarray(values))


def _spread(values: Floats, place: int) -> None:
    """Copy along one axis what is known into what is not, forwards, then backwards."""
    lines = np.moveaxis(values, place, 0)
    for order in (range(1, len(lines)), range(len(lines) - 2, -1, -1)):
        step = 1 if order.step > 0 else -1
        for i in order:
            lines[i] = np.where(np.isnan(lines[i]), lines[i - step], lines[i])
