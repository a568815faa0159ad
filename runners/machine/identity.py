"""What names this machine's chips where a brand string does not: numbers, tables, the PCI bus.

Pure readers: each takes the root of the file system, and leaves out what is not there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runners.machine.conditions import read

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["arm", "cpu_line", "pci_accelerators", "tables"]

# SMBIOS, as the kernel shows it to everybody: what was built, and on a cloud what was rented.
_SMBIOS = ("product_name", "product_version", "board_name")
# What makers write where they wrote nothing.
_EMPTY = re.compile(r"(?i)none|default string|to be filled.*|not (applicable|specified)|system .*")
_WIDEST = 60  # columns of one name
_MOST_BYTES = 4096
# PCI base classes: displays, and processing accelerators.
_CLASSES = ("0x03", "0x12")
_FIELDS = re.compile(r"(?m)^([^:\n]+?)\s*:\s*(.+?)\s*$")


def tables(root: Path) -> tuple[str, ...]:
    """Names in the device tree and in SMBIOS: model, compatible parts, product, board.

    Of an Amazon machine the product is its type, such as "c7g.large".
    """
    tree = root / "proc/device-tree"
    names = [*_strings(tree / "model"), *_strings(tree / "compatible")]
    names += [read(root / "sys/class/dmi/id" / name) for name in _SMBIOS]
    shown = (" ".join(name.split())[:_WIDEST] for name in names)
    return tuple(dict.fromkeys(name for name in shown if name and not _EMPTY.fullmatch(name)))


def arm(root: Path) -> tuple[str, int] | None:
    """Implementer and part number of the fastest Arm cores; None on other processors."""
    text = read(root / "proc/cpuinfo")
    implementers = re.findall(r"(?m)^CPU implementer\s*:\s*(0x[0-9a-f]{2})\s*$", text)
    parts = re.findall(r"(?m)^CPU part\s*:\s*(0x[0-9a-f]{3})\s*$", text)
    # Where cores of two kinds lie in one chip, the fast ones come last.
    return (implementers[-1], int(parts[-1], 16)) if implementers and parts else None


def cpu_line(root: Path, *names: str) -> str:
    """Return the first of these lines of /proc/cpuinfo, such as "Model Name"; empty without."""
    fields = {name.lower(): value for name, value in _FIELDS.findall(read(root / "proc/cpuinfo"))}
    return next((fields[name.lower()] for name in names if name.lower() in fields), "")


def pci_accelerators(root: Path) -> list[str]:
    """Ids of the displays and accelerators on the bus, such as "10de:2330", in order."""
    ids = []
    for device in sorted((root / "sys/bus/pci/devices").glob("*")):
        vendor, model = read(device / "vendor"), read(device / "device")
        if read(device / "class").startswith(_CLASSES) and vendor and model:
            ids.append(f"{vendor.removeprefix('0x')}:{model.removeprefix('0x')}".lower())
    return ids


def _strings(path: Path) -> list[str]:
    """Texts of a device tree's property: each ends in a zero byte."""
    try:
        with path.open("rb") as file:
            held = file.read(_MOST_BYTES)
    except OSError:
        return []
    return [text.decode(errors="replace") for text in held.split(b"\0") if text]
