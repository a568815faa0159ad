"""The host as a device: its caches, its memory and its clock, shared by CPU backends."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "THREAD_VARIABLES",
    "elapsed_s",
    "free_bytes",
    "keep_freed_memory",
    "last_level_cache_bytes",
]

# Read by OpenBLAS, MKL, Accelerate and OpenMP when they load, so before NumPy is imported.
THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OMP_NUM_THREADS",
)

# Where a system does not tell: no current server CPU has a larger share per socket slice than
# this in a small virtual machine, and too much only makes cold runs longer.
_UNKNOWN_CACHE_BYTES = 64 * 2**20


def elapsed_s(calls: Callable[[], None]) -> float:
    start = time.perf_counter_ns()
    calls()
    return (time.perf_counter_ns() - start) / 1e9


def free_bytes() -> int:
    return int(psutil.virtual_memory().available)


@cache
def last_level_cache_bytes() -> int:
    """Largest cache of the first core (Linux sysfs, macOS sysctl)."""
    sizes = [_size(path) for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("*/size")]
    if sys.platform == "darwin":
        sizes = [_sysctl("hw.l3cachesize"), _sysctl("hw.perflevel0.l2cachesize")]
    return max(sizes, default=0) or _UNKNOWN_CACHE_BYTES


def _size(path: Path) -> int:
    try:
        text = path.read_text().strip()
        return int(text[:-1]) * {"K": 2**10, "M": 2**20, "G": 2**30}[text[-1]]
    except (OSError, ValueError, KeyError, IndexError):
        return 0


def _sysctl(name: str) -> int:
    answer = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False)
    return int(answer.stdout) if answer.stdout.strip().isdigit() else 0


@cache
def keep_freed_memory() -> bool:
    """Make glibc keep freed arrays, as the pools of torch and CuPy do.

    Otherwise each large result is mapped and returned anew, and a kernel is charged for
    thousands of page faults. Values: mallopt(3), M_TRIM_THRESHOLD −1, M_MMAP_MAX −4.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(-4, 0)) and bool(mallopt(-1, 2**31 - 1))
