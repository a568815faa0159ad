"""A plan run for real on a small model: a result for each cell, kept through kills."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import httpx
import psutil
import pytest

from results.statement.nonce import seed_of

pytestmark = [
    pytest.mark.engine,
    pytest.mark.processes(1),
    pytest.mark.usefixtures("environment"),
]

PLAN = """name = "small"
answers = "Does it run?"
suites = ["inference"]
options = { model = "tiny-15m", case = "prefill/isl128" }
axes = { seed = [1, 2] }
"""
CELLS = ["seed1", "seed2"]
# CI kills a few times; a hundred are run by hand: FENMARK_KILL_ROUNDS=100.
ROUNDS = int(os.environ.get("FENMARK_KILL_ROUNDS", "2"))


@pytest.fixture
def run(tmp_path):
    """Words that run the plan."""
    (tmp_path / "small.toml").write_text(PLAN)
    return ["plan", "run", str(tmp_path / "small.toml"), "--out", str(tmp_path / "out")]


def kill_at_random(command, environment, draw):
    """Run the plan; at a random moment kill the runner, a cell's process or an engine outright."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            process.wait(draw.uniform(0.5, 3))
        except subprocess.TimeoutExpired:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
            victim = draw.choice(family)
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(draw.choice([signal.SIGKILL, signal.SIGTERM]))
            if draw.random() < 0.5:
                time.sleep(draw.uniform(0, 1))
                process.kill()
        _, errors = process.communicate(timeout=240)
    assert b"Traceback" not in errors, errors.decode()
    return process.returncode


def test_whatever_is_killed_every_finished_cell_is_kept_and_none_is_there_twice(
    fenmark, run, environment, tmp_path
):
    command = [sys.executable, "-c", "from runners.cli import main; main()", *run, "--resume"]
    draw = random.Random(ROUNDS)
    kept: set[str] = set()
    for _ in range(ROUNDS):
        kill_at_random(command, environment, draw)
        now = {path.name for path in (tmp_path / "out").glob("*.dsse.json")}
        assert kept <= now
        kept = now
        if len(now) == len(CELLS):  # all done, and there are kills left
            check(fenmark, tmp_path)
            shutil.rmtree(tmp_path / "out")
            kept = set()
    done = fenmark(*run, "--resume")
    assert done.returncode == 0, done.stderr
    check(fenmark, tmp_path)
    left = [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(p.info["cmdline"])]
    assert left == []


def check(fenmark, tmp_path):
    """A verified result for each cell, and no other."""
    shown = fenmark("show", tmp_path / "out", "--json").stdout
    cells = sorted(result["predicate"]["run"]["plan"]["cell"] for result in json.loads(shown))
    assert [cell.partition("-")[0] for cell in cells] == CELLS
    verdict = fenmark("verify", tmp_path / "out", "--json").stdout
    assert json.loads(verdict)["ok"]
    assert len(json.loads(verdict)["results"]) == len(CELLS)


def test_a_finished_cell_is_not_run_again_unasked_and_travels(fenmark, run, tmp_path):
    done = fenmark(*run, "--only", "seed2*", "--json")
    assert done.returncode == 0, done.stderr
    [cell] = json.loads(done.stdout)["cells"]
    assert cell["state"] == "finished"
    assert (tmp_path / "out" / f"{cell['digest']}.dsse.json").is_file()
    assert json.loads((tmp_path / "out" / "plan.json").read_text())["cells"] == [cell]
    assert not (tmp_path / "out" / ".plan").exists()

    done = fenmark(*run, "--only", "seed2*")
    assert done.returncode == 2
    assert "1 cells of plan 'small' are finished there" in done.stderr
    done = fenmark(*run, "--only", "seed2*", "--resume", "--json")
    assert json.loads(done.stdout)["cells"][0]["digest"] == cell["digest"]
    assert len(list((tmp_path / "out").glob("*.dsse.json"))) == 1

    done = fenmark("plan", "gather", tmp_path / "out", "--out", tmp_path / "other")
    assert done.returncode == 0, done.stderr
    assert fenmark("verify", tmp_path / "other").returncode == 0


def test_a_crashed_engine_costs_one_cell_and_names_its_line_to_github(
    fenmark, tmp_path, monkeypatch
):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    (tmp_path / "broken.gguf").write_bytes(b"GGUF nothing else")
    (tmp_path / "mixed.toml").write_text(
        PLAN.replace("axes = { seed = [1, 2] }", "[axes.weights]\n")
        + 'none = { weights = "broken.gguf" }\nrandom = {}\n'
    )
    done = fenmark(*("plan", "run", tmp_path / "mixed.toml", "--out", tmp_path / "out", "--json"))
    assert done.returncode == 1
    assert "1 of 2 cells failed" in done.stderr
    told = next(line for line in done.stderr.splitlines() if line.startswith("::error"))
    assert f"::error file={tmp_path}/mixed.toml,line=7,title=Fenmark::none-" in told
    broken, whole = json.loads(done.stdout)["cells"]
    assert (broken["state"], whole["state"]) == ("failed", "finished")
    assert broken["reason"]
    assert (tmp_path / "out" / ".plan").is_dir()  # its log, for readers who want to know why


@pytest.mark.processes(99)  # none ends within a second
def test_a_cell_that_hangs_is_stopped_and_tried_again_by_the_plans_rule(fenmark, tmp_path):
    (tmp_path / "slow.toml").write_text("cell_minutes = 0.01\nretry = { times = 2 }\n" + PLAN)
    done = fenmark(
        *("plan", "run", tmp_path / "slow.toml", "--only", "seed1*", "--out", tmp_path / "out")
    )
    assert done.returncode == 1
    [cell] = json.loads((tmp_path / "out" / "plan.json").read_text())["cells"]
    assert cell["attempts"] == 3
    assert "did not end within 1 s" in cell["reason"]


def test_check_and_list_keep_their_contract(fenmark, run, tmp_path):
    plan = tmp_path / "small.toml"
    done = fenmark("plan", "check", plan)
    assert done.returncode == 0
    assert "2 cells, 2 of them run on" in done.stdout
    listed = json.loads(fenmark("plan", "list", plan, "--json").stdout)
    assert [set(cell) >= {"id", "reason", "estimated_s"} for cell in listed] == [True, True]
    assert all(cell["estimated_s"] > 0 and cell["reason"] is None for cell in listed)
    [second] = json.loads(fenmark("plan", "list", plan, "--json", "--shard", "2/2").stdout)
    assert second == listed[1]
    names = [plan["name"] for plan in json.loads(fenmark("plan", "ready", "--json").stdout)]
    assert "laptop-cpu" in names
    done = fenmark("plan", "check", "nowhere.toml")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_plan_for_a_log_is_seeded_by_it_and_each_result_lands_there(
    fenmark, run, api, tmp_path, monkeypatch
):
    done = fenmark(*run, "--only", "seed1*", "--to", api, "--json")
    assert done.returncode == 0, done.stderr
    [cell] = json.loads(done.stdout)["cells"]
    assert cell["submitted"]
    [logged] = httpx.get(f"{api}/v1/results").json()["results"]
    assert logged["digest"] == cell["digest"]
    [statement] = json.loads(fenmark("show", tmp_path / "out", "--json").stdout)
    asked = statement["predicate"]["run"]
    assert asked["seed"] == seed_of(asked["nonce"])

    monkeypatch.setattr("runners.submit.submit._FIRST_WAIT_S", 0.0)
    done = fenmark(*run, "--resume", "--to", "http://127.0.0.1:9", "--json")
    assert done.returncode == 1
    assert "1 results were measured but not submitted" in done.stderr
    assert [cell["submitted"] for cell in json.loads(done.stdout)["cells"]] == [None, False]
    assert len(list((tmp_path / "out").glob("*.dsse.json"))) == 2
