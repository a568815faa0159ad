"""Where a plan stands: `plan.json` for scripts, rewritten whole after every cell."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from suites.base.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from runners.plans.document import PlanDocument

__all__ = ["CellState", "Progress"]

CellStage = Literal["waiting", "running", "finished", "failed", "pruned"]


@dataclass(slots=True, kw_only=True)
class CellState:
    """One cell of this shard.

    Attributes:
        digest: of its signed result.
        submitted: the log it was measured for has taken it; None where there is none.
        attempts: processes started for it in this call.
        reason: why it was pruned or failed.
        overhead_s: wall time less what the suites took of it.
    """

    id: str
    state: CellStage
    estimated_s: float | None = None
    digest: str | None = None
    submitted: bool | None = None
    attempts: int = 0
    reason: str | None = None
    host: str | None = None
    wall_s: float | None = None
    overhead_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Progress:
    """All cells of this shard, by id, in the plan's order."""

    document: PlanDocument
    shard: str
    path: Path
    cells: dict[str, CellState] = field(default_factory=dict)

    def count(self, state: CellStage) -> int:
        return sum(cell.state == state for cell in self.cells.values())

    def save(self) -> None:
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        write_atomically(self.path, text.encode())

    def to_json(self) -> dict[str, Any]:
        return {
            "plan": self.document.plan.name,
            "sha256": self.document.sha256,
            "shard": self.shard,
            "cells": [asdict(cell) for cell in self.cells.values()],
        }
