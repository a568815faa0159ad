"""Chips as the pages show them: the catalogue's facts, or the bare name of an unlisted one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leaderboard.figures import Result

__all__ = ["ChipView", "Fact", "views"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One published value and where it was read."""

    name: str
    value: str
    unit: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipView:
    """What a chip page says before any result.

    Attributes:
        listed: stands in the catalogue.
        peak: (dtype, value, unit) of the densest published arithmetic, for the index.
        results: how many signed results there are.
    """

    id: str
    name: str
    vendor: str
    listed: bool
    results: int
    memory_gb: float | None = None
    memory_kind: str = ""
    bandwidth_gbs: float | None = None
    peak: tuple[str, float, str] | None = None
    tdp_w: float | None = None
    facts: tuple[Fact, ...] = ()


def views(results: Iterable[Result]) -> dict[str, ChipView]:
    """Return every chip of the catalogue and every unlisted one that was measured, by id."""
    out = {}
    for r in results:
        out[r.chip_id] = ChipView(
            id=r.chip_id, name=r.predicate.machine.chip.name, vendor="", listed=False, results=1
        )
    return out
