"""What the machine says it is, beside what was sold: text and counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from results import catalog
from runners.accept.figures import ExpectedFigure, MachineFigure
from runners.accept.references import LEAST_MEMORY
from runners.machine import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from runners.accept.causes import CoreLimits
    from runners.accept.references import Sold
    from runners.machine.conditions import ConditionValue
    from runners.machine.machine import Accelerator, Cpu

__all__ = ["CORES", "cards", "host", "promised"]

CORES = "cores"
_SOLD = "what was sold"
_LANES = re.compile(r"gen (\d+) x(\d+)(?: of gen (\d+) x(\d+))?")
_LEAST_POWER = 0.98  # of the nameplate
# Settings of a card that are read as text.
_TEXTS = ("pci", "vbios", "ecc", "mig", "persistence")


def host(
    cpu: Cpu, listed: str | None, limits: CoreLimits, memory_bytes: int, root: Path
) -> Iterator[MachineFigure]:
    """Say what the processor and its memory are.

    Args:
        listed: catalogue id of the processor.
        root: of the file system, `/`.
    """
    yield MachineFigure(name="processor", kind="identity", value=cpu.name)
    yield MachineFigure(
        name="processor in the catalogue", kind="identity", value=listed or "not listed"
    )
    yield MachineFigure(name=CORES, kind="cores", value=float(limits.cores))
    yield MachineFigure(name="memory (GiB)", kind="identity", value=round(memory_bytes / 2**30, 2))
    sockets = {
        conditions.read(path)
        for path in root.glob("sys/devices/system/cpu/cpu[0-9]*/topology/physical_package_id")
    }
    yield from _text("sockets", str(len(sockets)) if sockets else "")
    yield from _text("caches of core 0", ", ".join(_caches(root)))
    yield from _text("memory channels with modules", _channels(root))
    settings = conditions.cpu_settings(root / "sys", root / "proc")
    for name in ("governor", "boost", "turbo_disabled", "numa_cpus", "memory_ecc", "cpu_mhz_max"):
        yield from _text(name.replace("_", " "), str(settings.get(name, "")))


def cards(
    accelerators: Sequence[Accelerator], settings: Mapping[str, ConditionValue]
) -> Iterator[MachineFigure]:
    """Say what each accelerator is and how it is joined; cards of a machine are twins."""
    yield MachineFigure(
        name="accelerators", kind="identity", value=float(len(accelerators)), device=True
    )
    for index, card in enumerate(accelerators):
        head = f"GPU {index}"
        yield MachineFigure(name=f"{head} name", kind="identity", value=card.name, device=True)
        if card.memory_bytes:
            yield MachineFigure(
                name=f"{head} memory (GB)",
                kind="identity",
                value=round(card.memory_bytes / 1e9, 2),
                device=True,
                twins="GPU memory",
            )
        for name in _TEXTS:
            text = str(settings.get(f"gpu{index}_{name}", ""))
            yield from _text(f"{head} {name}", text, twins=f"GPU {name}")
        # An idle card lowers its link's generation: no twin need show the same.
        yield from _text(f"{head} PCIe", str(settings.get(f"gpu{index}_pcie", "")))
        yield from _numbers(index, settings)
    yield from _text("GPU topology", str(settings.get("gpu_topology", "")))


def promised(
    figures: Sequence[MachineFigure],
    expected: Sold | None,
    limits: CoreLimits,
    settings: Mapping[str, ConditionValue],
) -> Iterator[ExpectedFigure]:
    """Return what identity should be: what was sold, or else what the hardware itself could be."""
    entry = catalog.chips()[expected.chip] if expected else None
    if expected and entry and entry.kind == "cpu":
        yield from _processor(expected, limits)
    else:
        yield from _all_cores(limits)
    if expected and entry and entry.kind != "cpu":
        yield from _accelerators(figures, expected, entry)
    for index in range(sum(figure.name.endswith(" PCIe lanes") for figure in figures)):
        yield from _card_limits(index, settings)


def _all_cores(limits: CoreLimits) -> Iterator[ExpectedFigure]:
    cores = float(limits.online)
    yield ExpectedFigure(figure=CORES, value=cores, least=cores, basis="cores the kernel runs")


def _processor(expected: Sold, limits: CoreLimits) -> Iterator[ExpectedFigure]:
    name = "processor in the catalogue"
    yield ExpectedFigure(figure=name, value=expected.chip, basis=_SOLD, sold=True)
    if expected.count is None:
        yield from _all_cores(limits)
    else:
        count = float(expected.count)
        yield ExpectedFigure(figure=CORES, value=count, least=count, basis=_SOLD, sold=True)


def _accelerators(
    figures: Sequence[MachineFigure], expected: Sold, entry: catalog.ChipEntry
) -> Iterator[ExpectedFigure]:
    count = float(expected.count or 1)
    yield ExpectedFigure(figure="accelerators", value=count, least=count, basis=_SOLD, sold=True)
    for figure in figures:
        _, _, what = figure.name.partition(" ")[2].partition(" ")
        if not figure.device or not what:
            continue
        if what == "name":
            here = catalog.identify(catalog.ChipSigns(name=str(figure.value)))
            told = figure.value if here == expected.chip else entry.name
            yield ExpectedFigure(figure=figure.name, value=told, basis=_SOLD, sold=True)
        elif what == "memory (GB)" and entry.memory_gb:
            each = entry.memory_gb / entry.chips
            least = LEAST_MEMORY * each
            yield ExpectedFigure(
                figure=figure.name, value=each, least=least, basis=_SOLD, sold=True
            )
        elif what == "power limit (W)" and entry.tdp_w:
            each = entry.tdp_w / entry.chips
            least = _LEAST_POWER * each
            yield ExpectedFigure(figure=figure.name, value=each, least=least, basis="nameplate")
        elif what == "mig":
            yield ExpectedFigure(figure=figure.name, value="off", basis="a whole chip", sold=True)


def _card_limits(index: int, settings: Mapping[str, ConditionValue]) -> Iterator[ExpectedFigure]:
    lanes = _LANES.match(str(settings.get(f"gpu{index}_pcie", "")))
    if lanes and lanes[4]:
        most = float(lanes[4])
        name = f"GPU {index} PCIe lanes"
        yield ExpectedFigure(figure=name, value=most, least=most, basis="lanes the card has")
    usual = settings.get(f"gpu{index}_power_limit_default_w")
    if isinstance(usual, float):
        name = f"GPU {index} power limit (W)"
        yield ExpectedFigure(figure=name, value=usual, least=usual, basis="the card's own limit")


def _numbers(index: int, settings: Mapping[str, ConditionValue]) -> Iterator[MachineFigure]:
    lanes = _LANES.match(str(settings.get(f"gpu{index}_pcie", "")))
    numbers = {
        "PCIe lanes": lanes and lanes[2],
        "NVLinks up": settings.get(f"gpu{index}_nvlinks"),
        "power limit (W)": settings.get(f"gpu{index}_power_limit_w"),
    }
    for name, number in numbers.items():
        if number is not None:
            kind = "compute" if name.startswith("power") else "link"
            yield MachineFigure(
                name=f"GPU {index} {name}",
                kind=kind,  # type: ignore[arg-type]
                value=float(number),
                device=True,
                twins=f"GPU {name}",
            )


def _caches(root: Path) -> Iterator[str]:
    for cache in sorted(root.glob("sys/devices/system/cpu/cpu0/cache/index[0-9]")):
        level, kind = conditions.read(cache / "level"), conditions.read(cache / "type")
        letter = {"Data": "d", "Instruction": "i"}.get(kind, "")
        if size := conditions.read(cache / "size"):
            yield f"L{level}{letter} {size}"


def _channels(root: Path) -> str:
    """Memory modules that a controller's driver counts (EDAC); "" where none is loaded."""
    modules = list(root.glob("sys/devices/system/edac/mc/mc*/dimm*/size"))
    filled = sum(conditions.read(path) not in {"", "0"} for path in modules)
    return f"{filled} of {len(modules)}" if modules else ""


def _text(name: str, value: str, twins: str = "") -> Iterator[MachineFigure]:
    if value:
        yield MachineFigure(
            name=name, kind="identity", value=value, device=bool(twins), twins=twins
        )
