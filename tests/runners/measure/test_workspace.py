"""The unfinished run: kept whole, resumed exactly, never shared by two."""

import json

import pytest

from runners.measure.workspace import FinishedCell, Workspace
from runners.options.options import RunOptions
from suites.base.errors import CheckError, UserError
from suites.base.records import CellResult, Series, Window
from suites.meters.windows import EnergyWindow


def cell(name="kernels-p0"):
    series = Series(
        suite="kernels",
        case="copy",
        metric="bandwidth",
        unit="GB/s",
        samples=(1.5, 2.5),
        labels={"backend": "numpy"},
        windows=(Window(start_ns=1, end_ns=2, output_tokens=3),),
    )
    energy = EnergyWindow(
        suite="kernels",
        case="copy",
        meter="rapl",
        joules=1.0,
        low=0.5,
        high=2.0,
        duration_s=1.0,
        input_tokens=0,
        output_tokens=3,
    )
    return FinishedCell(
        name=name,
        suite="kernels",
        result=CellResult(series=(series,), facts={"packages": {"numpy": "2"}}, warnings=("w",)),
        energy=(energy,),
        meters=({"name": "rapl"},),
        warnings=("busy",),
        wall_s=3.5,
    )


@pytest.fixture
def workspace(tmp_path):
    space = Workspace(tmp_path / "results")
    with space.locked():
        yield space


def test_a_finished_cell_comes_back_as_it_was(workspace):
    workspace.begin(RunOptions(), "1")
    workspace.keep(cell())
    assert workspace.finished("kernels-p0") == cell()
    assert workspace.finished("kernels-p1") is None


def test_an_interrupted_run_is_found_again_with_its_identity_and_options(workspace):
    options = RunOptions(suites=("kernels",), seed=7, suite_options={"case": "gemm*"})
    started = workspace.begin(options, "1")
    assert Workspace(workspace.out).unfinished() == started


def test_beginning_anew_forgets_the_old_cells(workspace):
    workspace.begin(RunOptions(), "1")
    workspace.keep(cell())
    workspace.begin(RunOptions(), "1")
    assert workspace.finished("kernels-p0") is None


def test_the_statement_of_a_killed_run_is_signed_again_byte_for_byte(workspace):
    workspace.begin(RunOptions(), "1")
    first = workspace.keep_statement(b"first")
    assert workspace.keep_statement(b"second") == first == b"first"


def test_a_cleared_run_leaves_nothing_to_resume(workspace):
    workspace.begin(RunOptions(), "1")
    workspace.clear()
    assert workspace.unfinished() is None
    assert not workspace.home.exists()


def test_a_second_run_into_the_same_folder_is_refused(workspace):
    with pytest.raises(CheckError, match="another run"), Workspace(workspace.out).locked():
        pass


def test_a_damaged_run_file_is_one_clear_error(workspace):
    workspace.begin(RunOptions(), "1")
    (workspace.home / "run.json").write_text("{")
    with pytest.raises(UserError, match="run without --resume"):
        workspace.unfinished()


def test_a_folder_that_is_a_file_is_one_clear_error(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(UserError, match="--out"), Workspace(tmp_path / "results").locked():
        pass


def test_cells_are_stored_as_json_without_nan(workspace):
    workspace.begin(RunOptions(), "1")
    workspace.keep(cell())
    stored = json.loads((workspace.home / "cells" / "kernels-p0.json").read_text())
    assert stored["energy"][0]["joules"] == 1.0
