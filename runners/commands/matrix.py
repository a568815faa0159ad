"""`fenmark matrix`: a plan and an inventory of runners as the matrix of a GitHub Actions job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from runners.machine.inventory import Machines

__all__ = ["matrix"]


def matrix(
    inventory: Annotated[Path, typer.Option(help="TOML of runner labels, chip and count.")],
    plan: Annotated[
        str | None,
        typer.Option(help="Plan file or ready plan; without one, a run for each kind of machine."),
    ] = None,
    *,
    ephemeral: Annotated[
        bool, typer.Option(help="Refuse self-hosted machines without the label `ephemeral`.")
    ] = False,
) -> None:
    """Print the matrix as JSON on one line: one job for each machine of the inventory.

    Example: fenmark matrix --plan .github/nightly.toml --inventory .github/runners.toml
    """
    from runners.ci.matrix import matrix as jobs
    from runners.machine import inventory as machines
    from suites.base.terminal import print_json

    kinds = machines.read(inventory)
    if ephemeral:
        machines.require_ephemeral(kinds, str(inventory))
    cells = _runnable(plan, kinds) if plan else None
    print_json(jobs(plan, kinds, cells))


def _runnable(plan: str, kinds: list[Machines]) -> dict[str, int]:
    """Count the cells each kind of machine can run; it may still lack an engine."""
    from runners.plans.cell_forecast import prospects
    from runners.plans.document import read
    from runners.plans.fitting import TargetMachine

    document = read(plan)
    counts = {}
    for kind in kinds:
        target = TargetMachine.of_kind(kind.chip, kind.chips)
        counts[kind.name] = sum(not prospect.reason for prospect in prospects(document, target))
    return counts
