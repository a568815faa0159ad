"""What the kernel lets this process have: cores, and control groups' quota, of either version."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runners.machine import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["allowed_cores", "quota", "throttled_s"]

_PERIOD_US = 100_000


def allowed_cores() -> list[int]:
    """Numbers of the logical cores that this process may run on."""
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return list(range(os.cpu_count() or 1))


def quota(root: Path) -> float | None:
    """Cores' worth of time that the tightest control group of this process allows; None for all.

    Args:
        root: of the file system, `/`.
    """
    return min(filter(None, (_quota_of(group) for group in _groups(root))), default=None)


def throttled_s(root: Path) -> float:
    """Seconds that this process' groups waited for their quota since they began."""
    return max((_throttled_of(group) for group in _groups(root)), default=0.0)


def _groups(root: Path) -> Iterator[Path]:
    """Folders of this process' groups that hold its processor time, the innermost first."""
    home = root / "sys/fs/cgroup"
    for line in conditions.read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = home / controllers if controllers else home
        # A container may see its own group as the root.
        inner = base / os.path.normpath("/" + path).lstrip("/")
        yield from (inner, *(above for above in inner.parents if above.is_relative_to(base)))


def _quota_of(group: Path) -> float | None:
    words = conditions.read(group / "cpu.max").split() or [
        conditions.read(group / "cpu.cfs_quota_us"),
        conditions.read(group / "cpu.cfs_period_us"),
    ]
    if not words[0].isdigit() or not int(words[0]):  # "max", "-1" or no such file
        return None
    period = int(words[1]) if len(words) > 1 and words[1].isdigit() else _PERIOD_US
    return int(words[0]) / (period or _PERIOD_US)


def _throttled_of(group: Path) -> float:
    lines = (line.split() for line in conditions.read(group / "cpu.stat").splitlines())
    counters = {
        words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()
    }
    return counters.get("throttled_usec", 0) / 1e6 or counters.get("throttled_time", 0) / 1e9
