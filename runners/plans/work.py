"""Cells at work on this machine: one process each, in a folder of its own, one after the other."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from results.archive.archive import envelopes
from results.archive.bundle import pack
from runners.measure import children
from suites.base.errors import UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from results.archive.bundle import Bundle
    from runners.plans.job import Job

__all__ = ["Ended", "Here", "How", "JobHosts", "folder_of", "run_job"]

How = Literal["finished", "failed", "time", "refused", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of a job.

    Attributes:
        how: "failed": the work failed; "time": it hung; "refused": its input is bad; "lost": its
            host has gone.
        parcel: the signed result, None unless finished.
        reason: why not, in a line.
        host: where it ran.
        wall_s: of the whole process; what of it the suites took is `measured_s`.
    """

    job: Job
    how: How
    parcel: Bundle | None = None
    reason: str = ""
    host: str = ""
    wall_s: float = 0.0
    measured_s: float = 0.0


class JobHosts(Protocol):
    """Hosts that take jobs."""

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""

    def takes(self, job: Job) -> bool:
        """Whether a host that can run this job is free."""

    def start(self, job: Job) -> None:
        """Begin a job that is taken."""

    def wait(self) -> Ended:
        """Wait for the next job to end."""

    def forget(self, job: Job) -> None:
        """Clear a job whose result is safe."""


class Here:
    """This machine: one job at a time, so that none disturbs another."""

    def __init__(self, home: Path) -> None:
        """Keep each job's folder below `home`."""
        self._home = home
        self._job: Job | None = None

    @property
    def busy(self) -> bool:
        return self._job is not None

    def takes(self, _: Job) -> bool:
        return self._job is None

    def start(self, job: Job) -> None:
        self._job = job

    def wait(self) -> Ended:
        assert self._job
        job, self._job = self._job, None
        return run_job(job, self._home)

    def forget(self, job: Job) -> None:
        shutil.rmtree(folder_of(self._home, job.id), ignore_errors=True)


def folder_of(home: Path, cell: str) -> Path:
    """Name the folder of a cell: ids hold characters that a file system may not take."""
    return home / hashlib.sha256(cell.encode()).hexdigest()[:16]


def run_job(job: Job, home: Path) -> Ended:
    """Run a job in its folder below `home`, or go on with it, and pack its result.

    Raises:
        UserError: the folder cannot be written.
    """
    folder = folder_of(home, job.id)
    spec, out, log = folder / "job.json", folder / "out.json", folder / "log"
    results = folder / "archive"
    wanted = json.dumps({**job.to_json(), "archive": str(results)}).encode()
    try:
        if not spec.is_file() or spec.read_bytes() != wanted:
            # Another plan's, or half begun: nothing here that this job could go on with.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            write_atomically(spec, wanted)
    except OSError as error:
        raise UserError(f"cannot write here: {error.strerror}", where=str(folder)) from error
    command = [sys.executable, "-m", "runners.plans.job", "--spec", str(spec), "--out", str(out)]
    began = time.monotonic()
    ended = children.run(command, log, job.limit_s, lambda _: None)
    wall_s = time.monotonic() - began
    if ended.too_long:
        reason = f"did not end within {job.limit_s:.0f} s and was stopped; log: {ended.tail()}"
        return Ended(job=job, how="time", reason=reason, wall_s=wall_s)
    if ended.code:
        how: How = "refused" if ended.code == UserError.exit_code else "failed"
        reason = ended.tail(lines=1) if ended.code > 0 else f"was killed by signal {-ended.code}"
        return Ended(job=job, how=how, reason=reason, wall_s=wall_s)
    [path] = envelopes(results)
    measured_s = json.loads(out.read_bytes())["measured_s"]
    return Ended(job=job, how="finished", parcel=pack(path), wall_s=wall_s, measured_s=measured_s)
