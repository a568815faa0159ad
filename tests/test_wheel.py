"""What is installed is the wheel: it builds the same twice, and works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# One second after the earliest date that a zip file knows.
DATED = {"SOURCE_DATE_EPOCH": "315532801"}
RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from runners.cli import main; main()"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    return build(tmp_path_factory.mktemp("wheel"))


def build(folder):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, **DATED})
    return next(folder.glob("*.whl"))


def test_two_builds_give_the_same_bytes(wheel, tmp_path):
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


def test_its_names_are_the_rooms_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as files:
        tops = {name.partition("/")[0] for name in files.namelist()}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    rooms = {"suites", "results", "runners", "leaderboard"}
    assert tops == {*rooms, f"fenmark-{version}.dist-info"}


def test_it_runs_away_from_the_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as files:
        files.extractall(tmp_path / "installed")
    probe = "import sys; sys.path.insert(0, sys.argv[1]); import suites; print(suites.__file__)"
    for code, arguments, expected in (
        (probe, [], str(tmp_path / "installed")),
        (RUN, ["chips", "--json"], '"h100-sxm"'),
        (RUN, ["--version"], "fenmark "),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "installed"), *arguments],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert expected in done.stdout
