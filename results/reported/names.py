"""Which chip of the catalogue a publisher means."""

from __future__ import annotations

import re

from results import catalog
from results.statement.reported import ReportedChip

__all__ = ["NOT_NAMED", "chip", "stated"]

# What a chip is called whose file does not say.
NOT_NAMED = "not named"

# Names publishers use that no driver reports. A bare "H100" is not decided here: it may be SXM,
# PCIe or NVL, and an importer says which where its publisher does.
_PATTERNS = (
    (r"H100-SXM-80GB|^h100_sxm", "h100-sxm"),
    (r"H100-PCIe-80GB", "h100-pcie"),
    (r"H100-NVL-94GB", "h100-nvl"),
    (r"H200-NVL-141GB", "h200-nvl"),
    (r"GH200.*96GB", "gh200"),
    (r"GH200.*144GB", "gh200-144gb"),
    (r"H200-SXM-141GB|NVIDIA H200$|^h200_sxm", "h200-sxm"),
    (r"B200-SXM-180GB|NVIDIA B200$|^b200_sxm", "b200-sxm"),
    (r"NVIDIA GB200$|^gb200$", "gb200"),
    (r"NVIDIA GB300$|^gb300$", "gb300"),
    (r"MI300X", "instinct-mi300x"),
    (r"MI325X", "instinct-mi325x"),
    (r"MI355X", "instinct-mi355x"),
    (r"NVIDIA L40S$|^l40s$", "l40s"),
    (r"A100-SXM4-80GB", "a100-80gb-sxm"),
    (r"A100_40_SXM", "a100-40gb-sxm"),
    (r"H100 80GB HBM3", "h100-sxm"),
    (r"GeForce RTX 4090$", "rtx-4090"),
    (r"RTX PRO 6000 Blackwell", "rtx-pro-6000-blackwell"),
    (r"^metax C550$", "metax-c550"),
    (r"^iluvatar BI150$", "iluvatar-bi-v150"),
)


def chip(name: str | None, count: int | None, catalog_id: str | None = None) -> ReportedChip:
    """Name the chip as published, with its place in the catalogue where that is certain.

    A name that holds two of the catalogue's chips, as mixed systems do, has none.
    """
    name = name or NOT_NAMED
    found = {entry for pattern, entry in _PATTERNS if re.search(pattern, name, re.IGNORECASE)}
    chosen = catalog_id or (found.pop() if len(found) == 1 else None)
    if chosen not in catalog.chips():
        chosen = None
    return ReportedChip(name=name, catalog_id=chosen, count=count)


def stated(found: ReportedChip, catalog_id: str | None, count: int | None) -> ReportedChip:
    """Fill in what a file left open by what its importer states; what it says is kept."""
    if catalog_id and found.name == NOT_NAMED:
        name = f"{catalog.chips()[catalog_id].name}, as its importer states"
        found = found.model_copy(update={"name": name, "catalog_id": catalog_id})
    return found.model_copy(update={"count": found.count or count})
