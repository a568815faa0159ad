"""A plan and an inventory become the jobs of a workflow, on one clean line."""

import hashlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from runners.ci.matrix import matrix
from runners.machine import inventory
from suites.base.errors import UserError

ROOT = Path(__file__).parents[3]

INVENTORY = """
[[runner]]
name = "h100"
labels = ["self-hosted", "linux", "h100"]
chip = "h100-sxm"
chips = 8
count = 2
timeout_minutes = 600

[[runner]]
name = "office"
labels = ["self-hosted", "office"]
chip = "cpu"
"""


PLAN = """
name = "two"
answers = "Which?"
suites = ["serving"]
axes = { engine = ["llama.cpp", "vllm:cuda", "sglang:cuda"] }
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "runners.toml").write_text(INVENTORY)
    return tmp_path


def test_each_machine_gets_a_shard_of_the_plan(files):
    jobs = matrix("plan.toml", inventory.read(files / "runners.toml"))["include"]
    assert [(job["name"], job["shard"], job["chip"]) for job in jobs] == [
        ("h100 1/2", "1/2", "h100-sxm"),
        ("h100 2/2", "2/2", "h100-sxm"),
        ("office", "1/1", "cpu"),
    ]
    assert jobs[0]["labels"] == ["self-hosted", "linux", "h100"]
    assert jobs[0]["timeout_minutes"] == 600
    assert {job["plan"] for job in jobs} == {"plan.toml"}


def test_without_a_plan_each_kind_of_machine_gets_one_run(files):
    jobs = matrix(None, inventory.read(files / "runners.toml"))["include"]
    assert [(job["name"], job["plan"]) for job in jobs] == [("h100", ""), ("office", "")]


def test_no_machine_gets_an_empty_shard(files):
    jobs = matrix("plan.toml", inventory.read(files / "runners.toml"), {"h100": 1, "office": 0})
    assert [(job["name"], job["shard"]) for job in jobs["include"]] == [("h100", "1/1")]
    with pytest.raises(UserError, match="no machine of the inventory"):
        matrix("p", inventory.read(files / "runners.toml"), {"h100": 0, "office": 0})


def test_more_jobs_than_github_takes_are_refused(files):
    many = inventory.read(files / "runners.toml")[0].model_copy(update={"count": 256})
    with pytest.raises(UserError, match="512 jobs"):
        matrix("plan.toml", [many, many])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "runner"),
        ("runner = 1", "runner"),
        ('[[runner]]\nname = "a"\nlabels = []\nchip = "cpu"', "runner.0.labels"),
        ('[[runner]]\nname = "a"\nlabels = ["x y"]\nchip = "cpu"', "runner.0.labels.0"),
        ('[[runner]]\nname = "a"\nlabels = ["x"]\nchip = "h1000"', "no chip 'h1000'"),
        ('[[runner]]\nname = "a"\nlabels = ["x"]\nchip = "cpu"\ncuont = 2', "runner.0.cuont"),
        ('[[runner]]\nname = "a"\nlabels = ["x"]\nchip = "cpu"\n' * 2, "stands twice"),
        ("[[runner]", "TOML"),
    ],
)
def test_a_wrong_inventory_is_one_clear_line(tmp_path, text, says):
    (tmp_path / "runners.toml").write_text(text)
    with pytest.raises(UserError) as caught:
        inventory.read(tmp_path / "runners.toml")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_our_own_inventory_is_sound():
    place = ROOT / ".github" / "runners.toml"
    inventory.require_ephemeral(inventory.read(place), str(place))


def test_machines_that_take_job_after_job_are_refused_where_strangers_code_runs(files, fenmark):
    place = files / "runners.toml"
    done = fenmark("matrix", "--inventory", place, "--ephemeral")
    assert done.returncode == 2
    assert "'h100' take job after job" in done.stderr
    place.write_text(INVENTORY.replace('"self-hosted"', '"self-hosted", "ephemeral"'))
    assert fenmark("matrix", "--inventory", place, "--ephemeral").returncode == 0


@pytest.mark.skipif(not find_spec("nox"), reason="nox is not installed beside the tests")
def test_nox_prints_the_matrix_alone_on_stdout(files, tmp_path):
    home = tmp_path / "clone"
    scripts = home / ".nox" / "fenmark" / "bin"
    scripts.mkdir(parents=True)
    for name in ("noxfile.py", "pyproject.toml"):
        (home / name).write_bytes((ROOT / name).read_bytes())
    # An environment that noxfile.py takes for installed: the one these tests run in.
    command = f'exec {sys.executable} -c "from runners.cli import main; main()" "$@"'
    (scripts / "fenmark").write_text(f"#!/bin/sh\n{command}\n")
    (scripts / "fenmark").chmod(0o755)
    recipe = (home / "pyproject.toml").read_bytes() + repr((sys.version, ())).encode()
    (home / ".nox/fenmark/installed").write_text(hashlib.sha256(recipe).hexdigest())

    done = subprocess.run(
        [
            *(sys.executable, "-m", "nox", "-s", "matrix", "--"),
            *("--plan", files / "plan.toml", "--inventory", files / "runners.toml"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env={**os.environ, "CI": "true"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    # Two cells for the GPUs and one for the office; llama.cpp as bundled knows no GPU.
    jobs = json.loads(done.stdout)["include"]
    assert [job["name"] for job in jobs] == ["h100 1/2", "h100 2/2", "office"]
