"""RAPL energy counters of Intel and AMD processors, through the kernel's powercap tree.

Documentation/power/powercap/powercap.rst: `energy_uj` counts microjoules and starts again at
zero after `max_energy_range_uj`. Since Linux 5.10 only root may read it (CVE-2020-8694).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from suites.meters.base import MeterInfo, MeterReading, dated

__all__ = ["POWERCAP", "RaplMeter", "find", "reason_absent"]

POWERCAP = Path("/sys/class/powercap")
_UJ = 1e6
# The counter moves every millisecond; reading a file this often costs no measurable CPU.
_PERIOD_S = 0.02


@dataclass(slots=True)
class RaplMeter:
    """One zone: a package or its memory.

    Attributes:
        zone: folder such as /sys/class/powercap/intel-rapl:0.
    """

    zone: Path
    info: MeterInfo
    _range_uj: int
    period_s: float = _PERIOD_S
    _last_uj: int | None = None
    _wrapped_uj: int = field(default=0)

    def read(self) -> MeterReading:
        """Read the counter; a total that fell has wrapped once.

        A 2^32 uJ counter of a package at 400 W wraps every 10 s, hundreds of readings apart.
        """
        text, at_ns, unsure_ns = dated((self.zone / "energy_uj").read_text)
        now_uj = int(text)
        if self._last_uj is not None and now_uj < self._last_uj:
            self._wrapped_uj += self._range_uj
        self._last_uj = now_uj
        return MeterReading(at_ns, joules=(now_uj + self._wrapped_uj) / _UJ, unsure_ns=unsure_ns)


def find(root: Path = POWERCAP) -> list[RaplMeter]:
    """Open every package and memory zone this user may read."""
    meters = []
    for zone in sorted(root.glob("*-rapl:*")):
        try:
            name = (zone / "name").read_text().strip()
            (zone / "energy_uj").read_text()
            span = int((zone / "max_energy_range_uj").read_text())
        except (OSError, ValueError):
            continue
        # Core and uncore are parts of the package: adding them would count twice.
        if name.startswith(("package", "dram")):
            info = MeterInfo(
                name=f"rapl {_package(zone)}{name}", scope="package", method="hardware counter"
            )
            meters.append(RaplMeter(zone, info, span))
    return meters


def _package(zone: Path) -> str:
    """Say whose memory a zone is: every package calls its own "dram"."""
    parent = zone.parent / zone.name.rpartition(":")[0] / "name"
    return f"{parent.read_text().strip()} " if parent.is_file() else ""


def reason_absent(root: Path = POWERCAP) -> str:
    """Say why no zone can be read."""
    zones = sorted(root.glob("*-rapl:*"))
    if not root.is_dir():
        return f"{root} does not exist: no powercap driver, or a virtual machine hides it"
    if not zones:
        return f"no RAPL zone in {root}"
    return f"{zones[0]}/energy_uj cannot be read: run as root, or chmod it for this user"
