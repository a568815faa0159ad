"""A plan over a real Ray cluster of two nodes on this machine, one of which is killed midway."""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not find_spec("ray"), reason="the extra `fleet` is not installed"),
]

PLAN = """name = "spread"
answers = "Does it come home?"
suites = ["inference"]
options = { model = "tiny-15m", case = "prefill/isl128" }
axes = { seed = [1, 2, 3] }
"""


@pytest.fixture
def cluster(tmp_path, unprobed):
    """Two nodes with a home, and so a signing key, of their own; the second comes to no end."""
    from ray.cluster_utils import Cluster

    def home(name, processes):
        own = {"FENMARK_HOME": str(tmp_path / name), "FENMARK_TEST_PROCESSES": str(processes)}
        return {"num_cpus": 1, "env_vars": own}

    head = {**home("head", 1), "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield made, made.add_node(**home("second", 9999))
    finally:
        made.shutdown()


def test_a_fleet_that_is_none_is_one_line(tmp_path, fenmark):
    (tmp_path / "spread.toml").write_text(PLAN)
    run = ["plan", "run", tmp_path / "spread.toml", "--out", tmp_path / "out"]
    done = fenmark(*run, "--fleet", "ray://127.0.0.1:9")
    assert done.returncode == 2
    assert "--fleet ray://127.0.0.1:9: cannot connect" in done.stderr


def test_a_plan_survives_the_loss_of_a_host_and_every_host_signs_with_its_own_key(
    cluster, tmp_path
):
    made, second = cluster
    (tmp_path / "spread.toml").write_text(PLAN)
    out = tmp_path / "out"
    program = [sys.executable, "-c", "from runners.cli import main; main()"]
    to = ["--out", str(out), "--fleet", made.address, "--json"]
    environment = {**os.environ, "FENMARK_HOME": str(tmp_path / "driver")}
    with subprocess.Popen(
        [*program, "plan", "run", str(tmp_path / "spread.toml"), *to],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        at_work = tmp_path / "second" / "fleet"
        deadline = time.monotonic() + 240  # on a busy machine
        while not list(at_work.glob("*/*/archive/.work/run.json")):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        made.remove_node(second, allow_graceful=False)
        output, errors = process.communicate(timeout=480)
    assert process.returncode == 0, errors
    cells = json.loads(output)["cells"]
    assert [cell["state"] for cell in cells] == ["finished"] * 3
    assert sum(cell["attempts"] for cell in cells) == 4
    assert all(cell["host"] for cell in cells)
    verdict = subprocess.run(
        [*program, "verify", str(out), "--json"], env=environment, capture_output=True, check=True
    )
    assert len(json.loads(verdict.stdout)["results"]) == 3
    # The hosts' keys signed the results; the driver's signed the log.
    assert len(list((out / "runners").glob("*.toml"))) == 2
    assert not list((tmp_path / "head" / "fleet").glob("*/*"))
