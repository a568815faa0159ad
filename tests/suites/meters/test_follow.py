"""A wall meter's log followed while a run goes on, by a clock that is not ours."""

import io
from datetime import UTC, datetime

import pytest

from results.statement.statement import Chip, Meter
from runners.measure import pipeline, run_meters
from runners.measure.run_meters import Gauge, gauge
from runners.options.options import RunOptions
from suites.base.errors import UserError
from suites.base.records import CellResult, Series, Window
from suites.base.terminal import Terminal
from suites.meters import follow
from suites.meters.follow import TraceMeter
from suites.meters.recorder import Recorder
from tests.clock import NS

EIGHT_HOURS_S = 8 * 3600
PERIOD_NS = NS // 50


class Logger:
    """Writes a sample every 20 ms of the clock, stamped by one so many seconds behind."""

    def __init__(self, clock, path, *, watts=200.0, behind_s=0.0, ptdaemon=False):
        self.clock, self.path, self.watts = clock, path, watts
        self.behind_s, self.ptdaemon = behind_s, ptdaemon
        self.held_up_ns = iter(())
        path.write_text("" if ptdaemon else "time,power_w\n")
        self.due_ns = clock.now_ns - PERIOD_NS
        self.write()

    def write(self):
        """Write the samples that are due, or were some time ago."""
        until_ns = self.clock.now_ns - next(self.held_up_ns, 0)
        with self.path.open("a") as file:
            while self.due_ns <= until_ns:
                file.write(self.line(self.due_ns / NS - self.behind_s))
                self.due_ns += PERIOD_NS

    def line(self, at_s):
        if not self.ptdaemon:
            return f"{at_s:.6f},{self.watts}\n"
        stamp = datetime.fromtimestamp(at_s, UTC).strftime("%m-%d-%Y %H:%M:%S.%f")[:-3]
        return f"Time,{stamp},Watts,{self.watts:.6f},Volts,0,Amps,0,PF,0\n"

    def __enter__(self):
        self.clock.moved.append(self.write)
        return self

    def __exit__(self, *_):
        self.clock.moved.remove(self.write)


@pytest.fixture
def clock(clock, monkeypatch):
    for module in (follow, run_meters):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.mark.parametrize("ptdaemon", [False, True])
def test_a_log_by_a_clock_hours_behind_is_aligned_by_the_arrival_of_its_lines(
    clock, tmp_path, ptdaemon
):
    with Logger(clock, tmp_path / "wall.csv", behind_s=EIGHT_HOURS_S, ptdaemon=ptdaemon):
        meter = TraceMeter(tmp_path / "wall.csv")
        with Recorder([meter]) as recorder:
            start_ns = clock.monotonic_ns()
            clock.sleep(0.3)
            end_ns = clock.monotonic_ns()
            (energy,) = recorder.energy(start_ns, end_ns)
    assert energy.joules == pytest.approx(200 * (end_ns - start_ns) / 1e9)
    assert (energy.meter.scope, energy.meter.method) == ("wall", "external meter")
    assert "+28800" in energy.meter.note


def test_a_step_of_power_lies_where_our_clock_saw_it(clock, tmp_path):
    path = tmp_path / "wall.csv"
    logger = Logger(clock, path, watts=100.0, behind_s=EIGHT_HOURS_S)
    # Of the arrivals that tie the clocks together, those in the middle come 60 ms late.
    logger.held_up_ns = iter([0] * 4 + [60 * NS // 1000] * 12)
    with logger, Recorder([TraceMeter(path)]) as recorder:
        clock.sleep(0.2)
        logger.watts = 300.0
        stepped_ns = clock.monotonic_ns()
        clock.sleep(0.4)
        (energy,) = recorder.energy(stepped_ns - NS // 5, stepped_ns + NS // 5)
    # A sample lies within a cadence of the step; the clocks are tied within one look of 10 ms.
    assert energy.joules == pytest.approx(100 * 0.2 + 300 * 0.2, abs=200 * 0.03)


def test_a_log_that_no_longer_grows_is_refused_before_anything_is_measured(clock, tmp_path):
    Logger(clock, tmp_path / "wall.csv")
    with (
        pytest.raises(UserError, match="gets no new lines"),
        Recorder([TraceMeter(tmp_path / "wall.csv")]),
    ):
        pass


@pytest.mark.parametrize("fate", ["stops", "is removed", "breaks"])
def test_a_log_that_ends_in_a_run_keeps_what_it_told_and_is_named(clock, tmp_path, fate):
    path = tmp_path / "wall.csv"
    with Logger(clock, path), Recorder([TraceMeter(path)]) as recorder:
        start_ns = clock.monotonic_ns()
        clock.sleep(0.1)
        end_ns = clock.monotonic_ns()
        assert recorder.energy(start_ns, end_ns)
        told = path.read_text()
    if fate == "is removed":
        path.unlink()
    elif fate == "breaks":
        path.write_text(told + "later,none\n")
    later_ns = clock.monotonic_ns()
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


def test_two_wall_meters_stand_side_by_side_and_are_never_added(clock, tmp_path):
    logs = [tmp_path / name for name in ("a.csv", "b.csv")]
    with Logger(clock, logs[0], watts=100.0), Logger(clock, logs[1], watts=250.0):
        beside = Gauge([TraceMeter(log) for log in logs], idle_s=0.1)
        with beside.recording():
            start_ns = clock.monotonic_ns()
            window = Window(start_ns=start_ns, end_ns=start_ns + NS // 10, output_tokens=5)
            clock.sleep(0.15)
            series = Series(
                suite="inference", case="c", metric="tpot", unit="ms", samples=(1.0,),
                windows=(window,),
            )  # fmt: skip
            windows = beside.windows(CellResult(series=(series,)))
    watts = {
        window.meter: window.joules / window.duration_s for window in windows if window.case == "c"
    }
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


def test_a_log_that_is_not_there_is_one_line_before_anything_runs(fenmark, tmp_path):
    where = ("--out", tmp_path / "out", "--meter-trace", tmp_path / "none.csv")
    done = fenmark("run", "--suite", "kernels", *where)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
