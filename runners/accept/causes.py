"""Why a machine is slow: the likeliest cause that the samples and settings allow. Pure."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runners.accept.figures import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runners.accept.figures import MachineFigure
    from runners.machine.conditions import ConditionValue

__all__ = [
    "Causes",
    "CoreLimits",
    "CoreSpin",
    "device_causes",
    "explain",
    "lost_time",
    "missing_cores",
]

# Below this share of its time a core is not this machine's alone.
LEAST_SHARE = 0.95
# The kernel's default period of a CPU quota (Linux: cpu.max, cfs_period_us).
_PERIOD_S = 0.1
# Ends of pauses lie at one phase of the period: mean resultant length (Mardia and Jupp 2000,
# "Directional Statistics", section 2.3.1), weighed by the pauses' lengths, so that short ones of
# other kinds do not blur it; of n ends at random it is about 1/√n.
_CLOCKED = 0.8
_FEWEST_PAUSES = 6
# Half width of an interval beyond which processes saw different machines.
_WIDE = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreSpin:
    """One core that did nothing but a small unit of work, over and over, beside all others.

    Attributes:
        rates: units per second of processor time, of each slice.
        shares: processor time over wall time, of each slice.
        wall_s, lost_s: of the whole, and what of it the core did not work for us.
        pauses: of 2 ms or more: (end on one clock for all cores, length), in seconds.
        involuntary: times that the kernel took the core away.
        steal_s: what the hypervisor says it gave to others.
        others_s: what other processes of this machine worked on this core.
    """

    core: int
    rates: tuple[float, ...]
    shares: tuple[float, ...]
    wall_s: float
    lost_s: float
    pauses: tuple[tuple[float, float], ...] = ()
    involuntary: int = 0
    steal_s: float = 0.0
    others_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreLimits:
    """What the kernel lets this process have.

    Attributes:
        online: cores the kernel runs.
        allowed: of them, those the affinity mask holds.
        quota: cores' worth of time that control groups allow; None for no limit.
        throttled_s: waited for the quota while the cores spun, all cores together.
    """

    online: int
    allowed: int
    quota: float | None = None
    throttled_s: float = 0.0

    @property
    def cores(self) -> float:
        """Cores' worth of time that may be used."""
        return min(self.allowed, self.quota or math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """Causes that were seen, each None or empty where it was not.

    Attributes:
        missing: cores that may not be used.
        lost: time that was taken from the cores.
        heat: the processor slowed itself.
        device: what slows the accelerators, the likeliest first.
    """

    missing: Cause | None = None
    lost: Cause | None = None
    heat: Cause | None = None
    device: tuple[Cause, ...] = ()


def missing_cores(limits: CoreLimits, wanted: float) -> Cause | None:
    """Say why fewer than the wanted cores may be used; None if they may."""
    if limits.cores >= wanted:
        return None
    if limits.quota is not None and limits.quota < limits.allowed:
        return _quota(limits)
    if limits.allowed < limits.online:
        return Cause(
            says=f"taskset or cpuset leaves {limits.allowed} of {limits.online} cores",
            look="taskset -pc $$; cat /sys/fs/cgroup/cpuset.cpus.effective; in a container whose "
            "share this is, say so with --expected CHIP:COUNT",
        )
    return Cause(says=f"the system runs {limits.online} cores", look="lscpu; nproc --all")


def lost_time(spins: Sequence[CoreSpin], limits: CoreLimits) -> Cause | None:
    """Say what took time from the cores; None where next to nothing was lost."""
    wall, lost = sum(spin.wall_s for spin in spins), sum(spin.lost_s for spin in spins)
    if not wall or lost <= (1 - LEAST_SHARE) * wall:
        return None
    told = {
        "quota": limits.throttled_s,
        "steal": sum(spin.steal_s for spin in spins),
        "others": sum(spin.others_s for spin in spins),
    }
    taker = max(told, key=lambda name: told[name])
    if told[taker] < lost / 2:  # the kernel does not say who had the time
        taker = _untold(spins, limits)
    switches = sum(spin.involuntary for spin in spins)
    causes = {
        "quota": _quota(limits),
        "steal": Cause(
            says="a busy neighbour on the host: the hypervisor gave "
            f"{told['steal'] / wall:.0%} of the cores' time to others",
            look="vmstat 1 (column st); ask for a dedicated host",
        ),
        "others": Cause(
            says="a busy neighbour in this system: other processes had "
            f"{told['others'] / wall:.0%} of the cores' time ({switches} involuntary switches)",
            look="top; pidstat -w 1",
        ),
        "switches": Cause(
            says=f"a busy neighbour in this system: the cores were taken away {switches} times",
            look="top; pidstat -w 1; cat /proc/pressure/cpu",
        ),
        "host": Cause(
            says="a busy neighbour on the host: the cores paused without a switch, and the "
            "hypervisor reports no stolen time",
            look="ask for a dedicated host",
        ),
    }
    return causes[taker]


def device_causes(
    settings: Mapping[str, ConditionValue], seen: Sequence[Mapping[str, ConditionValue]]
) -> Iterator[Cause]:
    """Say what slows the accelerators.

    Args:
        settings: of `runners.machine.machine`.
        seen: its surroundings, read again and again under load.
    """
    slowed = {
        str(value)
        for reading in seen
        for name, value in reading.items()
        if name.endswith("_slowed_by")
    }
    if slowed:
        yield Cause(
            says=f"slowed under load by {', '.join(sorted(slowed))}",
            look="nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER",
        )
    for index in range(sum(name.endswith("_power_limit_w") for name in settings)):
        limit = settings.get(f"gpu{index}_power_limit_w")
        usual = settings.get(f"gpu{index}_power_limit_default_w")
        if isinstance(limit, float) and isinstance(usual, float) and limit < usual:
            yield Cause(
                says=f"GPU {index} is capped at {limit:.0f} W of {usual:.0f} W",
                look=f"nvidia-smi -i {index} -q -d POWER",
            )


def explain(figure: MachineFigure, evidence: Causes) -> Cause:
    """Return the likeliest cause for a figure that is too low."""
    if figure.device and evidence.device and figure.kind in {"compute", "bandwidth", "engine"}:
        return evidence.device[0]
    if figure.kind == "cores" and evidence.missing:
        return evidence.missing
    if figure.kind == "link":
        return Cause(
            says="lanes, generation or links are missing", look="nvidia-smi topo -m; lspci -vv"
        )
    if not figure.device:
        seen = (evidence.lost, evidence.heat, evidence.missing)
        if likely := next(filter(None, seen), None):
            return likely
    if _spread(figure) > _WIDE:
        return Cause(
            says="a busy neighbour, or clocks that move: processes differ by "
            f"±{_spread(figure):.0%}",
            look="vmstat 1; run again on a quiet machine",
        )
    return _UNSEEN[figure.kind]


_UNSEEN = {
    "bandwidth": Cause(
        says="nothing took time from the cores: fewer or slower memory channels, or a neighbour "
        "on them",
        look="dmidecode -t memory; numactl --hardware",
    ),
    "compute": Cause(
        says="nothing took time away: lower clocks, or a library that lacks this chip's "
        "instructions",
        look="cpupower frequency-info; nvidia-smi -q -d CLOCK; fenmark doctor",
    ),
    "engine": Cause(says="slow with no other cause seen", look="fenmark run --suite inference"),
    "disk": Cause(says="a slow or shared disk", look="lsblk -o NAME,MODEL,ROTA; iostat -x 1"),
    "core": Cause(
        says="a lower clock, an efficiency core, or a busy sibling thread",
        look="lscpu -e; turbostat",
    ),
    "share": Cause(says="time was lost and nothing says to whom", look="vmstat 1"),
    "cores": Cause(says="cores are missing", look="lscpu"),
    "link": Cause(says="a slower link", look="lspci -vv"),
    "identity": Cause(says="the machine says otherwise", look="fenmark doctor"),
}


def _untold(spins: Sequence[CoreSpin], limits: CoreLimits) -> str:
    """Tell from the rhythm of the pauses and from switches who had the time."""
    limited = limits.quota is not None and limits.quota < limits.allowed
    if limited or _clocked([pause for spin in spins for pause in spin.pauses]):
        return "quota"
    switched = sum(spin.involuntary for spin in spins) >= len(spins)
    return "switches" if switched else "host"


def _quota(limits: CoreLimits) -> Cause:
    allowed = f" of {limits.quota:.3g} cores for {limits.allowed}" if limits.quota else ""
    return Cause(
        says=f"a CPU quota{allowed}"
        + (f" ({limits.throttled_s:.2f} s throttled)" if limits.throttled_s else ""),
        look="cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu.stat; of version 1, "
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    )


def _clocked(pauses: Sequence[tuple[float, float]]) -> bool:
    """Whether pauses end with the kernel's period, as those of a quota do."""
    if len(pauses) < _FEWEST_PAUSES:
        return False
    turns = (length * cmath.exp(2j * math.pi * end / _PERIOD_S) for end, length in pauses)
    return abs(sum(turns)) / sum(length for _, length in pauses) >= _CLOCKED


def _spread(figure: MachineFigure) -> float:
    """Half width of the interval over the value; 0 without one."""
    if figure.low is None or figure.high is None or not isinstance(figure.value, float):
        return 0.0
    return (figure.high - figure.low) / 2 / figure.value if figure.value else 0.0
