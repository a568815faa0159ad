"""For every test: the command line at hand, and Hypothesis judging by what the code does alone."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import Counter
from functools import cache
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hypothesis import settings
from typer.main import get_command

from runners import cli
from suites.base.locks import held
from suites.base.probe import Probe

UNPROBED = Path(__file__).parent / "unprobed"

# How fast this machine is today is not a finding, and the same examples are tried in every run but
# in a search (FENMARK_EXAMPLES=100000), which draws new ones.
settings.register_profile(
    "fenmark", deadline=None, derandomize="FENMARK_EXAMPLES" not in os.environ
)
settings.load_profile("fenmark")

# A pytest that a test starts is not a worker of ours, whatever process the test runs in.
os.environ.pop("PYTEST_XDIST_WORKER", None)
# What the tests start imports us again and again: a machine that keeps no bytecode keeps ours.
os.environ["PYTHONDONTWRITEBYTECODE"] = ""
sys.dont_write_bytecode = False
# Sites of tests hold what the tests put in: thousands of shipped rows take seconds to draw.
os.environ["FENMARK_NO_REPORTED"] = "1"
# Threads of a matrix product spin until the slowest is done, which beside another worker takes
# seven times the processor time of one thread alone. Read when NumPy loads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What is installed stays as it is while tests run, and finding it was half the time of a command.
cli.entry_points = cache(cli.entry_points)
_BUILD = cli.app

# Little of what tests make is garbage in circles: looking for it took a twelfth of their time.
gc.set_threshold(10_000, 20, 20)

# A shell that starts us in the background has SIGINT ignored, and what we start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end: spare the collector of garbage to go through them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def once(request, tmp_path_factory):
    """Makes a folder once for all processes that run the tests: `once("name", make)`.

    It belongs to all of them: a test reads it, or copies it.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if hasattr(request.config, "workerinput") else own

    def folder(name, make):
        place, begun = shared / name, shared / f"{name}.begun"
        with held(shared, name=f"{name}.lock"):
            if not place.exists():
                make(begun)
                begun.replace(place)
        return place

    return folder


def pytest_terminal_summary(terminalreporter) -> None:
    """Say in one closing line what was skipped, and why."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        counted = "; ".join(f"{count}: {reason}" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"skipped {reasons.total()} ({counted})")


@pytest.fixture
def unprobed(request, monkeypatch):
    """No run spends a second a cell on the machine's own speed, here or in what the test starts.

    A test marked `processes(n)`, to which their number does not matter, has so many in a quick run.
    """
    if marker := request.node.get_closest_marker("processes"):
        (processes,) = marker.args
        monkeypatch.setenv("FENMARK_TEST_PROCESSES", str(processes))
        profiles = import_module("suites.inference.plan")._PROFILES
        quick = profiles["quick"] | {"processes": processes}
        monkeypatch.setitem(profiles, "quick", quick)
    path = [str(UNPROBED), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    steady = Probe(copy_gb_s=20.0, gemm_gflop_s=100.0)
    monkeypatch.setattr("runners.measure.execute.probe", lambda: steady)


@cache
def _commands(installed):
    """The command line over what is installed; a call leaves nothing behind in it."""
    return get_command(_BUILD())


@pytest.fixture
def fenmark(monkeypatch, capsys):
    """Run the command line in this process, without the second that a new one takes to import.

    A traceback fails the test. What needs a process of its own (signals, limits, a server) starts
    one itself.
    """
    monkeypatch.setattr(cli, "app", lambda: _commands(cli.entry_points))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["fenmark", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return CompletedProcess(sys.argv, stopped.value.code or 0, *capsys.readouterr())

    return run
