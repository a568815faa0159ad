"""Backends by name; a library is imported only when it is asked for."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from suites.errors import UserError

if TYPE_CHECKING:
    from suites.kernels.backends.base import Backend

__all__ = ["KNOWN", "installed", "load_backend"]

KNOWN = ("numpy",)


def installed() -> list[str]:
    """Names of the backends whose library is present here."""
    return [name for name in KNOWN if find_spec(name.partition(":")[0])]


@cache
def load_backend(name: str) -> Backend:
    """Load a backend.

    Raises:
        UserError: unknown, or not installed.
    """
    library = name.partition(":")[0]
    if name not in KNOWN:
        raise UserError(f"unknown backend {name!r}", expected=f"one of {', '.join(KNOWN)}")
    if not find_spec(library):
        raise UserError(
            f"backend {name!r} is not installed",
            where="backend",
            expected=f"one of {', '.join(installed())}",
            remedy=f"pip install 'fenmark[{library}]'",
        )
    from suites.kernels.backends.numpy_backend import NumpyBackend

    return NumpyBackend()
