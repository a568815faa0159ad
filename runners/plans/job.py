"""One cell of a plan in a process of its own: `python -m runners.plans.job --spec FILE --out FILE`.

It leaves an archive of one signed result beside its spec. Killed and started again with the same
spec, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from results.archive import envelopes
from results.statement import PlanCell
from runners.options import Options
from suites.child import at_end_of_input, write_atomically
from suites.errors import UserError

__all__ = ["Job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be run.

    Attributes:
        options: of the run.
        plan: what the result says of the plan.
        limit_s: after which the cell is taken to hang.
        to: log whose challenge seeds the run, empty for none.
    """

    options: Options
    plan: PlanCell
    limit_s: float
    to: str = ""

    @property
    def id(self) -> str:
        return self.plan.cell

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "plan": self.plan.model_dump()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Job:
        return cls(
            options=Options.from_json(data["options"]),
            plan=PlanCell(**data["plan"]),
            limit_s=data["limit_s"],
            to=data["to"],
        )


def _main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--spec", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--end-with-stdin", action="store_true")
    parsed = arguments.parse_args()
    # SIGTERM unwinds like Ctrl-C, so that engines are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if parsed.end_with_stdin:
        at_end_of_input(lambda: os.kill(os.getpid(), signal.SIGTERM))
    job = Job.from_json(json.loads(parsed.spec.read_bytes()))
    archive = parsed.spec.parent / "archive"
    try:
        # A kill may have come between the signature and our end.
        measured_s = 0.0 if envelopes(archive) else _measure(job, archive)
        write_atomically(parsed.out, json.dumps({"measured_s": measured_s}).encode())
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _measure(job: Job, archive: Path) -> float:
    """Measure, and return the seconds the suites took of it."""
    from rich.console import Console

    from runners.pipeline import measure
    from runners.submit import connect

    console = Console(stderr=True, force_terminal=False)
    with connect(job.to, attempts=3) if job.to else nullcontext() as log:
        challenge = log.challenge_or_none(console) if log else None
    outcome = measure(
        job.options, archive, resume=True, console=console, challenge=challenge, plan=job.plan
    )
    return sum(outcome.stage_s.values())


if __name__ == "__main__":
    _main()
