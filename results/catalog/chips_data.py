"""Chips and systems: what their makers state, and which of them this machine may be."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from results.catalog.reading import Strict, read_toml
from suites.base.errors import UserError

__all__ = ["ChipEntry", "ChipSigns", "Sku", "chips", "nearest", "rented", "require", "stands"]

_FOLDER = Path(__file__).parent / "chips"

_Positive = Annotated[float, Field(gt=0)]
_Text = Annotated[str, Field(min_length=1, max_length=1000)]
Dtype = Literal["f64", "f32", "tf32", "bf16", "f16", "fp8", "int8", "fp4"]


class Cpuid(Strict):
    """What a processor says of itself, which a hypervisor passes on where it rewrites the name.

    Attributes:
        vendor: CPUID's vendor, or of an Arm processor its implementer as the kernel writes it,
            such as "0x48".
        family: CPUID's; 8 of 64-bit Arm processors.
        models: CPUID's models, or Arm part numbers.
        steppings: of them; empty where every stepping is this entry's.
        alone: names that must stand in the machine's own tables too, because others build
            processors of the same model: any of them will do.
    """

    vendor: Annotated[str, Field(pattern=r"^([A-Za-z]{12}|0x[0-9a-f]{2})$")]
    family: int
    models: list[int]
    steppings: list[int] = Field(default_factory=list)
    alone: tuple[_Text, ...] = ()

    def is_of(self, seen: ChipSigns) -> bool:
        """Whether these are the numbers, and the names, that a processor shows."""
        return (
            (self.vendor, self.family) == (seen.vendor, seen.family)
            and seen.model in self.models
            and (not self.steppings or seen.stepping is None or seen.stepping in self.steppings)
            and (not self.alone or any(stands(part, seen.tables) for part in self.alone))
        )


class ChipSigns(NamedTuple):
    """What a machine shows of a chip; a tuple, because it is looked up for every result.

    Attributes:
        name: as the driver or the processor reports it.
        vendor, family, model, stepping: CPUID, or their like on Arm; empty for accelerators.
        tables: names of the device tree or SMBIOS: board, product, a cloud's type of machine.
        pci: of the accelerator, such as "10de:2330".
    """

    name: str
    vendor: str = ""
    family: int = 0
    model: int = 0
    stepping: int | None = None
    tables: tuple[str, ...] = ()
    pci: str = ""


class Sku(Strict):
    """One part of a CPU family: its cores and its nameplate power."""

    name: _Text
    cores: Annotated[int, Field(gt=0)]
    tdp_w: _Positive


class ChipEntry(Strict):
    """What is known of a chip or system; what is unknown is left out, never guessed.

    Attributes:
        id: stem of the file, and of its page.
        chips: chips in it: 1, or more for a system entry.
        confidence: "high" if a maker's document says it, "medium" or "low" otherwise.
        match: parts of the name a driver or CPU reports.
        cpuid, tables, pci: what tells it where no name does: numbers of the processor, names of
            the device tree or SMBIOS, ids of the PCI bus.
        rented_as: types of machine that clouds rent it in, as regular expressions: `c7a[.].*`.
        memory_gb: capacity in 10^9 bytes as stated; of the whole for a system.
        memory_bandwidth_gb_s: in 10^9 bytes per second; of the whole for a system.
        peak_tflops: dense peaks in 10^12 operations per second, by dtype; int8 in TOP/s.
        lacks: dtypes its matrix units are known not to take; one that is in neither is unknown.
        tdp_w: nameplate power; of the whole for a system.
        link_gb_s: to other chips, in 10^9 bytes per second, as `link_kind` says.
        skus: parts of a CPU family, when the entry is one.
        source: titles and years of the documents the values come from.
        read_again: when, which values and where they were checked against a document since the
            entry was compiled; None where that has not been done.
        added: day the entry came, where results from before it may name its chip as unlisted.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    name: _Text
    vendor: _Text
    kind: Literal["gpu", "cpu", "npu", "tpu", "lpu", "wafer", "system", "switch"]
    chips: Annotated[int, Field(ge=1)] = 1
    launched: Annotated[int, Field(ge=1990, le=2100)] | None = None
    confidence: Literal["high", "medium", "low"]
    match: tuple[_Text, ...] = ()
    cpuid: Cpuid | None = None
    tables: tuple[_Text, ...] = ()
    rented_as: tuple[_Text, ...] = ()
    pci: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")], ...] = ()
    memory_type: _Text | None = None
    memory_gb: _Positive | None = None
    memory_bandwidth_gb_s: _Positive | None = None
    peak_tflops: dict[Dtype, _Positive] = Field(default_factory=dict)
    lacks: tuple[Dtype, ...] = ()
    tdp_w: _Positive | None = None
    link_gb_s: _Positive | None = None
    link_kind: _Text | None = None
    skus: tuple[Sku, ...] = ()
    source: _Text
    read_again: _Text | None = None
    added: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None
    note: _Text | None = None

    def compute_to_bandwidth(self) -> dict[Dtype, float]:
        """Operations the chip can do for each byte its memory gives, by dtype (FLOP/byte).

        The machine balance of the roofline model (Williams, Waterman and Patterson 2009): a
        kernel with a lower operational intensity is bound by memory.
        """
        if self.memory_bandwidth_gb_s is None:
            return {}
        return {
            dtype: peak * 1e3 / self.memory_bandwidth_gb_s
            for dtype, peak in self.peak_tflops.items()
        }

    def power_bounds_w(self, cores: int) -> tuple[float, float] | None:
        """Bounds of the power `cores` logical cores of this CPU, or all of this chip, can draw.

        Lower bound 0: idle power of a share of a chip is not stated by its maker. Upper bound:
        the nameplate, for a CPU family the largest nameplate per core of its parts times the
        cores. None where no nameplate is known.
        """
        if self.skus:
            return 0.0, cores * max(sku.tdp_w / sku.cores for sku in self.skus)
        if self.kind == "cpu" or self.tdp_w is None:
            return None
        return 0.0, self.tdp_w


@cache
def chips() -> dict[str, ChipEntry]:
    """Read the whole catalogue, by id.

    Raises:
        UserError: a file does not fit the schema or its name is not its id.
    """
    entries = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        entry = read_toml(path, ChipEntry)
        if entry.id != path.stem:
            raise UserError(f"holds id {entry.id!r}", where=str(path), expected=path.stem)
        entries[entry.id] = entry
    return entries


@lru_cache(maxsize=4096)
def rented(machine: str) -> str | None:
    """Find the processor of a cloud's type of machine, such as "c7a.large"; None if not listed."""
    entries = chips().values()
    ids = (e.id for e in entries for part in e.rented_as if re.fullmatch(part, machine))
    return next(ids, None)


def nearest(chip: str) -> str:
    """Return the id of the catalogue that a wrong one was most likely meant to be; or none."""
    return next(iter(get_close_matches(chip.lower(), chips(), n=1, cutoff=0.5)), "")


def require(chip: str, where: str) -> str:
    """Return a chip's id.

    Raises:
        UserError: it is not in the catalogue; names the nearest that is.
    """
    if chip not in chips():
        near = nearest(chip)
        raise UserError(
            f"no chip {chip!r} in the catalogue",
            where=where,
            expected=near,
            remedy="see `fenmark chips`",
        )
    return chip


def stands(part: str, tables: tuple[str, ...]) -> bool:
    """Whether a table's name begins a word with this part: "c7a." is not in "abc7a.large"."""
    pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(part)}", re.ASCII | re.IGNORECASE)
    return any(pattern.search(name) for name in tables)
