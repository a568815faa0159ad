"""`fenmark matrix`: a plan and an inventory of runners as the matrix of a GitHub Actions job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["matrix"]


def matrix(
    inventory: Annotated[Path, typer.Option(help="TOML of runner labels, chip and count.")],
    plan: Annotated[
        Path | None, typer.Option(help="Plan file; without one, a run for each kind of machine.")
    ] = None,
) -> None:
    """Print the matrix as JSON on one line: one job for each machine of the inventory.

    Example: fenmark matrix --plan .github/nightly.toml --inventory .github/runners.toml
    """
    import json

    from runners import inventory as machines
    from runners.matrix import matrix as jobs
    from suites.errors import UserError

    if plan and not plan.is_file():
        raise UserError("is no file", where=str(plan), expected="a plan")
    print(json.dumps(jobs(str(plan) if plan else None, machines.read(inventory))))
