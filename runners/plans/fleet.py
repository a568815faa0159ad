"""Cells on the hosts of a Ray cluster: one at a time on each, begun elsewhere if a host goes.

Two cells on one host would share its CPU, its memory and its power supply, and neither figure
would be worth signing: so a host takes one, however many chips it holds.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.machine import keys
from runners.plans.cell_forecast import Prospect, prospects
from runners.plans.document import PlanDocument, SweepPlan
from runners.plans.fitting import TargetMachine
from runners.plans.work import Ended, folder_of, run_job
from suites.base.errors import CheckError, UserError
from suites.base.ray_nodes import NodeLostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runners.plans.job import Job
    from runners.plans.work import How
    from suites.base.ray_nodes import Cluster, Node

__all__ = ["Fleet"]

# Interpreter and libraries of a first call on a node, which may lie on a slow shared disk.
_ANSWER_S = 120.0
_POLL_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Host:
    """A node, and the reasons it has against cells, by id."""

    node: Node
    against: dict[str, str]


class Fleet:
    """Hosts of a connected cluster as workers of one plan."""

    def __init__(self, cluster: Cluster, document: PlanDocument, tag: str = "") -> None:
        """Ask every host with the tag what it can run.

        Raises:
            UserError: no host has the tag, or Fenmark is missing or different on one.
            CheckError: a host does not answer.
        """
        self._cluster = cluster
        nodes = cluster.nodes(tag)
        questions = [
            cluster.on(node, _prospects, max_retries=0).remote(
                str(document.path), document.text, document.plan.model_dump()
            )
            for node in nodes
        ]
        answers: list[list[Prospect]] = cluster.get(questions, within_s=_ANSWER_S)
        self._hosts = {
            node.id: _Host(
                node=node, against={prospect.cell.id: prospect.reason for prospect in answer}
            )
            for node, answer in zip(nodes, answers, strict=True)
        }
        self.prospects = [_best(of_one) for of_one in zip(*answers, strict=True)]
        self._running: dict[Any, tuple[Job, _Host]] = {}

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def takes(self, job: Job) -> bool:
        """Whether a host that can run this job is free."""
        return self._free_for(job) is not None

    def start(self, job: Job) -> None:
        host = self._free_for(job)
        assert host is not None
        remote = self._cluster.on(host.node, _work, max_retries=0)
        self._running[remote.remote(job)] = (job, host)

    def wait(self) -> Ended:
        reference = None
        while reference is None:
            reference = self._cluster.first(list(self._running), within_s=_POLL_S)
        job, host = self._running.pop(reference)
        try:
            ended: Ended = self._cluster.get([reference], within_s=_ANSWER_S)[0]
        except NodeLostError as error:
            self._hosts.pop(host.node.id, None)
            if not self._hosts:
                raise CheckError(
                    "no host of it is left", where="--fleet", remedy="--resume goes on later"
                ) from error
            return Ended(job=job, how="lost", reason=str(error), host=host.node.host)
        except UserError as error:
            how: How = "failed" if isinstance(error, CheckError) else "refused"
            return Ended(job=job, how=how, reason=str(error), host=host.node.host)
        return replace(ended, host=host.node.host)

    def forget(self, job: Job) -> None:
        """Nothing: a host clears a cell's folder when it has sent the result."""

    def _free_for(self, job: Job) -> _Host | None:
        taken = {host.node.id for _, host in self._running.values()}
        return next(
            (
                host
                for id_, host in self._hosts.items()
                if id_ not in taken and not host.against[job.id]
            ),
            None,
        )


def _best(of_one: Sequence[Prospect]) -> Prospect:
    """Take the view of the first host that can run a cell, else of the first."""
    return next((prospect for prospect in of_one if not prospect.reason), of_one[0])


def _prospects(path: str, text: str, plan: dict[str, Any]) -> list[Prospect]:
    """On a host: what it can run of a plan. Files the plan names must lie there as here."""
    document = PlanDocument(path=Path(path), text=text, plan=SweepPlan.model_validate(plan))
    return list(prospects(document, TargetMachine.this_machine()))


def _work(job: Job) -> Ended:
    """On a host: run a job, signed with the host's own key."""
    home = keys.default_path().parent / "fleet" / job.plan.sha256[:16]
    ended = run_job(job, home)
    if ended.parcel:
        shutil.rmtree(folder_of(home, job.id), ignore_errors=True)
    return ended
