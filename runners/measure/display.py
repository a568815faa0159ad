"""Show a run to the person waiting: one bar, honest remaining time, plain lines when piped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.base.records import CellSpec
    from suites.base.terminal import Terminal

__all__ = ["RunDisplay"]

# Below this share of the work the pace seen so far says less than the estimate.
_PACE_KNOWN = 0.05


class RunDisplay:
    """A progress bar over all cells, driven by the children's events.

    Remaining time is the estimated work left times the pace this machine has shown so far.
    """

    def __init__(self, cells: Sequence[CellSpec], terminal: Terminal) -> None:
        """Show the run of `cells` on `terminal`."""
        self._terminal = terminal
        self._left_s = {cell.name: cell.estimated_s for cell in cells}
        self._total_s = sum(self._left_s.values())
        self._kept_s = 0.0
        self._began = time.monotonic()
        self._progress = Progress(
            "{task.description}",
            BarColumn(bar_width=28),
            "{task.percentage:>3.0f}%",
            "{task.fields[left]}",
            console=terminal,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=self._total_s, left="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def on_event(self, cell: CellSpec, event: dict[str, Any]) -> None:
        """Take a child's event and redraw."""
        match event:
            case {"event": "progress", "done": done, "total": total}:
                self._left_s[cell.name] = cell.estimated_s * (1 - done / max(total, 1))
                self._draw(f"{cell.suite} {_live(event)}")
            case {"event": "note", "text": text}:
                self._terminal.say(str(text), indent=2)
            case {"event": "kept"}:
                self._kept_s += self._left_s[cell.name]
                self._left_s[cell.name] = 0.0
                self._terminal.say(f"  {cell.name}: kept from the interrupted run")
            case {"event": "finished", "wall_s": wall_s}:
                self._left_s[cell.name] = 0.0
                self._terminal.say(f"  {cell.name}: {wall_s:.0f} s")
                self._draw(cell.suite)

    def _draw(self, doing: str) -> None:
        done_s = self._total_s - sum(self._left_s.values())
        self._progress.update(
            self._task, completed=done_s, description=doing, left=self._remaining(done_s)
        )

    def _remaining(self, done_s: float) -> str:
        worked_s = done_s - self._kept_s
        known = worked_s > _PACE_KNOWN * self._total_s
        pace = (time.monotonic() - self._began) / worked_s if known else 1.0
        left_s = (self._total_s - done_s) * pace
        return f"about {int(left_s // 60)}:{int(left_s % 60):02d} left"


def _live(event: dict[str, Any]) -> str:
    """Name the case, and the figures a suite sends along while it measures."""
    figures = {key: value for key, value in event.items() if isinstance(value, float)}
    return " ".join([str(event.get("case", "")), *(f"{k} {v:.1f}" for k, v in figures.items())])
