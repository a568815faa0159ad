"""How to get a better run out of this machine: each finding is evidence, then the remedy. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runners.machine.finding import MachineFact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runners.machine.conditions import ConditionValue

__all__ = ["advice"]

# Threads of the libraries kernels and engines compute with.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Share of ten seconds in which something waited for a core: above it, timings wait too.
_PRESSURE_PERCENT = 10.0
# A chip that idles hotter than this has no room left before it throttles (typical limit: 90–100).
_HOT_C = 75.0


def advice(
    settings: Mapping[str, ConditionValue],
    surroundings: Mapping[str, ConditionValue],
    environment: Mapping[str, str],
    cores: int,
) -> Iterator[MachineFact]:
    """Say what to change before a run; nothing where nothing is known to be wrong.

    Args:
        settings, surroundings: of `runners.machine.machine`.
        environment: variables of this process.
        cores: logical cores this process may use.
    """
    yield from _clocks(settings, surroundings)
    yield from _neighbours(surroundings)
    yield from _threads(environment, cores)
    yield from _memory(settings)
    for index in _cards(settings):
        yield from _card(index, settings, surroundings)


def _clocks(
    settings: Mapping[str, ConditionValue], surroundings: Mapping[str, ConditionValue]
) -> Iterator[MachineFact]:
    governor = settings.get("governor")
    if governor and governor != "performance":
        yield MachineFact(
            subject="clock",
            status="warn",
            says=f"governor {governor}: clocks follow the load",
            remedy="cpupower frequency-set -g performance",
        )
    if settings.get("turbo_disabled") == "1" or settings.get("boost") == "0":
        yield MachineFact(
            subject="boost",
            status="note",
            says="the processor's boost is switched off: steadier, and slower than most users run",
            remedy="echo 1 > /sys/devices/system/cpu/cpufreq/boost, or leave it: it is recorded",
        )
    heat = surroundings.get("cpu_temperature_c", 0)
    if isinstance(heat, (int, float)) and heat > _HOT_C:
        yield MachineFact(
            subject="temperature",
            status="warn",
            says=f"the processor is at {heat:.0f} °C before the run",
            remedy="let it cool, or look at its fan: it will throttle under load",
        )


def _neighbours(surroundings: Mapping[str, ConditionValue]) -> Iterator[MachineFact]:
    waited = surroundings.get("cpu_pressure_percent", 0.0)
    if isinstance(waited, float) and waited > _PRESSURE_PERCENT:
        yield MachineFact(
            subject="waiting for a core",
            status="warn",
            says=f"something waited for a core in {waited:.0f}% of the last ten seconds",
            remedy="stop other work, or give the run cores of its own: taskset -c, cpuset",
        )


def _threads(environment: Mapping[str, str], cores: int) -> Iterator[MachineFact]:
    for name in _THREAD_VARIABLES:
        value = environment.get(name, "")
        if value.isdigit() and int(value) > cores:
            yield MachineFact(
                subject=f"variable {name}",
                status="warn",
                says=f"{value} threads on {cores} cores: they take turns and wait for the slowest",
                remedy=f"unset {name}, or set it to {cores} or less",
            )


def _memory(settings: Mapping[str, ConditionValue]) -> Iterator[MachineFact]:
    if settings.get("numa_balancing") == "1" and "; " in str(settings.get("numa_cpus", "")):
        yield MachineFact(
            subject="NUMA balancing",
            status="note",
            says=f"the kernel moves pages between nodes while we measure ({settings['numa_cpus']})",
            remedy="numactl --cpunodebind=0 --membind=0 fenmark run …",
        )
    if "[never]" in str(settings.get("huge_pages", "")):
        yield MachineFact(
            subject="huge pages",
            status="note",
            says="transparent huge pages are off: large matrices cost more address translation",
            remedy="echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        )


def _cards(settings: Mapping[str, ConditionValue]) -> list[str]:
    cards = {match[1] for name in settings if (match := re.match(r"gpu(\d+)_", name))}
    return sorted(cards, key=int)


def _card(
    index: str, settings: Mapping[str, ConditionValue], surroundings: Mapping[str, ConditionValue]
) -> Iterator[MachineFact]:
    def of(name: str) -> ConditionValue | None:
        return settings.get(f"gpu{index}_{name}", surroundings.get(f"gpu{index}_{name}"))

    def advice(says: str, remedy: str, *, spoils: bool = True) -> MachineFact:
        subject = f"GPU {index}"
        return MachineFact(
            subject=subject, status="warn" if spoils else "note", says=says, remedy=remedy
        )

    if of("persistence") == "off":
        yield advice(
            "persistence mode is off: the driver unloads between processes, and each start pays",
            f"nvidia-smi -i {index} -pm 1",
        )
    limit, usual = of("power_limit_w"), of("power_limit_default_w")
    if isinstance(limit, float) and isinstance(usual, float) and limit < usual:
        yield advice(
            f"its power limit is {limit:.0f} W, below the {usual:.0f} W it comes with",
            f"nvidia-smi -i {index} -pl {usual:.0f}, or leave it: it is recorded",
            spoils=False,
        )
    if of("mig") == "on":
        yield advice(
            "MIG is on: only a slice of the chip is measured",
            f"nvidia-smi -i {index} -mig 0",
        )
    if of("ecc") == "off":
        yield advice(
            "ECC is off: more bandwidth than a server runs with",
            f"nvidia-smi -i {index} -e 1",
            spoils=False,
        )
    others = of("processes")
    if isinstance(others, int) and others:
        yield advice(
            f"{others} processes compute on it already", "end them, or choose another card"
        )
    if of("slowed_by"):
        yield advice(
            f"it is slowed by {of('slowed_by')} before the run", "let it cool; see its limit"
        )
    link = re.match(r"gen \d+ x(\d+) of gen \d+ x(\d+)", str(of("pcie")))
    if link and link[1] != link[2]:
        yield advice(
            f"its PCIe link has {link[1]} of {link[2]} lanes: copies are slower",
            "seat it again, or use another slot",
        )
