"""`fenmark accept` from the command line: what it prints, writes and exits with."""

import json
import os
from contextlib import nullcontext

import pytest

from runners.accept import acceptance, measuring
from runners.accept.causes import CoreSpin
from runners.accept.figures import Graded, MachineFigure
from runners.accept.report import page
from suites.base.errors import CheckError

KEYS = ["figure", "value", "low", "high", "expected", "basis", "verdict", "cause"]


def spin(core, share, **more):
    return CoreSpin(
        core=core,
        rates=(1000.0, 1001.0, 1002.0),
        shares=(share, share - 0.01, share + 0.01),
        wall_s=2.0,
        lost_s=2.0 * (1 - share),
        **more,
    )


@pytest.fixture
def spinning(monkeypatch):
    """Let the cores have this share of their time; nothing spins."""

    def be(share, **more):
        monkeypatch.setattr(
            measuring, "spin_all", lambda cores, *_: [spin(core, share, **more) for core in cores]
        )

    return be


@pytest.fixture
def own_cores(monkeypatch):
    """All cores of the system are this process'."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(os.cpu_count())))
    monkeypatch.setattr(acceptance.limits, "quota", lambda _: None)


def ran(fenmark, *arguments):
    done = fenmark(*arguments)
    return done.returncode, done.stdout, done.stderr


def rows(text):
    return {row["figure"]: row for row in json.loads(text)}


PARTS = ("--part", "identity", "--part", "cores")


def test_a_healthy_machine_passes(fenmark, spinning, own_cores):
    spinning(0.99)
    code, out, error = ran(fenmark, "accept", *PARTS, "--json")
    assert (code, "grade A" in error) == (0, True)
    assert all(list(row) == KEYS for row in json.loads(out))
    assert rows(out)["share of the cores' time"]["verdict"] == "as expected"


def test_a_busy_neighbour_fails_it_and_is_on_the_page(fenmark, spinning, own_cores, tmp_path):
    spinning(0.6, others_s=0.7, involuntary=40)
    code, out, error = ran(fenmark, "accept", *PARTS, "--json", "--html", tmp_path / "a.html")
    row = rows(out)["share of the cores' time"]
    assert (code, "grade D" in error) == (1, True)
    assert row["verdict"].startswith("slow by 40% [")
    assert "other processes had 35%" in row["cause"]
    assert "other processes had 35%" in (tmp_path / "a.html").read_text()


def test_another_machine_is_not_what_was_sold(fenmark, own_cores):
    code, out, _ = ran(
        fenmark, "accept", "--part", "identity", "--json", "--expected", "h100-sxm:8"
    )
    assert (code, rows(out)["accelerators"]["verdict"]) == (1, "not what was sold")


def test_what_cannot_be_measured_is_said(fenmark, monkeypatch, own_cores):
    def refuse(*_, device):
        raise CheckError("the engine is gone")

    monkeypatch.setattr(measuring, "engine", refuse)
    code, out, error = ran(fenmark, "accept", "--part", "engine", "--json")
    assert (code, json.loads(out)) == (0, [])
    assert "not measured: prefill and decode: the engine is gone" in error


def test_the_disk_is_read(fenmark, monkeypatch, tmp_path, own_cores):
    monkeypatch.setattr(measuring, "_DISK_BYTES", 2**20)
    monkeypatch.setattr(measuring, "_BLOCK", 2**18)
    code, out, _ = ran(fenmark, "accept", "--part", "disk", "--json", "--disk", tmp_path)
    row = rows(out)["disk read (GB/s)"]
    assert (code, row["verdict"], row["value"] > 0) == (0, "not graded", True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("--part", "gpu"), "--part"),
        (("--expected", "h100-sxm:0"), "--expected"),
        (("--expected", "nonesuch"), "--expected"),
        (("--disk", "/nonesuch"), "--disk"),
        (("--html", "/nonesuch/a.html"), "--html"),
        (("--before", "/nonesuch.json", "--part", "identity"), "/nonesuch.json"),
    ],
)
def test_a_slip_is_one_line(fenmark, arguments, where):
    code, out, error = ran(fenmark, "accept", *arguments)
    assert (code, out) == (2, "")
    assert error.strip().splitlines()[-1].startswith(f"fenmark: {where}: ")


def test_a_strangers_words_are_escaped():
    bad = "<script>alert(1)</script>\x1b[31m"
    graded = Graded(
        figure=bad, value=bad, low=None, high=None, expected=bad, basis=bad, verdict=bad, cause=bad
    )
    text = page([graded], [bad], machine=bad, when="now")
    assert "<script" not in text
    assert "\x1b" not in text
    assert "&lt;script&gt;" in text


def test_rows_of_a_suite_are_figures(monkeypatch, tmp_path):
    from suites.base.records import Row

    def row(case, metric, **labels):
        return Row(
            suite="kernels", case=case, metric=metric, unit="GB/s", value=2.0, low=1.0, high=3.0,
            n=5, method="measured", labels=labels,
        )  # fmt: skip

    rows = [
        row("read/f32", "bandwidth", family="read", cache="cold"),
        row("read/f32", "time", family="read", cache="cold"),
        row("read/f32/hot", "bandwidth", family="read", cache="hot"),
        row("roofline/cuda/memory", "bandwidth", reached_by="read/f32", cache="cold"),
        row("host_to_device/f32", "bandwidth", family="host_to_device", cache="cold"),
    ]
    shown = []
    monkeypatch.setattr(
        measuring, "_run", lambda *_: shown.append(os.environ["CUDA_VISIBLE_DEVICES"]) or rows
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    clocks = {"gpu0_sm_mhz": 1980, "gpu1_sm_mhz": 1410}
    monkeypatch.setattr(measuring, "watched", lambda _: nullcontext([clocks, {}]))
    figures = measuring.device_kernels("torch:cuda", 2, tmp_path)
    assert shown == ["0", "0", "1", "1", "0,1"]
    first = MachineFigure(
        name="GPU 0 read/f32 (GB/s)", kind="bandwidth", value=2.0, low=1.0, high=3.0, device=True,
        twins="read/f32 (GB/s)",
    )  # fmt: skip
    assert figures[0] == first
    assert [figure.kind for figure in figures[:2]] == ["bandwidth", "link"]
    assert len(figures) == 2 * (2 * 2 + 1) + 2
    assert [figure.value for figure in figures if "clock" in figure.name] == [1980, 1410]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert "CUDA_DEVICE_ORDER" not in os.environ


def test_a_clock_under_load_leaves_rest_out():
    seen = [{"gpu0_sm_mhz": mhz} for mhz in (210, 1980, 1960, 210, 1410, 210)]
    assert [figure.value for figure in measuring.clock(0, seen)] == [1960]
    assert list(measuring.clock(1, seen)) == []
