"""Say before a run what this machine can and cannot measure, and how to get a better run."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
from typing import TYPE_CHECKING

import psutil

from results.catalog.prices_data import OWN_SHEET, chosen_sheet
from results.economy.costs import price_of
from results.economy.own_prices import own_prices
from runners.machine import machine
from runners.machine.advice import advice
from runners.machine.finding import MachineFact
from runners.measure.subject import chip_under_test
from runners.options.options import RunOptions
from suites.base.extras import install
from suites.base.user_folders import home
from suites.engines.template import names, template
from suites.meters import discovery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SPEED_VARIABLES", "examine", "set_variables"]

# Variables that change how fast the measured libraries run: recorded in every result.
SPEED_VARIABLES = (
    "OPENBLAS_",
    "OMP_",
    "MKL_",
    "KMP_",
    "BLIS_",
    "GGML_",
    "CUDA_",
    "NVIDIA_",
    "HIP_",
    "ROCR_",
    "ASCEND_",
    "LD_PRELOAD",
    "MALLOC_",
    "GLIBC_TUNABLES",
)
# The base model's weights, its cache and the results of a few runs.
_DISK_NEEDED_BYTES = 2 * 10**9
_MEMORY_NEEDED_BYTES = 3 * 10**9
_BUSY_SHARE = 0.15


def examine(out: Path) -> list[MachineFact]:
    """Look at everything a run depends on.

    Args:
        out: where results would go; its disk must have room.
    """
    return [
        *_chip(),
        *_price(),
        *_isolation(),
        *_room(out),
        *_engine(),
        *_backends(),
        *_meters(),
        *_disturbance(),
        *advice(machine.settings(), machine.surroundings(), os.environ, machine.usable_cores()),
    ]


def set_variables() -> dict[str, str]:
    """Return the speed-changing variables set here."""
    return {key: value for key, value in os.environ.items() if key.startswith(SPEED_VARIABLES)}


def _chip() -> Iterator[MachineFact]:
    cpu, chip = machine.cpu(), chip_under_test(RunOptions())
    cores, entry = chip.count, chip.catalog_id
    listed = f"catalogue entry {entry}" if entry else "not in the catalogue"
    yield MachineFact(
        subject="chip",
        status="ok" if entry else "note",
        says=f"{cpu.name} ({cpu.vendor}, family {cpu.family}, model {cpu.model}, stepping "
        f"{cpu.stepping}), {cores} cores; {listed}",
        remedy="" if entry else "it is measured as unlisted; the guide says how to add a chip",
    )
    yield MachineFact(
        subject="vector extensions",
        status="ok" if cpu.features else "note",
        says=", ".join(cpu.features) or "none reported",
    )
    for gpu in machine.accelerators():
        yield MachineFact(
            subject="accelerator",
            status="ok",
            says=f"{gpu.name}, {(gpu.memory_bytes or 0) / 2**30:.0f} GiB, driver {gpu.driver}",
        )
    for gpu in () if machine.accelerators() else machine.unnamed_accelerators():
        yield MachineFact(
            subject="accelerator",
            status="note",
            says=f"{gpu.name} by its id on the bus, {gpu.pci}",
            remedy="no driver of it answers us: name it with --chip where it serves an --endpoint",
        )
    if not machine.accelerators():
        yield MachineFact(
            subject="accelerator",
            status="note",
            says="no NVIDIA driver answers: the CPU is the chip under test",
        )


def _price() -> Iterator[MachineFact]:
    """Say what the end of a run will compute with, and how to give your own price."""
    chip, sheet = chip_under_test(RunOptions()), chosen_sheet(None, None)
    price = price_of(chip.catalog_id, chip.kind, chip.count, own_prices(sheet))
    yield MachineFact(
        subject="price",
        status="note" if price is None or price.generic else "ok",
        says=f"{price.usd:.4g} USD an hour and {price.per}: {price.label}"
        if price
        else f"price sheet {sheet.id} has none of this chip",
        remedy="your own: --price 0.12/h, --owned 1500 --life 4y, --tariff 0.6CNY/kWh; or keep it "
        f"in {home() / OWN_SHEET}",
    )


def _isolation() -> Iterator[MachineFact]:
    container, hypervisor = machine.container(), machine.virtual_machine()
    inside = [f"container ({container})"] if container else []
    inside += [f"virtual machine ({hypervisor})"] if hypervisor else []
    yield MachineFact(
        subject="isolation",
        status="note" if inside else "ok",
        says=" in a ".join(inside) or "bare metal, as far as the kernel tells",
        remedy="neighbours may share its caches and memory" if hypervisor else "",
    )


def _room(out: Path) -> Iterator[MachineFact]:
    memory, free = machine.memory_bytes(), psutil.virtual_memory().available
    enough = free > _MEMORY_NEEDED_BYTES
    yield MachineFact(
        subject="memory",
        status="ok" if enough else "warn",
        says=f"{memory / 2**30:.1f} GiB usable, {free / 2**30:.1f} GiB free",
        remedy="" if enough else "the quick profile needs 3 GB: close other programs",
    )
    place = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    disk = shutil.disk_usage(place).free
    yield MachineFact(
        subject="disk",
        status="ok" if disk > _DISK_NEEDED_BYTES else "warn",
        says=f"{disk / 1e9:.0f} GB free at {place}",
        remedy="" if disk > _DISK_NEEDED_BYTES else "2 GB are needed for the model and results",
    )


def _engine() -> Iterator[MachineFact]:
    installed = importlib.util.find_spec("xllamacpp") is not None
    yield MachineFact(
        subject="engine llama.cpp",
        status="ok" if installed else "missing",
        says="xllamacpp is installed" if installed else "xllamacpp is not installed",
        remedy="" if installed else "pip install xllamacpp, or measure a server with --endpoint",
    )
    for name in names():
        engine = template(name)
        path = shutil.which(engine.program) if engine.program != "python3" else None
        if path:
            yield MachineFact(
                subject=f"engine {engine.name}",
                status="ok",
                says=f"{path}: fenmark run --engine {name}",
            )
    if os.name == "posix" and os.uname().sysname == "Linux":
        try:
            ctypes.CDLL("libgomp.so.1")
        except OSError:
            yield MachineFact(
                subject="library libgomp.so.1",
                status="missing",
                says="llama.cpp needs it and this image lacks it",
                remedy="apt-get install libgomp1",
            )


def _backends() -> Iterator[MachineFact]:
    wanted = {"numpy": "", "torch": install("torch"), "cupy": "extras cuda12, rocm"}
    present = [name for name in wanted if importlib.util.find_spec(name)]
    absent = [f"{name} ({wanted[name]})" for name in wanted if name not in present]
    yield MachineFact(
        subject="kernel backends",
        status="ok",
        says=", ".join(present),
        remedy=f"not installed: {', '.join(absent)}" if absent else "",
    )


def _meters() -> Iterator[MachineFact]:
    readings = discovery.describe()
    for name, present, reason in readings:
        yield MachineFact(
            subject=f"energy meter {name}", status="ok" if present else "note", says=reason
        )
    if not any(present for _, present, _ in readings):
        yield MachineFact(
            subject="energy",
            status="warn",
            says="no meter can be read: energy is modelled bounds from nameplate power, if the "
            "catalogue knows it, and never ranks as measured",
        )


def _disturbance() -> Iterator[MachineFact]:
    variables = set_variables()
    slowing = [name for name in variables if name.startswith("OPENBLAS_")]
    yield MachineFact(
        subject="environment",
        status="warn" if slowing else "ok",
        says=", ".join(f"{key}={value}" for key, value in variables.items())
        or "no variable that changes speed is set",
        remedy=f"unset {' '.join(slowing)} for NumPy's own choice" if slowing else "",
    )
    busy = psutil.cpu_percent(interval=0.5) / 100
    yield MachineFact(
        subject="other load",
        status="warn" if busy > _BUSY_SHARE else "ok",
        says=f"{busy:.0%} of the CPU busy before the run",
        remedy="stop other work for a better run" if busy > _BUSY_SHARE else "",
    )
