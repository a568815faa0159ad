"""What moves a result and can differ between two runs of one machine, as pure readers.

Each takes the roots of the kernel's file trees, reads what this machine shows, and leaves out
what it does not: a reading that is not there is absent, never zero.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = [
    "ConditionValue",
    "amd_gpus",
    "ascend_driver",
    "cloud",
    "cpu_now",
    "cpu_settings",
    "load",
    "read",
    "topology",
]

ConditionValue = str | int | float | bool

# Vendor strings of the firmware's tables (DMI) that name a cloud.
_CLOUDS = {
    "Amazon EC2": "AWS",
    "Google": "Google Cloud",
    "Microsoft Corporation": "Azure",
    "Alibaba Cloud": "Alibaba Cloud",
    "Tencent Cloud": "Tencent Cloud",
    "Huawei Cloud": "Huawei Cloud",
    "OracleCloud.com": "Oracle Cloud",
    "DigitalOcean": "DigitalOcean",
    "Hetzner": "Hetzner",
    "Vultr": "Vultr",
    "OpenStack Foundation": "OpenStack",
}
_AMD = "0x1002"  # PCI vendor
# Sensors that sit in the processor, by the driver that reads them.
_CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")


def cpu_settings(sys: Path, proc: Path) -> dict[str, ConditionValue]:
    """Read what is set, and stays so during a run: governor, limits, sockets, memory."""
    cpu = sys / "devices/system/cpu"
    texts: dict[str, ConditionValue] = {
        "governor": _distinct(cpu.glob("cpu[0-9]*/cpufreq/scaling_governor")),
        "energy_preference": _distinct(cpu.glob("cpu[0-9]*/cpufreq/energy_performance_preference")),
        "frequency_driver": read(cpu / "cpu0/cpufreq/scaling_driver"),
        "turbo_disabled": read(cpu / "intel_pstate/no_turbo"),
        "boost": read(cpu / "cpufreq/boost"),
        "smt": read(cpu / "smt/control"),
        "huge_pages": read(sys / "kernel/mm/transparent_hugepage/enabled"),
        "numa_nodes": read(sys / "devices/system/node/online"),
        "numa_cpus": _numa_cpus(sys),
        "numa_balancing": read(proc / "sys/kernel/numa_balancing"),
        "memory_ecc": _memory_ecc(sys),
    }
    packages = (path for path in sys.glob("class/powercap/*") if path.name.count(":") == 1)
    limits = [_number(package / "constraint_0_power_limit_uw") for package in packages]
    fastest = [_number(path) for path in cpu.glob("cpu[0-9]*/cpufreq/cpuinfo_max_freq")]
    numbers = {
        "cpu_mhz_max": max((khz for khz in fastest if khz), default=0) / 1e3,
        "cpu_power_limit_w": sum(uw for uw in limits if uw) / 1e6,
    }
    return {name: value for name, value in {**texts, **numbers}.items() if value}


def cpu_now(sys: Path, proc: Path) -> dict[str, ConditionValue]:
    """Read what moves during a run: clocks, temperature, throttling."""
    cpu = sys / "devices/system/cpu"
    clocks = [_number(path) for path in cpu.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
    mhz = [khz / 1e3 for khz in clocks if khz] or list(_proc_mhz(proc))
    heat = [_number(path) for path in _cpu_sensors(sys)]
    throttled = [_number(path) for path in cpu.glob("cpu[0-9]*/thermal_throttle/*_throttle_count")]
    readings: dict[str, ConditionValue] = {}
    if mhz:
        readings["cpu_mhz"] = round(sum(mhz) / len(mhz), 1)
    if any(heat):
        readings["cpu_temperature_c"] = max(value for value in heat if value) / 1e3
    if throttled:
        readings["cpu_throttle_events"] = int(sum(value or 0 for value in throttled))
    return readings


def load(proc: Path) -> dict[str, ConditionValue]:
    """Read what else the machine does: load, stolen time, waiting for a CPU or for memory."""
    readings: dict[str, ConditionValue] = {
        "load_1m": round(os.getloadavg()[0], 2),
        "steal_s_since_boot": round(getattr(psutil.cpu_times(), "steal", 0.0), 2),
    }
    for kind in ("cpu", "memory"):
        words = read(proc / "pressure" / kind).split()
        share = next((word for word in words if word.startswith("avg10=")), "")
        if share:
            # Share of the last ten seconds in which some process waited for it (kernel: psi).
            readings[f"{kind}_pressure_percent"] = float(share.removeprefix("avg10="))
    return readings


def cloud(sys: Path) -> dict[str, ConditionValue]:
    """Name the cloud and its type of machine, where the firmware says so."""
    dmi = sys / "class/dmi/id"
    vendor, product = read(dmi / "sys_vendor"), read(dmi / "product_name")
    name = next((name for start, name in _CLOUDS.items() if vendor.startswith(start)), "")
    # Azure's own tag; without it the vendor is a laptop's or a hypervisor's.
    if name == "Azure" and read(dmi / "chassis_asset_tag") != "7783-7084-3265-9085-8269-3286-77":
        return {}
    if not name:
        return {}
    return {"cloud": name, **({"instance_type": product} if product else {})}


def amd_gpus(sys: Path) -> dict[str, ConditionValue]:
    """Read AMD GPUs from the kernel's own files: limits, clocks, heat, link, by card."""
    readings: dict[str, ConditionValue] = {}
    for index, device in enumerate(_amd_devices(sys)):
        sensors = next(iter(sorted(device.glob("hwmon/hwmon*"))), device)
        values = {
            "power_limit_w": _scaled(sensors / "power1_cap", 1e-6),
            "temperature_c": _scaled(sensors / "temp1_input", 1e-3),
            "clock_mhz": _scaled(sensors / "freq1_input", 1e-6),
            "busy_percent": _number(device / "gpu_busy_percent"),
            "performance_level": read(device / "power_dpm_force_performance_level"),
            "partition": read(device / "current_compute_partition"),
            "pcie": _pcie(device),
            "numa_node": read(device / "numa_node"),
        }
        readings |= {f"gpu{index}_{name}": value for name, value in values.items() if value}
    return readings


def ascend_driver(root: Path) -> str:
    """Version of Huawei's driver, from the file its installer leaves (`Version=24.1.rc3`)."""
    lines = read(root / "driver/version.info").splitlines()
    return next((line[8:].strip() for line in lines if line.startswith("Version=")), "")


def topology(pairs: Iterable[tuple[int, int, str]]) -> str:
    """Sum up how accelerators are joined: "28 pairs by NVLink", the most frequent first."""
    counts: dict[str, int] = {}
    for _, _, link in pairs:
        counts[link] = counts.get(link, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{n} pair{'s' if n > 1 else ''} by {link}" for link, n in ordered)


def read(path: Path) -> str:
    """Read a kernel file, empty where this system has none or hides it."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _distinct(paths: Iterable[Path]) -> str:
    return ", ".join(sorted({text for path in paths if (text := read(path))}))[:256]


def _number(path: Path) -> float | None:
    try:
        return float(read(path))
    except ValueError:
        return None


def _scaled(path: Path, factor: float) -> float | None:
    value = _number(path)
    return None if value is None else round(value * factor, 3)


def _numa_cpus(sys: Path) -> str:
    nodes = sorted(sys.glob("devices/system/node/node[0-9]*"), key=lambda path: int(path.name[4:]))
    return "; ".join(f"{node.name} {read(node / 'cpulist')}" for node in nodes)[:256]


def _memory_ecc(sys: Path) -> str:
    """The kernel's memory-error reporting, where a controller has it."""
    corrected = [_number(path) for path in sys.glob("devices/system/edac/mc/mc*/ce_count")]
    if not corrected:
        return ""
    return f"on, {int(sum(value or 0 for value in corrected))} corrected errors since boot"


def _proc_mhz(proc: Path) -> Iterator[float]:
    for line in read(proc / "cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "cpu MHz":
            yield float(value)


def _cpu_sensors(sys: Path) -> Iterator[Path]:
    for sensor in sys.glob("class/hwmon/hwmon*"):
        if read(sensor / "name") in _CPU_SENSORS:
            yield from sensor.glob("temp*_input")


def _amd_devices(sys: Path) -> list[Path]:
    cards = sys.glob("class/drm/card[0-9]*")
    devices = [card / "device" for card in cards if "-" not in card.name]  # card0-HDMI: a socket
    own = [device for device in devices if read(device / "vendor") == _AMD]
    return sorted(own, key=lambda device: int(device.parent.name.removeprefix("card")))


def _pcie(device: Path) -> str:
    """The link as it is and, where it could do more, as it could be."""
    now = f"{read(device / 'current_link_speed')} x{read(device / 'current_link_width')}"
    most = f"{read(device / 'max_link_speed')} x{read(device / 'max_link_width')}"
    if len(now) < len("8 GT/s x"):
        return ""
    return now if now == most else f"{now} of {most}"
