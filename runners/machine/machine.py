"""Know the machine: chips, cores, memory, isolation, drivers, and what may disturb a run."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from results import catalog
from results.statement.statement_v2 import ChipV2, MachineV2
from runners.machine import conditions, hardware, identity, nvidia

if TYPE_CHECKING:
    from runners.machine.conditions import ConditionValue

__all__ = [
    "Accelerator",
    "Cpu",
    "accelerators",
    "after",
    "cpu",
    "describe",
    "listed_accelerator",
    "listed_cpu",
    "memory_bytes",
    "settings",
    "surroundings",
    "unnamed_accelerators",
    "usable_cores",
]

_ROOT = Path("/")
_SYS = Path("/sys")
_PROC = Path("/proc")
_ASCEND = Path("/usr/local/Ascend")
_ARMV8 = 8
_LONGEST = 256  # letters of a condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """The processor as CPUID and the kernel tell it.

    Attributes:
        name: brand string; a hypervisor may have shortened it ("AMD EPYC").
        vendor: "AuthenticAMD", "GenuineIntel", …; of an Arm processor its implementer, "0x48".
        family, model, stepping: CPUID numbers, which survive where the brand string does not; of
            an Arm processor 8 and its part number.
        features: vector and matrix extensions that decide speed.
    """

    name: str
    vendor: str
    family: int
    model: int
    stepping: int
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """A GPU the driver or the PCI bus reports.

    Attributes:
        driver: empty where only the bus tells of it.
        memory_bytes: the chip's own; None where nothing tells.
        pci: its id on the bus, such as "1002:74a1".
    """

    name: str
    driver: str
    memory_bytes: int | None
    pci: str = ""


# Extensions that change kernel speed; the other hundred flags are noise to a reader.
_TELLING = (
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512",
    "avx_vnni",
    "amx",
    "asimd",
    "sve",
    "i8mm",
    "bf16",
)


@cache
def cpu() -> Cpu:
    """Identify the processor."""
    from cpuinfo import get_cpu_info

    info: dict[str, Any] = get_cpu_info()
    flags = {flag for flag in info.get("flags", []) if flag.startswith(_TELLING)}
    # CPUID and the kernel spell some twice (avx512_vnni, avx512vnni): keep the kernel's.
    twice = {flag.replace("_", "") for flag in flags if "_" in flag}
    features = sorted(flags - twice)
    arm = identity.arm(_ROOT)
    vendor, family, model = (
        (arm[0], _ARMV8, arm[1])
        if arm
        else (info.get("vendor_id_raw", ""), int(info.get("family", 0)), int(info.get("model", 0)))
    )
    name = info.get("brand_raw") or identity.cpu_line(_ROOT, "Model Name", "Hardware", "cpu")
    return Cpu(
        name=name or platform.processor() or "unknown CPU",
        vendor=vendor,
        family=family,
        model=model,
        stepping=int(info.get("stepping", 0)),
        features=tuple(features),
    )


def listed_cpu() -> str | None:
    """Find the processor in the catalogue: by name, CPUID, or the machine's own tables."""
    chip = cpu()
    return catalog.identify(
        catalog.ChipSigns(
            name=chip.name,
            vendor=chip.vendor,
            family=chip.family,
            model=chip.model,
            stepping=chip.stepping,
            tables=identity.tables(_ROOT),
        )
    )


def listed_accelerator(gpu: Accelerator) -> str | None:
    """Find an accelerator in the catalogue: by its driver's name, or by its id on the bus.

    A module that holds the whole machine, such as a Jetson, is told by the machine's tables.
    """
    seen = catalog.ChipSigns(name=gpu.name, pci=gpu.pci, tables=identity.tables(_ROOT))
    return catalog.identify(seen)


def unnamed_accelerators() -> tuple[Accelerator, ...]:
    """Accelerators of the catalogue that stand on the bus and no driver named to us."""
    known = {pci: entry for entry in catalog.chips().values() for pci in entry.pci}
    return tuple(
        Accelerator(
            name=known[pci].name,
            driver=conditions.read(_SYS / "module/amdgpu/version"),
            memory_bytes=None,
            pci=pci,
        )
        for pci in identity.pci_accelerators(_ROOT)
        if pci in known
    )


@cache
def accelerators() -> tuple[Accelerator, ...]:
    """GPUs the NVIDIA driver reports; empty where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        driver = pynvml.nvmlSystemGetDriverVersion()
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return tuple(
            Accelerator(
                name=pynvml.nvmlDeviceGetName(handle),
                driver=driver,
                memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                pci=_pci_of(handle),
            )
            for handle in handles
        )
    finally:
        pynvml.nvmlShutdown()


def _pci_of(handle: Any) -> str:
    """Vendor and device of a card; empty where the driver does not tell, as of a part of one."""
    import pynvml

    try:
        number = int(pynvml.nvmlDeviceGetPciInfo(handle).pciDeviceId)
    except pynvml.NVMLError:
        return ""
    return f"{number & 0xFFFF:04x}:{number >> 16:04x}"


def usable_cores() -> int:
    """Logical cores this process may use: affinity, then the control group's quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    quota = conditions.read(_SYS / "fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0] != "max":
        cores = min(cores, max(1, int(quota[0]) // int(quota[1])))
    return cores


def memory_bytes() -> int:
    """Memory this process may use: the machine's, or less where a control group says so."""
    total: int = psutil.virtual_memory().total
    limit = conditions.read(_SYS / "fs/cgroup/memory.max")
    return min(total, int(limit)) if limit.isdigit() else total


def container() -> str | None:
    """Name the container technology, None on a bare system."""
    if Path("/.dockerenv").exists():
        return "docker"
    if Path("/run/.containerenv").exists():
        return "podman"
    named = os.environ.get("container")  # noqa: SIM112 - systemd's own spelling
    if named:
        return named
    groups = conditions.read(_PROC / "1/cgroup")
    return next((name for name in ("kubepods", "docker", "lxc") if name in groups), None)


def virtual_machine() -> str | None:
    """Name the hypervisor as far as the guest can see it, None on bare metal."""
    product = conditions.read(_SYS / "class/dmi/id/product_name")
    vendor = conditions.read(_SYS / "class/dmi/id/sys_vendor")
    if " hypervisor" not in conditions.read(_PROC / "cpuinfo"):
        return None
    return " ".join(filter(None, (vendor, product))) or "unnamed hypervisor"


def settings() -> dict[str, ConditionValue]:
    """Read what is set and stays so during a run; a reading that is not there is left out."""
    chip = cpu()
    tables = "; ".join(identity.tables(_ROOT))[:_LONGEST]
    return {
        "cpu_vendor": chip.vendor,
        "cpu_family": chip.family,
        "cpu_model": chip.model,
        "cpu_stepping": chip.stepping,
        **({"machine_tables": tables} if tables else {}),
        **conditions.cpu_settings(_SYS, _PROC),
        **conditions.cloud(_SYS),
        **nvidia.cards_settings(),
    }


def surroundings() -> dict[str, ConditionValue]:
    """Read what moves: load, stolen time, clocks, temperatures, what slows a chip."""
    return {
        **conditions.load(_PROC),
        **conditions.cpu_now(_SYS, _PROC),
        **conditions.amd_gpus(_SYS),
        **nvidia.cards_now(),
    }


def describe(chip: ChipV2) -> MachineV2:
    """Describe this machine with `chip` as the chip under test."""
    return MachineV2(
        chip=chip,
        cpu_name=cpu().name,
        cpu_cores=usable_cores(),
        memory_bytes=memory_bytes(),
        os=_os_name(),
        kernel=platform.release(),
        container=container(),
        virtual_machine=virtual_machine(),
        driver=next((gpu.driver for gpu in accelerators()), None)
        or conditions.read(_SYS / "module/amdgpu/version")
        or conditions.ascend_driver(_ASCEND)
        or None,
        conditions={**settings(), **surroundings(), **hardware.identity(Path("/"))},
    )


def after(machine: MachineV2) -> MachineV2:
    """Add what has moved since: the same readings again, their names ending in "_after"."""
    again = {f"{name}_after": value for name, value in surroundings().items()}
    return machine.model_copy(update={"conditions": {**machine.conditions, **again}})


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):  # not Linux, or a bare image
        return f"{platform.system()} {platform.version()}"
