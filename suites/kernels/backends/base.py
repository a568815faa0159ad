"""What a kernel needs of an array library and its device, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from suites.kernels.backends.work import Work

__all__ = ["PORTABLE", "Backend", "NoPeers", "Paths", "contribution"]

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

    def arrange(self, work: Work, operands: dict[str, Any]) -> dict[str, Any]:
        """Lay operands out as the backend's kernel of this work takes them, before any timing."""

    def settings(self, work: Work) -> AbstractContextManager[None]:
        """Library-wide settings a work needs, set around its calls and never inside one."""

    def hold(self, array: np.ndarray, dtype: str) -> Any:
        """Keep in host memory that the device can read directly, rounded as `put` rounds."""

    def get(self, array: Any) -> np.ndarray:
        """Copy back: floats as float64, integers as int64."""

    def synchronize(self) -> None:
        """Wait until everything issued so far is done."""

    @property
    def peers(self) -> int:
        """Devices of this kind that can sum together, this one included."""

    def all_reduce(self, x: Any, peers: int) -> Any:
        """x plus the contribution of every other of so many peers, as a new array."""

    def capture(self, calls: Callable[[], None]) -> Callable[[], None] | None:
        """Record what `calls` issues and give a replay without launches; None if it cannot."""

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


class NoPeers:
    """What a backend answers that has no peers, layouts, settings of its own and no graphs."""

    peers = 1

    def arrange(self, _work: Work, operands: dict[str, Any]) -> dict[str, Any]:
        return operands

    def settings(self, _work: Work) -> AbstractContextManager[None]:
        return nullcontext()

    def all_reduce(self, x: Any, peers: int) -> Any:
        if peers != self.peers:
            raise NotImplementedError(f"a sum over {peers} devices")
        return x

    def capture(self, _calls: Callable[[], None]) -> Callable[[], None] | None:
        return None


def contribution(rank: int, shape: tuple[int, ...]) -> np.ndarray:
    """What a peer adds: small whole numbers, exact in every dtype, so that the check is sharp."""
    return np.random.default_rng(rank).integers(-8, 9, shape)
