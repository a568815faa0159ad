"""Chips and systems: what their makers state, and which of them this machine may be."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from results.catalog.reading import Strict, read_toml
from suites.base.errors import UserError

__all__ = ["ChipEntry", "Sku", "chips", "match"]

_FOLDER = Path(__file__).parent / "chips"

_Positive = Annotated[float, Field(gt=0)]
_Text = Annotated[str, Field(min_length=1, max_length=1000)]
Dtype = Literal["f64", "f32", "tf32", "bf16", "f16", "fp8", "int8", "fp4"]


class Cpuid(Strict):
    """Processor family and models, which a hypervisor passes on where it rewrites the name."""

    vendor: Literal["AuthenticAMD", "GenuineIntel"]
    family: int
    models: list[int]


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
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    name: _Text
    vendor: _Text
    kind: Literal["gpu", "cpu", "npu", "tpu", "lpu", "wafer", "system"]
    chips: Annotated[int, Field(ge=1)] = 1
    launched: Annotated[int, Field(ge=1990, le=2100)] | None = None
    confidence: Literal["high", "medium", "low"]
    match: tuple[_Text, ...] = ()
    cpuid: Cpuid | None = None
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
    found = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        entry = read_toml(path, ChipEntry)
        if entry.id != path.stem:
            raise UserError(f"holds id {entry.id!r}", where=str(path), expected=path.stem)
        found[entry.id] = entry
    return found


@lru_cache(maxsize=4096)  # an archive names few chips, and asks for each result
def match(name: str, *, vendor: str = "", family: int = 0, model: int = 0) -> str | None:
    """Find the catalogue's entry of a chip, None when it is not listed.

    The longest matching part of a name wins, so that "H100 PCIe" is not taken for "H100".
    CPUID decides only where no name does.

    Args:
        name: as the driver or the CPU reports it.
        vendor, family, model: CPUID, for processors.
    """
    lowered = name.lower()
    named = [
        (len(part), entry.id)
        for entry in chips().values()
        for part in entry.match
        if part.lower() in lowered
    ]
    if named:
        return max(named)[1]
    for entry in chips().values():
        cpuid = entry.cpuid
        if cpuid and (cpuid.vendor, cpuid.family) == (vendor, family) and model in cpuid.models:
            return entry.id
    return None
