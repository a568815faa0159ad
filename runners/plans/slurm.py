"""A plan as an array job of Slurm: a script whose tasks are the plan's shards."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from suites.base.errors import UserError
from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runners.plans.cell_forecast import Prospect
    from runners.plans.document import PlanDocument

__all__ = ["script"]


def script(
    document: PlanDocument,
    cells: Sequence[Prospect],
    *,
    out: Path,
    tasks: int,
    options: Sequence[str],
    given: Sequence[str],
) -> str:
    """Write the script: one task a shard, each with a node to itself and an archive of its own.

    A task that Slurm kills or puts back into its queue goes on where it was.

    Args:
        out: folder on a file system all nodes share; shard n writes `out/shard-n`.
        tasks: shards.
        options: of sbatch, such as `--partition=gpu`; they stand last and win.
        given: `option=value` for every cell.

    Raises:
        UserError: there is nothing to run, an option is none, or a line would not print.
    """
    runnable = [prospect for prospect in cells if not prospect.reason]
    if not runnable:
        raise UserError("no cell of it runs there", where=str(document.path), remedy="--chip")
    for option in options:
        if not option.startswith("-"):
            raise UserError(
                f"{option!r} is not an option of sbatch",
                where="--sbatch",
                expected="--partition=gpu",
            )
    tasks = min(tasks, len(cells))
    # Twice the estimate of the longest shard, and ten minutes for the engines' images and weights.
    longest_s = max(
        sum(prospect.estimated_s for prospect in runnable if prospect.cell.number % tasks == shard)
        for shard in range(tasks)
    )
    minutes = 10 + round(2 * longest_s / 60)
    folder = out.absolute()
    quoted = shlex.quote(str(folder))
    run = ["fenmark", "plan", "run", str(document.path.absolute()), "--resume"]
    for setting in given:
        run += ["--set", setting]
    lines = [
        "#!/bin/bash",
        f"#SBATCH --job-name=fenmark-{document.plan.name}",
        f"#SBATCH --array=1-{tasks}",
        "#SBATCH --nodes=1",
        "#SBATCH --exclusive",
        "#SBATCH --requeue",
        f"#SBATCH --time={minutes}",
        f"#SBATCH --output={folder}/slurm-%A-%a.log",
        *(f"#SBATCH {option}" for option in options),
        "set -euo pipefail",
        f"{shlex.join(run)} \\",
        f'  --shard "$SLURM_ARRAY_TASK_ID/{tasks}" \\',
        f'  --out {quoted}/shard-"$SLURM_ARRAY_TASK_ID"',
        "",
        "# When all have ended:",
        f"#   fenmark plan gather {quoted}/shard-* --out {quoted}/all",
    ]
    for line in lines:
        if line != printable(line, None):
            raise UserError(
                f"{line!r} holds characters that do not print",
                where=str(document.path),
                remedy="name files and options without them",
            )
    return "\n".join(lines) + "\n"
