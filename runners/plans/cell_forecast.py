"""What a plan comes to on a machine: each cell with its estimate, or the reason it cannot run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.plans.cells import expand
from runners.plans.estimate import Estimator
from runners.plans.fitting import reason
from runners.plans.places import line_saying
from suites import models
from suites.base.errors import UserError
from suites.engines import template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runners.plans.cells import Combination
    from runners.plans.document import PlanDocument
    from runners.plans.fitting import TargetMachine

__all__ = ["Prospect", "prospects"]

# Complaints about the machine, not the plan.
_OF_THE_MACHINE = ("backend", "case")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """A cell and its chances.

    Attributes:
        reason: why it does not run on the machine, empty if it does.
        estimated_s: its wall time in s, 0 if it does not run.
    """

    cell: Combination
    reason: str
    estimated_s: float

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.cell.id,
            "reason": self.reason or None,
            "estimated_s": None if self.reason else round(self.estimated_s, 1),
            "command": self.cell.command,
            "place": self.cell.place,
        }


def prospects(document: PlanDocument, target: TargetMachine) -> Iterator[Prospect]:
    """Yield every cell of a plan, in its order.

    Raises:
        UserError: a cell asks for what nobody has: an unknown model or engine, a value a suite
            refuses. The message has its line.
    """
    estimator = Estimator(here=target.here)
    for cell in expand(document):
        _check_names(cell, document)
        why = reason(cell, target)
        seconds = 0.0
        if not why:
            try:
                seconds = estimator.seconds(cell)
            except UserError as error:
                if error.where not in _OF_THE_MACHINE:
                    name = error.where.removeprefix("--").replace("-", "_") or "option"
                    raise _placed(error, name, cell, document) from error
                why = str(error)
        yield Prospect(cell=cell, reason=why, estimated_s=seconds)


def _check_names(cell: Combination, document: PlanDocument) -> None:
    """An engine or a model nobody knows is a mistake in the plan, on every machine."""
    engine, model = cell.given.get("engine"), cell.given.get("model")
    try:
        if engine and engine != template.BUNDLED:
            template.chosen(engine)
        if model and "endpoint" not in cell.given and "weights" not in cell.given:
            models.load(model)
    except UserError as error:
        name = "engine" if error.where == "--engine" else "model"
        raise _placed(error, name, cell, document) from error


def _placed(error: UserError, name: str, cell: Combination, document: PlanDocument) -> UserError:
    """Name the line a refused value stands in."""
    line = line_saying(document.text, name, str(cell.given.get(name, "")))
    return UserError(
        f"cell {cell.id}: {name}: {error.what}",
        where=f"{document.path}:{line}" if line else cell.place,
        expected=error.expected,
        remedy=error.remedy,
    )
