"""The bar of a run: what it says must be what is left."""

import io

import pytest
from rich.console import Console

from runners import display
from suites.records import Cell


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    return now


def cells(*seconds):
    return [
        Cell(suite="kernels", name=f"p{i}", spec={}, estimated_s=s) for i, s in enumerate(seconds)
    ]


def shown(all_cells):
    return display.RunDisplay(all_cells, Console(file=io.StringIO(), width=120))


def left(view):
    return view._progress.tasks[0].fields["left"]


def test_remaining_time_is_the_estimate_before_the_pace_is_known(clock):
    work = cells(60, 60)
    view = shown(work)
    view.on_event(work[0], {"event": "progress", "done": 0, "total": 10, "case": "gemm"})
    assert left(view) == "about 2:00 left"


def test_remaining_time_follows_the_pace_of_this_machine(clock):
    work = cells(60, 60)
    view = shown(work)
    clock[0] = 60.0  # half of the first cell took as long as all of it was estimated
    view.on_event(work[0], {"event": "progress", "done": 5, "total": 10, "case": "gemm"})
    assert left(view) == "about 3:00 left"


def test_cells_kept_from_an_interrupted_run_do_not_flatter_the_pace(clock):
    work = cells(60, 60, 60)
    view = shown(work)
    view.on_event(work[0], {"event": "kept"})
    clock[0] = 120.0
    view.on_event(work[1], {"event": "finished", "wall_s": 120.0})
    assert left(view) == "about 2:00 left"


def test_a_case_name_cannot_inject_markup(clock):
    work = cells(10)
    view = shown(work)
    view.on_event(work[0], {"event": "progress", "done": 1, "total": 2, "case": "[red]x[/]"})
    assert r"\[red]x" in view._progress.tasks[0].description
