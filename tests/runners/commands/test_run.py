"""The main job on a small model: measured for real, signed, logged, and safe to kill."""

import json
import re
import resource
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import httpx
import psutil
import pytest

from results.statement.nonce import seed_of
from runners.measure.workspace import Workspace
from runners.options.options import RunOptions
from tests.conftest import UNPROBED

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[3]


def command(*arguments):
    return [sys.executable, "-c", "from runners.cli import main; main()", *map(str, arguments)]


@pytest.fixture(autouse=True)
def here(environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def small(out):
    """Prefill and decode, in three processes."""
    return ["run", "--suite", "inference", "--model", "tiny-15m", "--case", "*128", "--out", out]


def until_quiet(fenmark, *arguments):
    """Run, and go on as the error says: on a loud machine a small model's answer is one piece."""
    output = ""
    for _ in range(20):
        done = fenmark(*arguments, "--resume")
        output += done.stderr
        if "the machine is too busy: run again" not in done.stderr:
            return done, output
    pytest.fail(output)


def test_a_run_leaves_a_verified_result_with_its_summary_and_samples(fenmark, tmp_path):
    out = tmp_path / "results"
    done, output = until_quiet(fenmark, *small(out), "--json")
    assert done.returncode == 0, output
    assert "no interrupted run lies here" in output

    rows = json.loads(done.stdout)
    assert rows == json.loads((out / "summary.json").read_text())
    required = {"suite", "case", "metric", "unit", "value", "low", "high", "n", "method"}
    assert all(required <= row.keys() for row in rows)
    assert {row["method"] for row in rows} <= {"measured", "modelled", "reported"}
    assert {"ttft", "tpot"} <= {row["metric"] for row in rows}

    [result] = json.loads(fenmark("verify", out, "--json").stdout)["results"]
    assert result["signature"]
    assert result["inclusion"]
    # Every figure, of energy too, is what its raw samples give.
    assert result["refused"] == []
    assert [line for line in result["unchecked"] if line.startswith("samples")] == []
    assert (out / f"{result['digest']}.dsse.json").is_file()
    [statement] = json.loads(fenmark("show", out, "--json").stdout)
    assert statement["predicateType"] == "urn:fenmark:result:v2"
    [subject] = statement["subject"]
    assert (out / subject["name"]).is_file()
    [engine] = statement["predicate"]["engines"]
    assert engine["weights"] == "random"
    assert len(engine["weights_sha256"]) == 64

    key = tmp_path / "home" / "key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    assert not (out / ".work").exists()


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not (outcome := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return outcome


def children_of(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@pytest.mark.processes(2)
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_leaves_no_orphan_and_resumes_where_it_was(
    fenmark, environment, tmp_path, blow
):
    out = tmp_path / "results"
    with subprocess.Popen(
        command(*small(out)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment | {"FENMARK_TEST_PROCESSES": "99"},  # it never ends before the blow
        cwd=tmp_path,
    ) as process:
        first = wait_for(lambda: (out / ".work/cells").is_dir() and children_of(process))
        wait_for(lambda: any((out / ".work/cells").glob("*.json")))
        # A later cell's process and its engine: neither was there in the first one.
        wait_for(lambda: len(set(children_of(process)) - set(first)) > 1)
        family = children_of(process)
        process.send_signal(blow)
        _, errors = process.communicate(timeout=240)
    assert b"Traceback" not in errors
    _, alive = psutil.wait_procs(family, timeout=120)
    assert alive == []
    assert not list(out.glob("*.dsse.json"))
    assert not list(out.rglob("*.partial"))

    resumed, output = until_quiet(fenmark, *small(out))
    assert resumed.returncode == 0, output
    assert "inference-p0: kept from the interrupted run" in output
    verdict = json.loads(fenmark("verify", out, "--json").stdout)
    assert verdict["ok"]
    assert len(verdict["results"]) == 1


@pytest.mark.processes(1)
def test_a_weight_file_that_is_none_is_one_clear_line(fenmark, tmp_path):
    (tmp_path / "model.gguf").write_text("no model")
    done = fenmark(*small(tmp_path / "results"), "--weights", "model.gguf")
    assert done.returncode in {1, 2}
    assert len(done.stderr.strip().splitlines()[-1:]) == 1
    assert "Traceback" not in done.stderr


def test_an_unreachable_endpoint_is_one_clear_line(fenmark, tmp_path):
    done = fenmark(
        *("run", "--suite", "serving", "--out", tmp_path / "results", "--model", "m"),
        *("--endpoint", "http://127.0.0.1:9"),
    )
    assert done.returncode == 2
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.processes(1)
def test_a_full_disk_is_one_clear_line_and_leaves_no_result(environment, tmp_path):
    out = tmp_path / "results"
    done = subprocess.run(
        command(
            *("run", "--suite", "kernels", "--backend", "numpy", "--model", "tiny-15m"),
            *("--case", "rmsnorm/f32/*/hot", "--out", out),
        ),
        capture_output=True,
        text=True,
        check=False,
        # Python takes bytecode that was cut short for whole, and every later process would read it.
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        # The kernel refuses to write more, as it does on a full disk.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert not list(out.glob("*.dsse.json"))
    assert not list(out.rglob("*.partial"))


# What measuring is carried with, and what an image with PyTorch has (`scripts/device.sh`); of the
# other dependencies the import names, where they differ from the package's.
IN_AN_IMAGE = {
    "jinja2",
    "numpy",
    "nvidia-ml-py",
    "pandas",
    "pyarrow",
    "pytest",
    "pytest-benchmark",
    "pyyaml",
}
IMPORTED_AS = {"mkdocs-material": "material"}
WITHOUT = """
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {names!r}:
            return self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Without, sys.meta_path)
"""


def absent_packages():
    """Import names of the dependencies that a device image is not given."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    base, carried = (
        {re.match(r"[\w-]+", wanted)[0].lower() for wanted in group}
        for group in (told["project"]["dependencies"], told["dependency-groups"]["device"])
    )
    return {IMPORTED_AS.get(name, name) for name in base - carried - IN_AN_IMAGE}


@pytest.mark.processes(1)
def test_measuring_needs_no_package_that_a_device_image_lacks(environment, tmp_path):
    """No web server, no database, no documents and no engine of ours: kernels, signature, log."""
    absent = absent_packages()
    assert {"fastapi", "sqlalchemy", "mkdocs", "xllamacpp", "uvloop"} <= absent
    unprobed = (UNPROBED / "sitecustomize.py").read_text()
    (tmp_path / "sitecustomize.py").write_text(WITHOUT.format(names=absent) + unprobed)
    out = tmp_path / "results"
    for arguments in (
        [
            *("run", "--suite", "kernels", "--backend", "numpy", "--model", "tiny-15m"),
            *("--case", "rmsnorm/f32/*/hot", "--out", out),
        ],
        ["verify", out],
    ):
        done = subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            env=environment | {"PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr


def test_a_mistyped_option_does_not_cost_an_interrupted_run(fenmark, tmp_path):
    space = Workspace(tmp_path / "results")
    with space.locked():
        started = space.begin(RunOptions(suites=("inference",)), "1")
    done = fenmark("run", "--suite", "kernels", "--case", "nope*", "--out", space.out)
    assert done.returncode == 2
    assert space.unfinished() == started


def smallest(out):
    return [*small(out), "--case", "prefill/isl128", "--json"]


@pytest.mark.processes(1)
def test_a_run_for_a_log_is_seeded_by_its_challenge_and_lands_there(fenmark, api, tmp_path):
    done = fenmark(*smallest(tmp_path / "results"), "--to", api)
    assert done.returncode == 0, done.stderr
    assert "logged" in done.stderr
    [statement] = json.loads(fenmark("show", tmp_path / "results", "--json").stdout)
    run = statement["predicate"]["run"]
    assert run["seed"] == seed_of(run["nonce"])
    [logged] = httpx.get(f"{api}/v1/results").json()["results"]
    assert logged["outcome"] in {"accepted", "flagged"}


@pytest.mark.processes(1)
def test_a_log_that_does_not_answer_does_not_keep_a_machine_from_being_measured(
    fenmark, tmp_path, monkeypatch
):
    monkeypatch.setattr("runners.submit.submit._FIRST_WAIT_S", 0.0)
    done = fenmark(*smallest(tmp_path / "results"), "--to", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "without a challenge" in done.stderr
    assert "is kept" in done.stderr
    assert json.loads(fenmark("verify", tmp_path / "results", "--json").stdout)["ok"]
