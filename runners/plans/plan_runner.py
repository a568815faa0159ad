"""Run a plan: every cell once, each finished one kept whatever becomes of the others."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.archive import archive
from results.archive.bundle import gather, pack
from results.statement.statement import PlanCell
from runners.ci import actions
from runners.machine import keys
from runners.measure.execute import time_limit_s
from runners.plans.job import Job
from runners.plans.progress import CellState, Progress
from runners.plans.work import Ended
from suites.base.errors import UserError
from suites.base.locks import held

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from runners.plans.cell_forecast import Prospect
    from runners.plans.cells import PlanShard
    from runners.plans.document import PlanDocument
    from runners.plans.work import JobHosts
    from runners.submit.submit import LogClient

__all__ = ["HOME", "run_plan"]

# Below the archive: the folders of cells under way.
HOME = ".plan"
_NOBODY = "no host is left that can run it"


@dataclass(slots=True, kw_only=True)
class _Drive:
    """A plan under way.

    Attributes:
        lost: cells whose host went away under them; each may be begun anew once.
    """

    document: PlanDocument
    out: Path
    workers: JobHosts
    log: LogClient | None
    progress: Progress
    tell: Callable[[Progress, CellState], None]
    places: dict[str, str]
    lost: set[str]

    def take(self, ended: Ended) -> bool:
        """Keep what a job left; return whether it is to be tried again."""
        cell = self.progress.cells[ended.job.id]
        cell.host, cell.wall_s = ended.host or None, round(ended.wall_s, 2)
        if ended.parcel:
            gather(self.out, [ended.parcel], keys.load_or_create().log_signer)
            self.workers.forget(ended.job)
            cell.state, cell.digest, cell.reason = "finished", ended.parcel.digest, None
            cell.overhead_s = round(ended.wall_s - ended.measured_s, 2)
            self._submit(cell)
            return False
        cell.state, cell.reason = "failed", ended.reason
        again = self._again(ended, cell)
        if not again:
            actions.annotate("error", f"{cell.id}: {ended.reason}", place=self.places[cell.id])
        return again

    def _submit(self, cell: CellState) -> None:
        """Send a result at once: its challenge is good for a day, and plans may take longer."""
        if self.log is None:
            return
        try:
            self.log.submit(self.out / f"{cell.digest}{archive.SUFFIX}")
            cell.submitted = True
        except UserError as error:
            cell.submitted, cell.reason = False, f"measured, but not submitted: {error}"

    def _again(self, ended: Ended, cell: CellState) -> bool:
        retry = self.document.plan.retry
        if ended.how == "lost":
            first = cell.id not in self.lost
            self.lost.add(cell.id)
            return first
        return ended.how in retry.after and cell.attempts <= retry.times


def run_plan(
    document: PlanDocument,
    prospects: Sequence[Prospect],
    out: Path,
    workers: JobHosts,
    *,
    shard: PlanShard,
    resume: bool,
    tell: Callable[[Progress, CellState], None],
    log: LogClient | None = None,
) -> Progress:
    """Run the cells of a shard that can run, and add their results to the archive `out`.

    Killed at any moment and called again with `resume`, it goes on: a cell is finished once its
    result is in the archive, which says so itself, and not before.

    Args:
        prospects: of the shard.
        workers: take the cells.
        tell: called whenever a cell changes its state.
        log: its challenges seed the runs, and it gets each result as it is finished.

    Raises:
        UserError: `out` cannot be written, or holds cells of this plan and `resume` is not set.
        CheckError: somebody else runs a plan there.
    """
    with held(out, name=".plan-lock", busy="another plan is running here"):
        _gather_left_behind(out)
        mine = {prospect.cell.id for prospect in prospects}
        done = {id_: digest for id_, digest in _finished(document, out).items() if id_ in mine}
        if done and not resume:
            raise UserError(
                f"{len(done)} cells of plan {document.plan.name!r} are finished there",
                where=str(out),
                remedy="--resume goes on with the others; another --out measures all anew",
            )
        progress = Progress(
            document=document, shard=f"{shard.number}/{shard.of}", path=out / "plan.json"
        )
        progress.cells = {prospect.cell.id: _begin(prospect, done) for prospect in prospects}
        drive = _Drive(
            document=document,
            out=out,
            workers=workers,
            log=log,
            progress=progress,
            tell=tell,
            places={prospect.cell.id: prospect.cell.place for prospect in prospects},
            lost=set(),
        )
        waiting = [
            prospect
            for prospect in prospects
            if progress.cells[prospect.cell.id].state == "waiting"
        ]
        _run(drive, [_job(document, prospect, log) for prospect in waiting])
        with suppress(OSError):  # a failed cell's log is left for readers who want to know why
            (out / HOME).rmdir()
    return progress


def _run(drive: _Drive, jobs: list[Job]) -> None:
    workers, progress = drive.workers, drive.progress
    progress.save()
    while jobs or workers.busy:
        while job := next(filter(workers.takes, jobs), None):
            jobs.remove(job)
            cell = progress.cells[job.id]
            cell.state, cell.attempts = "running", cell.attempts + 1
            drive.tell(progress, cell)
            workers.start(job)
        # Nobody works and nobody takes what is left: its hosts have gone.
        gone = Ended(job=jobs.pop(0), how="refused", reason=_NOBODY) if not workers.busy else None
        ended = gone or workers.wait()
        again = drive.take(ended)
        drive.tell(progress, progress.cells[ended.job.id])
        progress.save()
        if again:
            jobs.append(ended.job)


def _begin(prospect: Prospect, done: dict[str, str]) -> CellState:
    if digest := done.get(prospect.cell.id):
        return CellState(id=prospect.cell.id, state="finished", digest=digest)
    if prospect.reason:
        return CellState(id=prospect.cell.id, state="pruned", reason=prospect.reason)
    return CellState(
        id=prospect.cell.id, state="waiting", estimated_s=round(prospect.estimated_s, 1)
    )


def _job(document: PlanDocument, prospect: Prospect, log: LogClient | None) -> Job:
    minutes = document.plan.cell_minutes
    return Job(
        options=prospect.cell.options(),
        plan=PlanCell(name=document.plan.name, sha256=document.sha256, cell=prospect.cell.id),
        limit_s=minutes * 60 if minutes else time_limit_s(prospect.estimated_s),
        to=log.url if log else "",
    )


def _finished(document: PlanDocument, out: Path) -> dict[str, str]:
    """Find the cells of a plan in an archive: id → digest."""
    digests = {}
    for path in archive.envelopes(out):
        opened = archive.open_result(path)
        plan = opened.predicate.run.plan
        # By name and not by the file's digest: a plan may grow, and a cell's id holds its options.
        if plan and plan.name == document.plan.name:
            digests[plan.cell] = opened.digest
    return digests


def _gather_left_behind(out: Path) -> None:
    """Take in results that were signed when a kill came, but not yet carried over."""
    for folder in (out / HOME).glob("*/"):
        for path in archive.envelopes(folder / "archive"):
            gather(out, [pack(path)], keys.load_or_create().log_signer)
            shutil.rmtree(folder, ignore_errors=True)
