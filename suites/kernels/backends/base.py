"""What a kernel needs of an array library and its device, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np

    from suites.kernels.work import Work

__all__ = ["Backend", "Paths"]

# Code path to its kernel, or to the reason why there is none.
Paths = Mapping[str, Callable[..., Any] | str]

PORTABLE = "array-api"


class Backend(Protocol):
    """One array library on one device."""

    @property
    def name(self) -> str:
        """As the user selects it: "numpy", "torch", "torch:cuda", "cupy"."""

    @property
    def xp(self) -> Any:
        """Its array-API namespace."""

    @property
    def timing(self) -> Literal["host", "event"]:
        """Whose clock: "host" where calls return when done, "event" where the device's."""

    def paths(self, work: Work) -> Paths:
        """Ways to run a problem: the portable kernel and named fast ones, or reasons."""

    def put(self, array: np.ndarray, dtype: str) -> Any:
        """Copy to the device: floats rounded to `dtype`, integers kept."""

    def hold(self, array: np.ndarray, dtype: str) -> Any:
        """Keep in host memory that the device can read directly, rounded as `put` rounds."""

    def get(self, array: Any) -> np.ndarray:
        """Copy back: floats as float64, integers as int64."""

    def synchronize(self) -> None:
        """Wait until everything issued so far is done."""

    def elapsed_s(self, calls: Callable[[], None]) -> float:
        """Seconds `calls` takes by the backend's clock, until its last result is there."""

    def free_bytes(self) -> int:
        """Memory the device has left."""

    def cache_bytes(self) -> int:
        """Size of the last-level cache, as the system reports it."""

    def conditions(self) -> dict[str, float]:
        """Clock, power and throttling now, by name; empty where nothing can be read."""

    def facts(self) -> dict[str, str]:
        """Versions and settings that change speed."""
