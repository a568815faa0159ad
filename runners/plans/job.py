"""One cell of a plan in a process of its own: `python -m runners.plans.job --spec FILE --out FILE`.

It leaves an archive of one signed result where its spec says. Killed and started again with the
same spec, it goes on where it was.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from results.archive.archive import envelopes
from results.statement.statement import PlanCell
from runners.options.options import RunOptions
from suites.base import child

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

    options: RunOptions
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
            options=RunOptions.from_json(data["options"]),
            plan=PlanCell(**data["plan"]),
            limit_s=data["limit_s"],
            to=data["to"],
        )


@dataclass(frozen=True, slots=True)
class _Done:
    """What the child answers: the seconds the suites took; 0 where the result lay there already."""

    measured_s: float

    def to_json(self) -> dict[str, float]:
        return {"measured_s": self.measured_s}


def _work(spec: dict[str, Any]) -> _Done:
    """Run the job, unless a kill came between its signature and its end."""
    from runners.measure.pipeline import measure
    from runners.submit.submit import connect
    from suites.base.terminal import Terminal

    job, archive = Job.from_json(spec), Path(spec["archive"])
    if envelopes(archive):
        return _Done(0.0)
    terminal = Terminal(stderr=True, force_terminal=False)
    with connect(job.to, attempts=3) if job.to else nullcontext() as log:
        challenge = log.challenge_or_none(terminal) if log else None
    outcome = measure(
        job.options, archive, resume=True, terminal=terminal, challenge=challenge, plan=job.plan
    )
    return _Done(sum(outcome.stage_s.values()))


if __name__ == "__main__":
    child.main(_work)
