"""Which cells a machine can run: parallelism, memory and number formats, from below.

A cell is left out only where it cannot run: bounds count what every engine needs and nothing more,
so that a cell that is kept may still fail.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from results import catalog
from results.statement.precision import ServedModel, served
from runners.machine import machine, power_cap
from suites import models
from suites.base.errors import UserError
from suites.engines import template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from results.catalog import ChipEntry
    from runners.plans.cells import Combination
    from runners.plans.document import SweepPlan

__all__ = ["TargetMachine", "reason"]

_GB = 1e9
_CPU = "cpu"
# What an engine serves where the plan names no precision: the bundled one its random Q8_0 weights,
# the others 16-bit ones.
_BUNDLED_DTYPE, _DTYPE = "q8_0", "bf16"
_FORMATS = {
    "fp4": re.compile(r"fp4"),
    "fp8": re.compile(r"fp8|e4m3|e5m2"),
    "bf16": re.compile(r"bf16|bfloat16"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetMachine:
    """The machine the cells are for.

    Attributes:
        name: for people.
        chip: its entry in the catalogue, None where it has none.
        chips: accelerators, 0 where there is only the CPU.
        memory_bytes: of one accelerator, None where nobody says.
        cpu_memory_bytes: of the CPU, None on a machine that is not this one.
    """

    name: str
    chip: ChipEntry | None
    chips: int
    memory_bytes: float | None
    cpu_memory_bytes: int | None

    @property
    def here(self) -> bool:
        return self.cpu_memory_bytes is not None

    @classmethod
    def of(
        cls, plan: SweepPlan, chip: str | None = None, chips: int | None = None
    ) -> TargetMachine:
        """Take the machine the user names, else the plan's, else this one.

        Raises:
            UserError: the chip is not in the catalogue.
        """
        if chip:
            return cls.of_kind(chip, chips or 1)
        if plan.machine:
            return cls.of_kind(plan.machine.chip, chips or plan.machine.chips)
        return cls.this_machine()

    @classmethod
    def of_kind(cls, chip: str, chips: int) -> TargetMachine:
        """Take so many of a chip of the catalogue, or a machine with a "cpu" and nothing else.

        Raises:
            UserError: the chip is not in the catalogue.
        """
        entry = catalog.chips().get(chip)
        if entry is None and chip != _CPU:
            raise UserError(
                f"no chip {chip!r} in the catalogue", where="chip", remedy="see `fenmark chips`"
            )
        if entry is None or entry.kind == _CPU:
            name = entry.name if entry else "a machine without accelerators"
            return cls(name=name, chip=entry, chips=0, memory_bytes=None, cpu_memory_bytes=None)
        return cls(
            name=f"{chips} × {entry.name}" if chips > 1 else entry.name,
            chip=entry,
            # A system counts as the chips in it.
            chips=chips * entry.chips,
            memory_bytes=entry.memory_gb and entry.memory_gb * _GB / entry.chips,
            cpu_memory_bytes=None,
        )

    @classmethod
    def this_machine(cls) -> TargetMachine:
        accelerators = machine.accelerators()
        entry = (
            catalog.chips().get(machine.listed_accelerator(accelerators[0]) or "")
            if accelerators
            else None
        )
        return cls(
            name=f"{len(accelerators)} × {accelerators[0].name}"
            if accelerators
            else machine.cpu().name,
            chip=entry,
            chips=len(accelerators),
            memory_bytes=accelerators[0].memory_bytes if accelerators else None,
            cpu_memory_bytes=machine.memory_bytes(),
        )


def reason(cell: Combination, target: TargetMachine) -> str:
    """Say why a cell does not run on a machine; empty where nothing speaks against it."""
    return cell.excluded or next(_against(cell.given, target), "")


def _against(given: Mapping[str, Any], target: TargetMachine) -> Iterator[str]:
    if "power_cap_w" in given:
        yield from _cap(given, target)
    if set(given["suite"].split(",")) == {"kernels"} or "endpoint" in given:
        return
    if "prefill_pool" in given or "decode_pool" in given:
        yield "its pools stand behind an endpoint: --set endpoint=URL"
        return
    engine = given.get("engine") or template.BUNDLED
    bundled = engine == template.BUNDLED
    if not bundled:
        yield from _engine(engine, given, target)
    yield from _shape(given)
    dtype = given.get("dtype") or (_BUNDLED_DTYPE if bundled else _DTYPE)
    if bundled or engine.endswith(":cpu") or not target.chips:
        yield from _on_cpu(engine, given, dtype, target)
    else:
        yield from _on_accelerators(given, dtype, target)


def _cap(given: Mapping[str, Any], target: TargetMachine) -> Iterator[str]:
    """Hold a power cap against this machine's limits, or against the chip's nameplate."""
    watts, kind = float(given["power_cap_w"]), "gpu" if target.chips else _CPU
    if "endpoint" in given:
        yield "the power limit of what is behind an endpoint is not ours to set"
    elif target.here:
        yield from filter(None, [power_cap.refusal(watts, kind)])
    elif target.chip and target.chip.tdp_w and watts > target.chip.tdp_w / target.chip.chips:
        yield f"{watts:g} W is above the nameplate power of {target.chip.name}"


def _on_cpu(
    engine: str, given: Mapping[str, Any], dtype: str, target: TargetMachine
) -> Iterator[str]:
    if not target.here and target.chips:
        yield f"{engine} computes on the CPU, and the plan is for {target.name}"
    if target.cpu_memory_bytes:
        yield from _memory(given, dtype, target.cpu_memory_bytes, split=1)


def _on_accelerators(given: Mapping[str, Any], dtype: str, target: TargetMachine) -> Iterator[str]:
    chips = math.prod(given.get(axis) or 1 for axis in ("tp", "pp", "dp"))
    if chips > target.chips:
        yield f"takes {chips} chips of {target.chips}"
    wanted = next((name for name, known in _FORMATS.items() if known.search(dtype.lower())), "")
    if target.chip and wanted in target.chip.lacks:
        yield f"{target.chip.name} has no {wanted}"
    if target.memory_bytes:
        # Experts spread over the replicas too.
        axes = ("tp", "pp", "dp") if (given.get("ep") or 1) > 1 else ("tp", "pp")
        split = math.prod(given.get(axis) or 1 for axis in axes)
        yield from _memory(given, dtype, target.memory_bytes, split=split)


def _engine(engine: str, given: Mapping[str, Any], target: TargetMachine) -> Iterator[str]:
    chosen, device = template.chosen(engine)
    if engine.endswith(f":{device}") and device != "cpu" and not target.chips:
        yield f"{engine} needs a {device} device, and {target.name} has none"
    for axis in ("tp", "pp", "dp", "ep"):
        if (given.get(axis) or 1) > 1 and axis not in chosen.parallel:
            yield f"{chosen.name}'s command line has no {axis}"
    if target.here:
        yield from _missing(engine, given.get("engine_program"))


@cache
def _missing(engine: str, program: str | None) -> list[str]:
    try:
        template.check_installed(engine, program)
    except UserError as error:
        return [f"{engine}: {error.what}; {error.expected}"]
    return []


def _served(name: str | None, dtype: str) -> ServedModel | None:
    """What a plan of this machine's user means: an id, a published name, or a file of theirs."""
    own = models.load(name) if name and models.is_path(name) else None
    return served(name, dtype, own=own)


def _shape(given: Mapping[str, Any]) -> Iterator[str]:
    """A model splits by whole heads, layers and experts (Megatron-LM, arXiv 2104.04473)."""
    model = _served(given.get("model"), _DTYPE)
    if model is None:
        return
    sizes, ep = model.geometry, given.get("ep") or 1
    for heads in sorted(sizes.query_heads):
        if heads % (given.get("tp") or 1):
            yield f"{heads} attention heads do not split over tp {given['tp']}"
    if (given.get("pp") or 1) > sizes.depth:
        yield f"{sizes.depth} layers are fewer than pp {given['pp']}"
    if ep > 1 and (sizes.moe is None or sizes.moe.experts % ep):
        experts = sizes.moe.experts if sizes.moe else "no"
        yield f"{experts} experts do not split over ep {ep}"


def _memory(given: Mapping[str, Any], dtype: str, memory: float, *, split: int) -> Iterator[str]:
    """Hold the weights, split as thinly as the parallelism allows, against one memory."""
    model = _served(given.get("model"), dtype)
    if model is None or "weights" in given:
        return
    least = model.geometry.weight_bytes(model.bits) / split
    if least > memory:
        each = f" on each of {split} chips" if split > 1 else ""
        yield f"weights of at least {least / _GB:.0f} GB{each}, memory of {memory / _GB:.0f} GB"
