"""`python -m runners.accept.spin`: one core repeats a unit of work and sees when it may not."""

from __future__ import annotations

import itertools
import os
import resource
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import psutil

import suites.base.child
from runners.accept.causes import CoreSpin

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Spun", "of_units", "run"]

_UNIT = range(6000)  # summed: about 0.1 ms
_PAUSE_NS = 2_000_000  # below it are timer ticks
_SLICE_NS = 200_000_000  # two periods of a quota
_NS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Spun:
    """What the child answers."""

    spin: CoreSpin

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self.spin)


def run(spec: dict[str, Any]) -> Spun:
    """Spin on core `core` from `start_ns` to `end_ns` of the monotonic clock."""
    core, start_ns, end_ns = spec["core"], spec["start_ns"], spec["end_ns"]
    if hasattr(os, "sched_setaffinity"):  # elsewhere the system spreads the processes itself
        os.sched_setaffinity(0, {core})
    time.sleep(max(0.0, (start_ns - time.monotonic_ns()) / _NS))
    used, before = resource.getrusage(resource.RUSAGE_SELF), psutil.cpu_times(percpu=True)
    ends = [time.monotonic_ns()]
    while ends[-1] < end_ns:
        sum(_UNIT)
        ends.append(time.monotonic_ns())
    after, used_after = psutil.cpu_times(percpu=True), resource.getrusage(resource.RUSAGE_SELF)
    own_s = sum(used_after[:2]) - sum(used[:2])
    busy_s, steal_s = _of_core(core, before, after)
    return Spun(
        spin=of_units(
            core,
            ends,
            involuntary=used_after.ru_nivcsw - used.ru_nivcsw,
            steal_s=steal_s,
            others_s=max(0.0, busy_s - own_s),
        )
    )


def of_units(
    core: int, ends_ns: Sequence[int], *, involuntary: int, steal_s: float, others_s: float
) -> CoreSpin:
    """Sum up units by the times at which each ended; the first time is the start.

    A unit takes its median time; what takes longer was lost. No clock of processor time is asked:
    one that does not know of a hypervisor counts what that took as ours.
    """
    times = [end - start for start, end in itertools.pairwise(ends_ns)]
    usual, start = statistics.median(times), ends_ns[0]
    slices: dict[int, list[int]] = {}
    for end, taken in zip(ends_ns[1:], times, strict=True):
        slices.setdefault((end - start) // _SLICE_NS, []).append(taken)
    parts = [part for part in slices.values() if len(part) > 1]
    wall_s = sum(times) / _NS
    return CoreSpin(
        core=core,
        rates=tuple(_NS / statistics.median(part) for part in parts),
        shares=tuple(min(1.0, len(part) * usual / sum(part)) for part in parts),
        wall_s=wall_s,
        lost_s=max(0.0, wall_s - len(times) * usual / _NS),
        pauses=tuple(
            (end / _NS, (taken - usual) / _NS)
            for end, taken in zip(ends_ns[1:], times, strict=True)
            if taken - usual >= _PAUSE_NS
        ),
        involuntary=involuntary,
        steal_s=steal_s,
        others_s=others_s,
    )


def _of_core(core: int, before: Sequence[Any], after: Sequence[Any]) -> tuple[float, float]:
    """Seconds that a core was busy for processes, and that the hypervisor took; 0 where untold."""
    if core >= min(len(before), len(after)):
        return 0.0, 0.0
    delta = {
        name: getattr(after[core], name) - getattr(before[core], name)
        for name in before[core]._fields
    }
    worked = ("user", "nice", "system", "irq", "softirq")
    return sum(delta.get(name, 0.0) for name in worked), delta.get("steal", 0.0)


if __name__ == "__main__":
    suites.base.child.main(run)
