"""A plan and an inventory as the matrix of a GitHub Actions job: one job a machine. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runners.machine.inventory import Machines

__all__ = ["matrix"]

# GitHub refuses a larger one.
_MOST_JOBS = 256


def matrix(
    plan: str | None, machines: Sequence[Machines], cells: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return `{"include": [...]}`: the plan for each kind of machine, in shards.

    A kind of `count` machines gets so many shards, each a job of its own; never more than it can
    run cells, none where it can run no cell, and a single job where there is no plan.

    Args:
        cells: of the plan that a kind of machine can run, by its name.

    Raises:
        UserError: there are more jobs than GitHub takes, or none.
    """
    include = [
        {
            "name": machine.name if shards == 1 else f"{machine.name} {shard}/{shards}",
            "labels": list(machine.labels),
            "chip": machine.chip,
            "chips": machine.chips,
            "plan": plan or "",
            "shard": f"{shard}/{shards}",
            "timeout_minutes": machine.timeout_minutes,
        }
        for machine in machines
        for shards in [
            min(machine.count, (cells or {}).get(machine.name, machine.count)) if plan else 1
        ]
        for shard in range(1, shards + 1)
    ]
    if len(include) > _MOST_JOBS:
        raise UserError(
            f"{len(include)} jobs", where="--inventory", expected=f"at most {_MOST_JOBS}"
        )
    if not include:
        raise UserError(
            "no machine of the inventory can run a cell of it",
            where=f"--plan {plan}",
            remedy="`fenmark plan list --chip ID` says why",
        )
    return {"include": include}
