"""Which chip of the catalogue a publisher means, and what an importer states in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results import catalog
from results.statement.reported import ReportedChip

if TYPE_CHECKING:
    from results.statement.reported import ReportedResult

__all__ = ["NOT_NAMED", "chip", "stated"]

# What a chip is called whose file does not say.
NOT_NAMED = "not named"


def chip(name: str | None, count: int | None, catalog_id: str | None = None) -> ReportedChip:
    """Name the chip as published, with its place in the catalogue where that is certain.

    A name that holds two of the catalogue's chips, as mixed systems do, has none.
    """
    name = name or NOT_NAMED
    ids = (catalog_id,) if catalog_id else catalog.all_named(name)
    chosen = ids[0] if len(ids) == 1 and ids[0] in catalog.chips() else None
    return ReportedChip(name=name[:256], catalog_id=chosen, count=count)


def stated(result: ReportedResult, catalog_id: str | None, count: int | None) -> ReportedResult:
    """Fill in or overrule what a file says it ran on; the result says that its importer did."""
    named, labels = result.chip, dict(result.labels)
    update: dict[str, str | int] = {}
    if catalog_id:
        name = f"{catalog.chips()[catalog_id].name}, as its importer states"
        update |= {"name": name, "catalog_id": catalog_id}
        if named.name != NOT_NAMED and named.catalog_id != catalog_id:
            labels["chip_in_file"] = named.name
    if count:
        update["count"] = count
        labels["count_stated_by"] = "importer"
        if named.count not in {None, count}:
            labels["count_in_file"] = named.count
    if not update:
        return result
    return result.model_copy(update={"chip": named.model_copy(update=update), "labels": labels})
