"""A case: a problem on a backend, through one code path, from cold or hot memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from suites.kernels.backends.base import PORTABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.backends import Backend
    from suites.kernels.backends.work import Work

__all__ = ["Cache", "Case"]

Cache = Literal["cold", "hot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One entry of the catalogue.

    Attributes:
        work: the problem.
        backend: the backend that runs it.
        cache: "cold" rotates operands over more than the last-level cache; "hot" keeps one set.
        reason: why this machine cannot run it; empty when it can.
        copies: sets of operands rotated over.
        path: "array-api", or the name of a backend's own fast path.
        run: the kernel of that path.
    """

    work: Work
    backend: Backend
    cache: Cache
    copies: int
    run: Callable[..., Any]
    reason: str = ""
    path: str = PORTABLE

    @property
    def name(self) -> str:
        """Slash path: family, dtype, backend, problem; fast path and hot runs say so."""
        parts = [self.work.family, self.work.dtype, self.backend.name, self.work.name]
        parts += [self.path] if self.path != PORTABLE else []
        parts += [self.cache] if self.cache == "hot" else []
        return "/".join(part for part in parts if part)

    @property
    def memory_bytes(self) -> int:
        """Most bytes the case holds at once: all rotated sets, or one set while it is checked.

        The check widens one set and its result to 64 bits; where the host is the device, that
        takes the same memory.
        """
        rotated = self.copies * self.work.buffer_bytes
        if self.backend.timing != "host":
            return rotated
        return max(rotated, self.work.buffer_bytes + self.work.check_bytes)

    def to_json(self) -> dict[str, Any]:
        """One entry of `fenmark run --suite kernels --list --json`."""
        return {
            "case": self.name,
            "family": self.work.family,
            "backend": self.backend.name,
            "dtype": self.work.dtype,
            "shape": dict(self.work.shape),
            "flops": self.work.flops,
            "bytes": self.work.bytes,
            "buffer_bytes": self.work.buffer_bytes,
            "check_bytes": self.work.check_bytes,
            "copies": self.copies,
            "memory_bytes": self.memory_bytes,
            "cache": self.cache,
            "path": self.path,
            "runnable": not self.reason,
            "reason": self.reason,
        }
