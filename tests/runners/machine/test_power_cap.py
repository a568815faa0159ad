"""A power limit is always restored: after success, an error, a refusal, and a real kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from runners.machine import power_cap
from runners.machine.power_cap import held, refusal
from suites.base.errors import CheckError, UserError


@pytest.fixture
def sys_(tmp_path):
    """A powercap tree of two packages, one with a zone inside, and an AMD card."""
    for zone, watts in (("intel-rapl:0", 225), ("intel-rapl:1", 200), ("intel-rapl:0:0", 0)):
        folder = tmp_path / "class/powercap" / zone
        folder.mkdir(parents=True)
        (folder / "constraint_0_power_limit_uw").write_text(f"{watts * 10**6}\n")
        (folder / "constraint_0_max_power_uw").write_text("250000000\n")
    card = tmp_path / "class/drm/card0/device/hwmon/hwmon3"
    card.mkdir(parents=True)
    for name, watts in (("power1_cap", 750), ("power1_cap_min", 100), ("power1_cap_max", 750)):
        (card / name).write_text(f"{watts * 10**6}\n")
    return tmp_path


def rapl(sys_):
    return [
        int((sys_ / f"class/powercap/intel-rapl:{n}/constraint_0_power_limit_uw").read_text()) / 1e6
        for n in (0, 1)
    ]


def amd(sys_):
    return int((sys_ / "class/drm/card0/device/hwmon/hwmon3/power1_cap").read_text()) / 1e6


def test_every_package_is_held_and_set_back_to_its_own(sys_):
    with held(120.0, "cpu", sys_):
        assert rapl(sys_) == [120.0, 120.0]
        assert amd(sys_) == 750.0  # the CPU alone is held
    assert rapl(sys_) == [225.0, 200.0]


def test_an_amd_card_is_held_and_set_back(sys_):
    with held(400.0, "gpu", sys_):
        assert amd(sys_) == 400.0
    assert amd(sys_) == 750.0


def test_without_a_cap_nothing_is_started(sys_):
    with held(None, "cpu", sys_):
        assert rapl(sys_) == [225.0, 200.0]


def test_an_error_inside_is_raised_and_the_limit_is_back(sys_):
    with pytest.raises(ZeroDivisionError), held(120.0, "cpu", sys_):
        raise ZeroDivisionError
    assert rapl(sys_) == [225.0, 200.0]


@pytest.mark.parametrize(
    ("watts", "kind", "says"),
    [
        (300.0, "cpu", "takes 0 to 250 W, not 300"),
        (50.0, "gpu", "amd 0 takes 100 to 750 W, not 50"),
        (100.0, "npu", "offers no power limit of its npu"),
    ],
)
def test_what_cannot_be_set_is_refused_before_anything_is(sys_, watts, kind, says):
    assert says in refusal(watts, kind, sys_)
    with pytest.raises(UserError, match=says), held(watts, kind, sys_):
        raise AssertionError
    assert rapl(sys_) == [225.0, 200.0]


def test_one_chip_that_keeps_its_limit_leaves_the_others_as_they_were(sys_):
    stubborn = sys_ / "class/powercap/intel-rapl:1/constraint_0_power_limit_uw"
    stubborn.unlink()
    stubborn.symlink_to("/proc/self/oom_score")  # a number, and every write fails
    with pytest.raises(UserError, match="cannot be"), held(120.0, "cpu", sys_):
        raise AssertionError
    first = sys_ / "class/powercap/intel-rapl:0/constraint_0_power_limit_uw"
    assert int(first.read_text()) == 225 * 10**6


OWNER = """
import sys, time
from pathlib import Path
from runners.machine.power_cap import held
with held(float(sys.argv[1]), sys.argv[2], Path(sys.argv[3])):
    print("held", flush=True)
    time.sleep(300)
"""


def owner(sys_, watts="120", kind="cpu", **environment):
    started = subprocess.Popen(
        [sys.executable, "-c", OWNER, watts, kind, str(sys_)],
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | environment,
    )
    with started.stdout as says:
        assert says.readline() == b"held\n"
    return started


def eventually(holds):
    """The keeper acts when its owner's pipe ends, which is at once and not at a time."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        # A file of the kernel is never half written; one of this test may be.
        with suppress(ValueError):
            if holds():
                return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("group", [False, True])
def test_kill_9_of_its_owner_or_of_the_owners_whole_group_sets_it_back(sys_, group):
    started = owner(sys_)
    assert rapl(sys_) == [120.0, 120.0]
    (os.killpg if group else os.kill)(started.pid, signal.SIGKILL)
    started.wait()
    assert eventually(lambda: rapl(sys_) == [225.0, 200.0])


def is_keeper(child):
    with suppress(psutil.NoSuchProcess):  # another test's, that ended meanwhile
        return "runners.machine.cap_keeper" in child.cmdline()
    return False


def test_where_the_keeper_is_killed_its_owner_restores(sys_):
    with held(120.0, "cpu", sys_):
        (keeper,) = filter(is_keeper, psutil.Process().children())
        keeper.kill()
    assert rapl(sys_) == [225.0, 200.0]


def test_a_limit_that_cannot_be_restored_says_what_it_was(sys_, monkeypatch):
    end = power_cap._end
    problem = ["rapl 0 stays capped: gone"]
    monkeypatch.setattr(power_cap, "_end", lambda *a: end(*a) or problem)
    says = r"stays capped: gone; set it back by hand: it was"
    with pytest.raises(CheckError, match=says), held(120.0, "cpu", sys_):
        pass


NVML = """
import json, os
from pathlib import Path
file = Path(os.environ["FAKE_NVML"])
class NVMLError(Exception): pass
def nvmlInit(): pass
def nvmlDeviceGetCount(): return 1
def nvmlDeviceGetHandleByIndex(number): return number
def nvmlDeviceGetPowerManagementLimit(card): return json.loads(file.read_text())
def nvmlDeviceGetPowerManagementLimitConstraints(card): return [200000, 700000]
def nvmlDeviceSetPowerManagementLimit(card, mw):
    if os.environ.get("NVML_REFUSES"): raise NVMLError("Insufficient Permissions")
    file.write_text(json.dumps(mw))
"""


@pytest.fixture
def nvml(tmp_path, monkeypatch):
    """A driver whose limit is in a file, for every process of the test."""
    folder = tmp_path / "nvml"
    folder.mkdir()
    (folder / "pynvml.py").write_text(NVML)
    (folder / "limit").write_text("700000")
    monkeypatch.setenv("FAKE_NVML", str(folder / "limit"))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    return lambda: json.loads((folder / "limit").read_text()) / 1e3


def test_an_nvidia_gpu_is_held_by_nvml_and_set_back_after_kill_9(nvml, tmp_path):
    started = owner(tmp_path, "400", "gpu")
    assert nvml() == 400.0
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    assert eventually(lambda: nvml() == 700.0)


def test_a_driver_that_refuses_is_one_line(nvml, tmp_path, monkeypatch):
    monkeypatch.setenv("NVML_REFUSES", "1")
    says = "Insufficient Permissions; setting it takes root"
    with pytest.raises(UserError, match=says), held(400.0, "gpu", tmp_path):
        raise AssertionError
    assert nvml() == 700.0
