"""The unfinished run: what is measured already lies here, so that a kill costs one cell at most."""

from __future__ import annotations

import json
import shutil
import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from results.service.challenge import Challenge
from results.statement.statement import PlanCell
from runners.options.options import RunOptions
from suites.base.errors import UserError
from suites.base.files import write_atomically
from suites.base.locks import held
from suites.base.records import CellResult
from suites.meters.windows import EnergyWindow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FinishedCell", "Started", "Workspace", "utc_now"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedCell:
    """A measured cell with what the runner saw around it.

    Attributes:
        wall_s: of the cell, with the probe of the machine after it.
    """

    name: str
    suite: str
    result: CellResult
    energy: tuple[EnergyWindow, ...]
    meters: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]
    wall_s: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FinishedCell:
        return cls(
            **{
                **data,
                "result": CellResult.from_json(data["result"]),
                "energy": tuple(EnergyWindow(**window) for window in data["energy"]),
                "meters": tuple(data["meters"]),
                "warnings": tuple(data["warnings"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Identity of a run, fixed when it begins so that a resumed run is the same run.

    Attributes:
        reproduces: digest of the result this run repeats.
        plan: the plan it is a cell of.
    """

    run_id: str
    started_at: str
    suite_version: str
    options: RunOptions
    challenge: Challenge | None = None
    reproduces: str | None = None
    plan: PlanCell | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "plan": self.plan and self.plan.model_dump()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Started:
        read = {
            "options": RunOptions.from_json(data["options"]),
            "challenge": data["challenge"] and Challenge(**data["challenge"]),
            "plan": data["plan"] and PlanCell(**data["plan"]),
        }
        return cls(**{**data, **read})


@dataclass(frozen=True, slots=True)
class Workspace:
    """`DIR/.work`: one unfinished run at a time.

    Attributes:
        out: DIR, the archive the run will be added to.
    """

    out: Path

    @property
    def home(self) -> Path:
        return self.out / ".work"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second run out of this folder.

        Raises:
            UserError: the folder cannot be written.
            CheckError: another run holds it.
        """
        with held(self.out, busy="another run is writing here"):
            self.home.mkdir(exist_ok=True)
            yield

    def begin(
        self,
        options: RunOptions,
        suite_version: str,
        *,
        challenge: Challenge | None = None,
        reproduces: str | None = None,
        plan: PlanCell | None = None,
    ) -> Started:
        """Discard what lies here and begin a new run."""
        shutil.rmtree(self.home)
        (self.home / "cells").mkdir(parents=True)
        started = Started(
            run_id=str(uuid.uuid4()),
            started_at=utc_now(),
            suite_version=suite_version,
            options=options,
            challenge=challenge,
            reproduces=reproduces,
            plan=plan,
        )
        write_atomically(self._run_file, _encode(started.to_json()))
        return started

    def unfinished(self) -> Started | None:
        """Return the run that was interrupted here, None when there is none."""
        if not self._run_file.is_file():
            return None
        return Started.from_json(self._read(self._run_file))

    def finished(self, name: str) -> FinishedCell | None:
        """Return a cell measured before the interruption, None when it must run."""
        path = self._cell_file(name)
        return FinishedCell.from_json(self._read(path)) if path.is_file() else None

    def keep(self, cell: FinishedCell) -> None:
        """Store a measured cell durably."""
        write_atomically(self._cell_file(cell.name), _encode(cell.to_json()))

    def keep_statement(self, payload: bytes) -> bytes:
        """Store the statement before it is signed, or return the one stored before a kill.

        Signing the same bytes again gives the same envelope, so that a run killed between
        signing and clean-up is added to the log once.
        """
        path = self.home / "statement.json"
        if not path.is_file():
            write_atomically(path, payload)
        return path.read_bytes()

    def clear(self) -> None:
        """Forget the run: its result is signed and logged."""
        # The run file goes first: without it, what is left is rubbish rather than a run.
        self._run_file.unlink(missing_ok=True)
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def _run_file(self) -> Path:
        return self.home / "run.json"

    def _cell_file(self, name: str) -> Path:
        return self.home / "cells" / f"{name}.json"

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        try:
            data: dict[str, Any] = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UserError(
                f"cannot be read: {error}",
                where=str(path),
                expected="a file this version wrote",
                remedy="run without --resume to begin anew",
            ) from error
        return data


def utc_now() -> str:
    """Return the time in UTC as a statement has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _encode(data: dict[str, Any]) -> bytes:
    return json.dumps(data, allow_nan=False).encode() + b"\n"
