"""Show a plan to the person waiting: a bar over its cells, a line for each that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from suites.base.terminal import styled

if TYPE_CHECKING:
    from runners.plans.progress import CellState
    from runners.plans.progress import Progress as PlanProgress
    from suites.base.terminal import Terminal

__all__ = ["PlanDisplay"]

_MARKS = {"finished": ("finished", "green"), "failed": ("failed  ", "red")}


class PlanDisplay:
    """Told of every change of a cell; draws the bar and keeps the lines."""

    def __init__(self, terminal: Terminal) -> None:
        """Show the plan on `terminal`."""
        self._terminal = terminal
        self._bar = Progress(
            "{task.description}",
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=terminal,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, progress: PlanProgress, cell: CellState) -> None:
        """Take a cell's new state."""
        self._bar.update(
            self._task,
            description=cell.id,
            total=len(progress.cells),
            completed=sum(progress.count(state) for state in ("finished", "failed", "pruned")),
        )
        if cell.state in _MARKS:
            host = f" on {cell.host}" if cell.host else ""
            outcome = f"{cell.wall_s:6.0f} s  {cell.digest or cell.reason}"
            mark = styled(*_MARKS[cell.state])
            self._terminal.say(mark, f" {cell.id}{host} {outcome}", indent=2)
