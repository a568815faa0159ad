"""A wall meter's log followed while a run goes on, by a clock that is not ours."""

import io
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import pytest

from results.statement.statement import Chip, Meter
from runners.measure import pipeline
from runners.measure.run_meters import Gauge, gauge
from runners.options.options import RunOptions
from suites.base.errors import UserError
from suites.base.records import CellResult, Series, Window
from suites.base.terminal import Terminal
from suites.meters import follow
from suites.meters.follow import TraceMeter
from suites.meters.recorder import Recorder

EIGHT_HOURS_S = 8 * 3600


PERIOD_S = 0.02


class Logger:
    """Writes a sample every 20 ms, stamped by a clock so many seconds behind.

    A meter takes its samples in time: those that a busy machine held up are written together.
    """

    def __init__(self, path, *, watts=200.0, behind_s=0.0, ptdaemon=False):
        self.path, self.watts, self.behind_s, self.ptdaemon = path, watts, behind_s, ptdaemon
        self.stopped, self.writing = threading.Event(), threading.Lock()
        self.thread = threading.Thread(target=self.log)
        path.write_text("" if ptdaemon else "time,power_w\n")
        self.due_s = time.time() - PERIOD_S
        self.write()

    def write(self):
        """Write the samples that are due."""
        with self.writing, self.path.open("a") as file:
            while self.due_s <= time.time():
                file.write(self.line(self.due_s - self.behind_s))
                self.due_s += PERIOD_S

    def line(self, at_s):
        if not self.ptdaemon:
            return f"{at_s:.6f},{self.watts}\n"
        stamp = datetime.fromtimestamp(at_s, UTC).strftime("%m-%d-%Y %H:%M:%S.%f")[:-3]
        return f"Time,{stamp},Watts,{self.watts:.6f},Volts,0,Amps,0,PF,0\n"

    def log(self):
        while not self.stopped.wait(PERIOD_S):
            self.write()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


@pytest.mark.parametrize("ptdaemon", [False, True])
def test_a_log_by_a_clock_hours_behind_is_aligned_by_the_arrival_of_its_lines(tmp_path, ptdaemon):
    with Logger(tmp_path / "wall.csv", behind_s=EIGHT_HOURS_S, ptdaemon=ptdaemon):
        meter = TraceMeter(tmp_path / "wall.csv")
        with Recorder([meter]) as recorder:
            start_ns = time.monotonic_ns()
            time.sleep(0.3)
            end_ns = time.monotonic_ns()
            (energy,) = recorder.energy(start_ns, end_ns)
    assert energy.joules == pytest.approx(200 * (end_ns - start_ns) / 1e9)
    assert (energy.meter.scope, energy.meter.method) == ("wall", "external meter")
    assert "+28800" in energy.meter.note


def test_a_step_of_power_lies_where_our_clock_saw_it(tmp_path):
    with Logger(tmp_path / "wall.csv", watts=100.0, behind_s=EIGHT_HOURS_S) as logger:
        with Recorder([TraceMeter(tmp_path / "wall.csv")]) as recorder:
            time.sleep(0.2)
            logger.write()
            logger.watts = 300.0
            stepped_ns = time.monotonic_ns()
            time.sleep(0.4)
            start_ns, end_ns = stepped_ns + 200_000_000, time.monotonic_ns()
            (energy,) = recorder.energy(start_ns, end_ns)
        assert energy.joules == pytest.approx(300 * (end_ns - start_ns) / 1e9, rel=0.05)


def test_a_log_that_no_longer_grows_is_refused_before_anything_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(follow, "_PATIENCE_S", 0.1)
    Logger(tmp_path / "wall.csv")
    with (
        pytest.raises(UserError, match="gets no new lines"),
        Recorder([TraceMeter(tmp_path / "wall.csv")]),
    ):
        pass


@pytest.mark.parametrize("fate", ["stops", "is removed", "breaks"])
def test_a_log_that_ends_in_a_run_keeps_what_it_told_and_is_named(tmp_path, monkeypatch, fate):
    path = tmp_path / "wall.csv"
    with Logger(path), Recorder([TraceMeter(path)]) as recorder:
        start_ns = time.monotonic_ns()
        time.sleep(0.1)
        end_ns = time.monotonic_ns()
        assert recorder.energy(start_ns, end_ns)
        told = path.read_text()
    monkeypatch.setattr(follow, "_PATIENCE_S", 0.2)
    if fate == "is removed":
        path.unlink()
    elif fate == "breaks":
        path.write_text(told + "later,none\n")
    later_ns = time.monotonic_ns()
    assert recorder.energy(start_ns, end_ns)
    assert recorder.energy(later_ns, later_ns + 10**9) == []
    assert any("trace:wall.csv: 1 windows have no energy" in told for told in recorder.problems)


def test_a_line_half_written_waits_for_its_end(tmp_path):
    path = tmp_path / "wall.csv"
    path.write_text("time,power_w\n1,100\n2,100\n3,1")
    assert TraceMeter(path).readings(0)[-1].power_w == 100
    assert len(TraceMeter(path).readings(0)) == 2


@pytest.mark.parametrize(
    "content", ["", "time,power_w\n", "time,power_w\n1,100\n", "no,trace\n1,2\n"]
)
def test_a_file_that_is_no_trace_yet_is_a_user_s_error(tmp_path, content):
    path = tmp_path / "wall.csv"
    path.write_text(content)
    with pytest.raises(UserError):
        TraceMeter(path)


def test_two_wall_meters_stand_side_by_side_and_are_never_added(tmp_path):
    with Logger(tmp_path / "a.csv", watts=100.0), Logger(tmp_path / "b.csv", watts=250.0):
        beside = Gauge([TraceMeter(tmp_path / name) for name in ("a.csv", "b.csv")], idle_s=0.1)
        with beside.recording():
            window = Window(
                start_ns=time.monotonic_ns(), end_ns=time.monotonic_ns() + 10**8, output_tokens=5
            )
            time.sleep(0.15)
            series = Series(
                suite="inference", case="c", metric="tpot", unit="ms", samples=(1.0,),
                windows=(window,),
            )  # fmt: skip
            found = beside.windows(CellResult(series=(series,)))
    watts = {one.meter: one.joules / one.duration_s for one in found if one.case == "c"}
    assert watts == {"trace:a.csv": pytest.approx(100), "trace:b.csv": pytest.approx(250)}
    assert {Meter.model_validate(meter).scope for meter in beside.meters()} == {"wall"}


def test_two_logs_of_one_name_are_refused_for_their_rows_would_mix(tmp_path):
    path = tmp_path / "wall.csv"
    path.write_text("time,power_w\n1,100\n2,100\n")
    chip = Chip(catalog_id=None, name="x", kind="other", count=1)
    with pytest.raises(UserError, match="two logs of one name"):
        gauge(chip, [str(path), str(path)])


def test_a_trace_measures_what_stands_behind_an_endpoint(tmp_path):
    path = tmp_path / "wall.csv"
    path.write_text("time,power_w\n1,100\n2,100\n")
    chip = Chip(catalog_id=None, name="x", kind="other", count=1)
    assert [meter["name"] for meter in gauge(chip, [str(path)]).meters()] == ["trace:wall.csv"]


class WatchedError(Exception):
    """Carries the gauge out of a run that is about to measure."""


def test_a_run_hands_the_log_to_the_meters_beside_its_cells(tmp_path, monkeypatch):
    def run_cells(_cells, _workspace, gauge, _on_event):
        raise WatchedError(gauge)

    monkeypatch.setattr(pipeline.execute, "run_cells", run_cells)
    path = tmp_path / "wall.csv"
    path.write_text("time,power_w\n1,100\n1.5,100\n")
    options = RunOptions(
        suites=("kernels",),
        suite_options={"case": "rmsnorm/f32/numpy/*", "meter_trace": [str(path)]},
    )
    silent = Terminal(file=io.StringIO())
    with pytest.raises(WatchedError) as caught:
        pipeline.measure(options, tmp_path / "out", resume=False, terminal=silent)
    (gauge,) = caught.value.args
    assert [meter["name"] for meter in gauge.meters()] == ["trace:wall.csv"]
    # Two samples a second: a kernel is repeated for ten of them.
    assert gauge.hold_s == pytest.approx(5.0)


def test_a_log_that_is_not_there_is_one_line_before_anything_runs(tmp_path):
    command = [
        *(sys.executable, "-c", "from runners.cli import main; main()", "run"),
        *("--suite", "kernels", "--out", tmp_path, "--meter-trace", tmp_path / "none.csv"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
