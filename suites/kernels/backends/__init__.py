"""Array libraries the kernels run on, found by name."""

from suites.kernels.backends.base import Backend
from suites.kernels.backends.registry import KNOWN, installed, load_backend

__all__ = ["KNOWN", "Backend", "installed", "load_backend"]
