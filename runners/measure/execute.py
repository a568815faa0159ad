"""Run cells: one child process each, watched by energy meters and probes, kept when finished."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import psutil

from runners.measure import children
from runners.measure.workspace import FinishedCell, Workspace
from suites.base.errors import CheckError, UserError
from suites.base.probe import DRIFT_LIMIT, Probe, drift, probe
from suites.base.records import CellResult, CellSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from runners.measure.children import Event
    from runners.measure.run_meters import Gauge

__all__ = ["run_cells", "time_limit_s"]

# A share of stolen CPU time above this says the hypervisor gave our cores to somebody else.
_STEAL_LIMIT = 0.02
# A cell may take ten times its estimate on a slow machine; beyond that it hangs.
_SLOWNESS_LIMIT = 10
_SLOWNESS_FLOOR_S = 300


def time_limit_s(estimated_s: float) -> float:
    """Return after how long work is taken to hang."""
    return max(_SLOWNESS_FLOOR_S, _SLOWNESS_LIMIT * estimated_s)


def run_cells(
    cells: Sequence[CellSpec],
    workspace: Workspace,
    gauge: Gauge,
    on_event: Callable[[CellSpec, Event], None],
) -> list[FinishedCell]:
    """Run the cells that are not finished yet, in order, and return all of them.

    Args:
        cells: as `runners.options.options.expand` gives them.
        workspace: holds finished cells; a cell is stored before the next one starts.
        gauge: records energy while a cell runs.
        on_event: called with a child's progress and notes, and with "finished" or "kept".

    Raises:
        UserError: a cell refused its input.
        CheckError: a cell crashed or hung; the message holds the last lines of its log.
    """
    done = []
    surroundings = None
    for cell in cells:
        finished = workspace.finished(cell.name)
        if finished is None:
            # What was seen after a cell is what lies before the next.
            before = surroundings or _Surroundings.now()
            finished, surroundings = _run_cell(
                cell, workspace, gauge, partial(on_event, cell), before
            )
            workspace.keep(finished)
            on_event(cell, {"event": "finished", "wall_s": finished.wall_s})
        else:
            on_event(cell, {"event": "kept"})
        done.append(finished)
    return done


def _run_cell(
    cell: CellSpec,
    workspace: Workspace,
    gauge: Gauge,
    on_event: Callable[[Event], None],
    before: _Surroundings,
) -> tuple[FinishedCell, _Surroundings]:
    spec = workspace.home / f"{cell.name}.spec.json"
    out = workspace.home / f"{cell.name}.out.json"
    spec.write_text(json.dumps(cell.spec))
    with gauge.recording():
        _run_child(cell, spec, out, workspace.home / f"{cell.name}.log", on_event)
        result = CellResult.from_json(json.loads(out.read_bytes()))
        energy = gauge.windows(result)
        result = gauge.beside(result)
    after = _Surroundings.now()
    changed = drift(before.probe, after.probe)
    if changed > DRIFT_LIMIT:
        # With the samples, since a summary widens its intervals by it.
        result = replace(result, facts={**result.facts, "speed_change": changed})
    finished = FinishedCell(
        name=cell.name,
        suite=cell.suite,
        result=result,
        energy=energy,
        meters=gauge.meters(),
        warnings=(*_interference(cell.name, before, after), *gauge.warnings()),
        wall_s=after.at_s - before.at_s,
    )
    return finished, after


def _run_child(
    cell: CellSpec, spec: Path, out: Path, log: Path, on_event: Callable[[Event], None]
) -> None:
    command = [sys.executable, "-m", f"suites.{cell.suite}", "--spec", str(spec), "--out", str(out)]
    limit_s = time_limit_s(cell.estimated_s)
    ended = children.run(command, log, limit_s, on_event)
    if ended.too_long:
        raise CheckError(
            f"did not end within {limit_s:.0f} s and was stopped",
            where=f"cell {cell.name}",
            remedy=f"its log: {ended.tail()}",
        )
    if ended.code == UserError.exit_code:
        raise UserError(ended.tail(lines=1))
    if ended.code:
        raise CheckError(
            f"ended with exit code {ended.code}",
            where=f"cell {cell.name}",
            remedy=f"log: {ended.tail()}",
        )


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What the machine did beside our work, read before and after a cell."""

    probe: Probe
    stolen_s: float
    at_s: float

    @classmethod
    def now(cls) -> _Surroundings:
        stolen_s = getattr(psutil.cpu_times(), "steal", 0.0)
        return cls(probe(), stolen_s, time.monotonic())


def _interference(name: str, before: _Surroundings, after: _Surroundings) -> tuple[str, ...]:
    """Say what disturbed a cell: evidence first, then the remedy."""
    warnings = []
    changed = drift(before.probe, after.probe)
    if changed > DRIFT_LIMIT:
        warnings.append(
            f"{name}: the machine's speed changed by {changed:.0%} between the probes before and "
            f"after (copy {before.probe.copy_gb_s:.1f} to {after.probe.copy_gb_s:.1f} GB/s, GEMM "
            f"{before.probe.gemm_gflop_s:.0f} to {after.probe.gemm_gflop_s:.0f} GFLOP/s); "
            "run again on a quiet machine"
        )
    cpu_s = (after.at_s - before.at_s) * (psutil.cpu_count() or 1)
    stolen = (after.stolen_s - before.stolen_s) / cpu_s
    if stolen > _STEAL_LIMIT:
        warnings.append(
            f"{name}: the hypervisor gave {stolen:.1%} of the CPU time to others; "
            "use a dedicated host"
        )
    return tuple(warnings)
