"""The Slurm script: read by bash, run as Slurm would run each task."""

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

PLAN = """name = "array"
answers = "Does it part?"
suites = ["inference"]
options = { model = "tiny-15m", case = "prefill/isl128" }
axes = { seed = [1, 2, 3] }
"""


@pytest.fixture
def sbatch(tmp_path, fenmark):
    (tmp_path / "array.toml").write_text(PLAN)
    return partial(fenmark, "plan", "sbatch", tmp_path / "array.toml")


def test_each_task_runs_its_own_shard_into_its_own_archive(sbatch, tmp_path):
    shared = tmp_path / "shared folder"
    submitted = sbatch("--out", shared, "--tasks", 2, "--sbatch=--partition=gpu")
    assert submitted.returncode == 0, submitted.stderr
    head = [line for line in submitted.stdout.splitlines() if line.startswith("#SBATCH")]
    assert "#SBATCH --array=1-2" in head
    assert head[-1] == "#SBATCH --partition=gpu"
    # What bash makes of it, with a program in the place of ours that tells its words.
    (tmp_path / "bin").mkdir()
    told = tmp_path / "bin" / "fenmark"
    told.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    told.chmod(0o755)
    path = f"{told.parent}{os.pathsep}{os.environ['PATH']}"
    for task in "12":
        done = subprocess.run(
            ["bash"],
            input=submitted.stdout,
            env={**os.environ, "PATH": path, "SLURM_ARRAY_TASK_ID": task},
            capture_output=True,
            text=True,
            check=True,
        )
        words = done.stdout.splitlines()
        assert words[:4] == ["plan", "run", str(tmp_path / "array.toml"), "--resume"]
        assert words[4:] == ["--shard", f"{task}/2", "--out", f"{shared}/shard-{task}"]


def test_there_are_no_more_tasks_than_cells(sbatch):
    assert "#SBATCH --array=1-3" in sbatch("--out", "x", "--tasks", 8).stdout
    assert str(Path("x").absolute()) in sbatch("--out", "x").stdout


def test_what_is_no_option_is_refused_in_a_line(sbatch):
    submitted = sbatch("--out", "x", "--sbatch", "partition=gpu\nrm -r /")
    assert submitted.returncode == 2
    assert "not an option of sbatch" in submitted.stderr
