"""Which chip a machine has: by its name, else by its bus, its processor's numbers, its tables."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from results.catalog.chip_names import all_named
from results.catalog.chips_data import chips, stands

if TYPE_CHECKING:
    from results.catalog.chips_data import ChipSigns

__all__ = ["identify"]


@lru_cache(maxsize=4096)
def identify(seen: ChipSigns) -> str | None:
    """Find the catalogue's entry of a chip, None when it is not listed.

    The longest matching part of a name wins, so that "H100 PCIe" is not taken for "H100". The
    bus, the processor's numbers and the machine's tables decide, in this order, only where no
    name does.
    """
    if named := all_named(seen.name):
        return named[0]
    entries = chips().values()
    candidates = [entry for entry in entries if seen.pci in entry.pci]
    # An entry that names the machine too is the narrower one.
    numbered = [entry for entry in entries if entry.cpuid and entry.cpuid.is_of(seen)]
    candidates += sorted(numbered, key=lambda entry: not (entry.cpuid and entry.cpuid.alone))
    candidates += [
        entry for entry in entries if any(stands(part, seen.tables) for part in entry.tables)
    ]
    return candidates[0].id if candidates else None
