"""Traces of external meters, read through `fenmark energy trace`."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from suites.base.errors import UserError
from suites.meters import tracefile

EXCERPTS = Path(__file__).parents[2] / "excerpts"
PTDAEMON = EXCERPTS / "v5.1_Lenovo_8xB200_llama2-70b_Server_spl.txt"


@pytest.fixture
def trace(tmp_path):
    """`trace(text)`: a file that holds it."""

    def write(text):
        path = tmp_path / "trace.csv"
        path.write_text(text)
        return path

    return write


RAMP = "time,power_w\n" + "".join(f"{1000 + t},{10 * t}\n" for t in range(6))


def test_a_published_log_gives_the_watts_of_its_lines():
    lines = [line.split(",") for line in PTDAEMON.read_text().splitlines()]
    seconds = [
        datetime.strptime(line[1], "%m-%d-%Y %H:%M:%S.%f").replace(tzinfo=UTC).timestamp()
        for line in lines
    ]
    watts = [float(line[3]) for line in lines]
    # Trapezoids by hand, over the whole excerpt.
    steps = list(zip(pairwise(seconds), pairwise(watts), strict=True))
    joules = sum((end - start) * (a + b) / 2 for (start, end), (a, b) in steps)
    start_ns, end_ns = (round(seconds[at] * 1e3) * 10**6 for at in (0, -1))
    read = tracefile.energy(tracefile.read(PTDAEMON), start_ns, end_ns)
    assert read.energy_j == pytest.approx(joules, rel=1e-6)
    assert read.average_w == pytest.approx(joules / (seconds[-1] - seconds[0]), rel=1e-6)
    assert read.max_gap_s == pytest.approx(max(b - a for (a, b), _ in steps), abs=1e-6)


def test_a_ramp_is_integrated_between_interpolated_edges(fenmark, trace):
    done = fenmark("energy", "trace", trace(RAMP), "--start", 1001.5, "--end", 1004, "--json")
    result = json.loads(done.stdout)
    # 5 (b² − a²), the trapezoid being exact on a line.
    assert result == {
        "average_w": pytest.approx(27.5),
        "energy_j": pytest.approx(68.75),
        "samples": 3,
        "max_gap_s": 1.0,
        "duration_s": 2.5,
    }


def test_a_meter_clock_that_is_behind_is_shifted_by_the_offset(fenmark, trace):
    window = ("--start", 1101.5, "--end", 1104, "--offset-s", 100, "--json")
    result = json.loads(fenmark("energy", "trace", trace(RAMP), *window).stdout)
    assert result["average_w"] == pytest.approx(27.5)


@pytest.mark.parametrize(
    "text",
    [
        "timestamp, power.draw [W]\n2026/11/23 10:00:00.000, 70.5 W\n2026/11/23 10:00:02, 70.5 W\n",
        "Timestamp,Power (mW)\n2026-11-23T10:00:00Z,70500\n2026-11-23T10:00:02Z,70500\n",
        "Time,11-23-2026 10:00:00.000,Watts,70.5\nTime,11-23-2026 10:00:02.000,Watts,70.5\n",
        "volts,epoch,watts\n230,0,70.5\n\n230,2,70.5\n",
    ],
    ids=["nvidia-smi", "milliwatts", "ptdaemon", "other order"],
)
def test_the_usual_shapes_of_a_trace_are_understood(trace, text):
    result = tracefile.energy(tracefile.read(trace(text)))
    assert (result.energy_j, result.duration_s) == (pytest.approx(141.0), 2.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("time,power_w\n", "0 samples"),
        ("time,power_w\n1,5\n", "1 samples"),
        ("when,what\n1,5\n2,5\n", "columns when, what"),
        ("time,power_w\n1,5\n2,-1\n", "trace.csv:3"),
        ("time,power_w\n1,5\n2,nan\n", "trace.csv:3"),
        ("time,power_w\n1,5\n\n2\n", "trace.csv:4"),
        ("time,power_w\n1,5\n2,5\n2,5\n", "trace.csv:4"),
        ("time,power_w\nnoon,5\n2,5\n", "trace.csv:2"),
    ],
)
def test_a_bad_trace_is_refused_with_its_line(trace, text, says):
    with pytest.raises(UserError, match=says):
        tracefile.read(trace(text))


@pytest.mark.parametrize("window", [("--start", 999), ("--end", 1006), ("--start", 1006)])
def test_a_window_outside_the_trace_is_refused_with_the_trace_s_span(fenmark, trace, window):
    done = fenmark("energy", "trace", trace(RAMP), *window)
    assert done.returncode == 2
    assert "inside the trace, 1970-01-01T00:16:40" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_time_that_is_none_and_a_binary_file_are_one_line_each(fenmark, trace, tmp_path):
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for arguments in ((trace(RAMP), "--start", "noon"), (binary,), (tmp_path / "none",)):
        done = fenmark("energy", "trace", *arguments)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
