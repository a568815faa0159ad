"""The power limits of a machine's chips: read, bounded, set, by what the system offers.

CPU packages by the kernel's powercap tree (Linux, Documentation/power/powercap/powercap.rst), AMD
GPUs by the kernel's hwmon, whose `power1_cap` AMD SMI writes too, NVIDIA GPUs by NVML. All need
root or a granted permission.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["SYS", "Limit", "limits"]

SYS = Path("/sys")
_MICRO, _MILLI = 1e6, 1e3


class Limit(Protocol):
    """The power limit of one chip."""

    @property
    def name(self) -> str:
        """Such as "rapl 0"; unique on the machine."""

    @property
    def bounds_w(self) -> tuple[float, float]:
        """Least and most that may be set; infinite where nobody says."""

    def read_w(self) -> float:
        """Return the limit now.

        Raises:
            OSError: it cannot be read.
        """

    def write_w(self, watts: float) -> None:
        """Set it.

        Raises:
            OSError: no permission, or the driver refuses.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimit:
    """A limit the kernel keeps in a file, in microwatts.

    Attributes:
        least, most: files of its bounds, which need not be there.
    """

    name: str
    file: Path
    least: Path
    most: Path

    @property
    def bounds_w(self) -> tuple[float, float]:
        return _microwatts(self.least) or 0.0, _microwatts(self.most) or float("inf")

    def read_w(self) -> float:
        return int(self.file.read_text()) / _MICRO

    def write_w(self, watts: float) -> None:
        self.file.write_text(f"{round(watts * _MICRO)}\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmlLimit:
    """An NVIDIA GPU's limit; errors of the driver are OSError."""

    name: str
    nvml: Any
    card: Any

    @property
    def bounds_w(self) -> tuple[float, float]:
        low, high = self._ask("nvmlDeviceGetPowerManagementLimitConstraints")
        return low / _MILLI, high / _MILLI

    def read_w(self) -> float:
        return float(self._ask("nvmlDeviceGetPowerManagementLimit") / _MILLI)

    def write_w(self, watts: float) -> None:
        self._ask("nvmlDeviceSetPowerManagementLimit", round(watts * _MILLI))

    def _ask(self, question: str, *about: Any) -> Any:
        try:
            return getattr(self.nvml, question)(self.card, *about)
        except self.nvml.NVMLError as error:
            raise OSError(f"NVML: {error}") from error


def limits(kind: str, sys: Path = SYS) -> Sequence[Limit]:
    """List the limits of a kind of chip, "cpu" or "gpu"; empty where none is offered."""
    if kind == "cpu":
        return list(_rapl(sys))
    return [*_nvml(), *_amd(sys)] if kind == "gpu" else []


def _rapl(sys: Path) -> Iterator[FileLimit]:
    """Long-term limits of the packages; zones within a package have two colons."""
    for zone in sorted(sys.glob("class/powercap/intel-rapl:*")):
        file = zone / "constraint_0_power_limit_uw"
        if zone.name.count(":") == 1 and file.exists():
            most = zone / "constraint_0_max_power_uw"
            name = f"rapl {zone.name.partition(':')[2]}"
            yield FileLimit(name=name, file=file, least=zone / "no_least", most=most)


def _amd(sys: Path) -> Iterator[FileLimit]:
    for number, file in enumerate(
        sorted(sys.glob("class/drm/card*/device/hwmon/hwmon*/power1_cap"))
    ):
        least, most = (file.with_name(f"power1_cap_{end}") for end in ("min", "max"))
        yield FileLimit(name=f"amd {number}", file=file, least=least, most=most)


def _nvml() -> Iterator[NvmlLimit]:
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return
    for number in range(count):
        card = pynvml.nvmlDeviceGetHandleByIndex(number)
        yield NvmlLimit(name=f"nvml {number}", nvml=pynvml, card=card)


def _microwatts(file: Path) -> float | None:
    try:
        return int(file.read_text()) / _MICRO or None
    except (OSError, ValueError):
        return None
