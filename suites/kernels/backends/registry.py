"""Backends by name; a library is imported only when it is asked for."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from suites.base.errors import UserError
from suites.base.extras import install

if TYPE_CHECKING:
    from suites.kernels.backends.base import Backend

__all__ = ["KNOWN", "installed", "load_backend"]

_DEVICES = ("cuda", "rocm", "npu", "mlu", "musa", "xpu", "hpu", "mps")
KNOWN = ("numpy", "torch", *(f"torch:{device}" for device in _DEVICES), "cupy")


@cache
def installed() -> tuple[str, ...]:
    """Names of the backends that have their library and a device here."""
    names = []
    for name in KNOWN:
        try:
            load_backend(name)
        except UserError:
            continue
        names.append(name)
    # A ROCm build answers to both names; it is one device.
    return tuple(name for name in names if not (name == "torch:rocm" and "torch:cuda" in names))


@cache
def load_backend(name: str) -> Backend:
    """Load a backend.

    Raises:
        UserError: unknown, not installed, or without a device.
    """
    library, _, device = name.partition(":")
    if name not in KNOWN:
        raise UserError(
            f"unknown backend {name!r}", where="backend", expected=f"one of {', '.join(KNOWN)}"
        )
    if not find_spec(library):
        extra = "cuda12" if library == "cupy" else library
        raise UserError(
            f"backend {name!r} is not installed",
            where="backend",
            remedy=install(extra),
        )
    if library == "torch":
        from suites.kernels.backends.torch_backend import TorchBackend

        return TorchBackend(device or "cpu")
    if library == "cupy":
        from suites.kernels.backends.cupy_backend import CupyBackend

        return CupyBackend()
    from suites.kernels.backends.numpy_backend import NumpyBackend

    return NumpyBackend()
