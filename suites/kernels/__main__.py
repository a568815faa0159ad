"""`python -m suites.kernels --spec FILE --out FILE`: measure one process's share."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import suites.base.child
from suites.kernels.backends import host

if TYPE_CHECKING:
    from suites.base.records import CellResult


def run_cell(spec: dict[str, Any]) -> CellResult:
    """Measure the cases of a spec under pytest.

    Raises:
        UserError: the spec selects nothing this machine can run, or every output was wrong.
    """
    _hold_threads(spec.get("threads"))
    # What other plugins are installed is none of a measurement's business, and some take seconds.
    os.environ |= {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "pytest_benchmark.plugin",
    }
    import pytest

    from suites.kernels.session import KernelSession

    report = sys.stdout
    session = KernelSession(spec, report=lambda line: print(line, file=report, flush=True))
    _ = session.cases  # a bad spec stops here, with its one line
    here = Path(__file__).parent
    talk = io.StringIO()
    arguments = [str(here), "-c", str(here / "pytest.ini"), f"--rootdir={here}", "-q", "-s"]
    with contextlib.redirect_stdout(talk):
        code = pytest.main(arguments, plugins=[session])
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        raise RuntimeError(talk.getvalue())
    return session.result()


def _hold_threads(threads: int | None) -> None:
    """Start over with the thread count in the environment: the libraries are loaded by now."""
    wanted = str(threads) if threads else ""
    if not wanted or os.environ.get(host.THREAD_VARIABLES[0]) == wanted:
        return
    environment = os.environ | dict.fromkeys(host.THREAD_VARIABLES, wanted)
    os.execve(  # noqa: S606 - the same program with the same arguments
        sys.executable, [sys.executable, "-m", "suites.kernels", *sys.argv[1:]], environment
    )


if __name__ == "__main__":
    suites.base.child.main(run_cell)
