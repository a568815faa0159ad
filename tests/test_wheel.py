"""What is installed is the wheel: it builds the same twice, and works without the checkout."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
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


@pytest.fixture
def clone(tmp_path):
    """The build's own files, with a history of two commits."""
    home = tmp_path / "clone"
    for name in ("pyproject.toml", ".git_archival.txt", ".gitattributes", "README.md", "LICENSE"):
        (home / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, home / name)
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        git(home, *arguments)
    git(home, "commit", "-qm", "two", "--allow-empty")
    return home


def git(home, *arguments):
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    command = ("git", "-C", str(home), *names, *arguments)
    return subprocess.run(command, check=True, capture_output=True).stdout


def version(home, **told):
    pytest.importorskip("hatch_vcs", reason="hatch-vcs is not installed")
    command = [sys.executable, "-m", "hatchling", "version"]
    environment = {**os.environ, **told}
    done = subprocess.run(
        command, cwd=home, check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout.strip()


def test_a_tag_is_the_version_and_else_it_names_the_commit(clone, tmp_path):
    commit = git(clone, "rev-parse", "HEAD").decode()
    assert re.fullmatch(rf"0\.1\.dev2\+untagged\.g{commit[:9]}", version(clone))
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", clone.as_uri(), str(shallow))
    assert f".g{commit[:9]}" in version(shallow)
    git(clone, "tag", "v1.2.3")
    assert version(clone) == "1.2.3"
    git(clone, "commit", "-qm", "three", "--allow-empty")
    commit = git(clone, "rev-parse", "HEAD").decode()
    assert version(clone) == f"1.2.4.dev1+g{commit[:9]}"


def test_sources_without_git_have_a_version_too(clone, tmp_path):
    for tag, expected in (("", "0.1.dev0+untagged"), ("v1.2.3", "1.2.3")):
        if tag:
            git(clone, "tag", tag)
        home = tmp_path / f"archive{tag}"
        home.mkdir()
        with tarfile.open(fileobj=io.BytesIO(git(clone, "archive", "HEAD"))) as archive:
            archive.extractall(home, filter="data")
        assert version(home) == expected
    (home / ".git_archival.txt").unlink()
    assert version(home) == "0.1.dev0+untagged"
    image = (ROOT / "results" / "service" / "deploy" / "Containerfile").read_text()
    [told] = re.findall(r"^ARG (\w*VERSION\w*)$", image, re.MULTILINE)
    assert version(home, **{told: "2.0.0"}) == "2.0.0"


def test_its_names_are_the_rooms_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as files:
        tops = {name.partition("/")[0] for name in files.namelist()}
    version = wheel.name.split("-")[1]
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
