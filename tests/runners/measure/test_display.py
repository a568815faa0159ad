"""The bar of a run: what it says must be what is left."""

import io

import pytest

from runners.measure import display
from suites.base.records import CellSpec
from suites.base.terminal import Terminal


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    return now


def cells(*seconds):
    return [
        CellSpec(suite="kernels", name=f"p{i}", spec={}, estimated_s=s)
        for i, s in enumerate(seconds)
    ]


def shown(all_cells):
    drawn = Terminal(file=io.StringIO(), width=120, force_terminal=True)
    return display.RunDisplay(all_cells, drawn)


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


def test_a_case_name_is_shown_as_it_is_in_bar_and_note(clock):
    name = "[red]x[/]\n\u202e\x1b]8;;http://x\x07"
    work = cells(10)
    view = shown(work)
    with view:
        view.on_event(work[0], {"event": "progress", "done": 1, "total": 2, "case": name})
        view._progress.refresh()
        view.on_event(work[0], {"event": "note", "text": name})
    drawn = view._terminal.file.getvalue()
    assert r"kernels [red]x[/]\n\u202e\x1b]8;;http://x\x07" in drawn
    assert r"  [red]x[/]\n\u202e" in drawn  # the note
    assert not {"\u202e", "\x07"} & set(drawn)
