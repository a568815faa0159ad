"""What probes see around a cell goes into its samples."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from runners.measure import execute
from runners.measure.children import ChildEnd
from suites.base.probe import Probe
from suites.base.records import CellResult, CellSpec

GAUGE = SimpleNamespace(
    recording=nullcontext,
    windows=lambda _: (),
    beside=lambda result: result,
    meters=tuple,
    warnings=tuple,
)


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """Cells that ran between probes of these bandwidths."""

    def run(command, log, limit_s, on_event):
        out = Path(command[command.index("--out") + 1])
        out.write_text(json.dumps(CellResult(series=(), facts={"packages": {}}).to_json()))
        return ChildEnd(code=0, too_long=False, log=log)

    def cells(*copy_gb_s):
        seen = iter(copy_gb_s)
        monkeypatch.setattr(execute, "probe", lambda: Probe(copy_gb_s=next(seen), gemm_gflop_s=50))
        monkeypatch.setattr(execute.children, "run", run)
        workspace = execute.Workspace(tmp_path)
        with workspace.locked():
            (workspace.home / "cells").mkdir()
            asked = [
                CellSpec(suite="kernels", name=f"kernels-p{place}", spec={}, estimated_s=1)
                for place in range(len(copy_gb_s) - 1)
            ]
            execute.run_cells(asked, workspace, GAUGE, lambda *_: None)
            # As a resumed run finds them.
            return [workspace.finished(cell.name) for cell in asked]

    return cells


def test_a_change_of_speed_is_kept_with_the_cells_samples(finished):
    steady, slowed = finished(10.0, 9.5, 7.6)
    assert steady.result.facts == {"packages": {}}
    assert steady.warnings == ()
    assert slowed.result.facts == {"packages": {}, "speed_change": pytest.approx(0.2)}
    assert "changed by 20%" in slowed.warnings[0]
