"""The raw samples of a run: one file that holds all of them, and every figure they give.

The suites' own summaries make the figures, when a run ends and whenever a reader asks again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from suites.meters.windows import MeteredCell, energy_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from suites.base.records import CellResult, Row
    from suites.meters.windows import EnergyWindow

__all__ = ["KeptCell", "RunCell", "raw_samples", "rows_of"]


class RunCell(MeteredCell, Protocol):
    """A measured cell of a run."""

    @property
    def suite(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCell:
    """A cell as a file of raw samples holds it.

    Attributes:
        metered: the file says what meters saw; those of the first versions did not.
    """

    name: str
    suite: str
    result: CellResult
    energy: tuple[EnergyWindow, ...] = ()
    meters: tuple[dict[str, Any], ...] = field(default=())
    metered: bool = True


def rows_of(cells: Sequence[RunCell]) -> list[Row]:
    """Sum up every suite's cells, the questions asked in them, and their windows' energy; pure.

    Raises:
        KeyError: there is no such suite.
    """
    # A reader of statements alone needs no suite: HTTP clients and meters come with them.
    from suites import inference, kernels, quality, serving

    summaries: Mapping[str, Callable[[Sequence[CellResult]], list[Row]]] = {
        "kernels": kernels.summarize,
        "inference": inference.summarize,
        "serving": serving.summarize,
    }
    by_suite: dict[str, list[CellResult]] = {}
    for cell in cells:
        by_suite.setdefault(cell.suite, []).append(cell.result)
    rows = [row for suite, results in by_suite.items() for row in summaries[suite](results)]
    return rows + quality.summarize([cell.result for cell in cells]) + energy_rows(cells)


def raw_samples(cells: Sequence[RunCell]) -> bytes:
    """Return every sample of every process as canonical JSON: the evidence, and its digest."""
    evidence = {
        cell.name: {
            **asdict(cell.result),
            "suite": cell.suite,
            "energy": [asdict(window) for window in cell.energy],
            "meters": list(cell.meters),
        }
        for cell in cells
    }
    return json.dumps(evidence, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
