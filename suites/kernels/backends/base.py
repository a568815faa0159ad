"""What a kernel needs of an array library and its device, and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

__all__ = ["Backend"]


class Backend(Protocol):
    """One array library on one device.

    Attributes:
        name: as the user selects it: "numpy", "torch", "torch:cuda", "cupy".
        xp: its array-API namespace.
        timing: "host" where calls return when done, "event" where the device keeps time.
        fast: kernels of its own by family, tried beside the portable ones; the key is
            (family, path).
    """

    @property
    def name(self) -> str: ...

    @property
    def xp(self) -> Any: ...

    @property
    def timing(self) -> Literal["host", "event"]: ...

    @property
    def fast(self) -> Mapping[tuple[str, str], Callable[..., Any]]: ...

    def refuses(self, family: str, dtype: str) -> str:
        """Say why it cannot run a family in a dtype; empty when it can."""
        ...

    def put(self, array: np.ndarray, dtype: str) -> Any:
        """Copy to the device: floats rounded to `dtype`, integers kept."""
        ...

    def get(self, array: Any) -> np.ndarray:
        """Copy back: floats as float64, integers as int64."""
        ...

    def synchronize(self) -> None:
        """Wait until everything issued so far is done."""
        ...

    def elapsed_s(self, calls: Callable[[], None]) -> float:
        """Seconds that `calls` takes by the device's own clock, until its last result is there."""
        ...

    def free_bytes(self) -> int:
        """Memory the device has left."""
        ...

    def cache_bytes(self) -> int:
        """Size of the last-level cache, as the system reports it."""
        ...

    def conditions(self) -> dict[str, float]:
        """Clock, power and throttling now, by name; empty where nothing can be read."""
        ...

    def facts(self) -> dict[str, str]:
        """Versions and settings that change speed."""
        ...
