"""The script of first contact: every step runs and is told, whatever one of them says."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "device.sh"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script for a POSIX shell")


@pytest.fixture
def met(tmp_path):
    """`met(devices="torch:cuda", FAIL="doctor")`: its exit code, steps, and the calls it made."""

    def run(devices="", **environment):
        stub = tmp_path / "fenmark"
        stub.write_text('#!/bin/sh\necho "$*" >> "$CALLS"\n[ "$1" != "$FAIL" ] || exit "$CODE"\n')
        python = tmp_path / "python"
        # `-c` of the backends, of the device, of torch and transformers: only the last may fail.
        python.write_text(
            "#!/bin/sh\ncase $2 in\n"
            f"*backends*) printf '{devices}' ;;\n"
            f"*chosen*) echo {'cpu' if not devices else 'cuda'} ;;\n"
            '*) [ -n "$TORCH" ] ;;\nesac\n'
        )
        for program in (stub, python):
            program.chmod(0o755)
        calls = tmp_path / "calls"
        given = {"FENMARK": stub, "PYTHON": python, "CALLS": calls, "FAIL": "", "CODE": "1"}
        given |= {"TORCH": ""}
        done = subprocess.run(
            ["sh", SCRIPT, tmp_path / "out"],
            env={
                **os.environ,
                **{name: str(value) for name, value in (given | environment).items()},
            },
            capture_output=True,
            text=True,
            check=False,
        )
        steps = [line.split("\t")[:2] for line in done.stdout.splitlines()]
        assert (tmp_path / "out" / "steps.tsv").read_text() == done.stdout
        return done.returncode, steps, calls.read_text().splitlines()

    return run


def test_without_a_device_its_parts_are_absent(met):
    code, steps, calls = met()
    assert code == 0
    assert steps == [
        ["doctor", "exit 0"],
        ["accept", "exit 0"],
        ["backends", "exit 0"],
        ["kernels-cpu", "exit 0"],
        ["kernels-device", "absent"],
        ["inference-transformers", "absent"],
        ["verify", "exit 0"],
    ]
    assert [call.split()[0] for call in calls] == ["doctor", "accept", "run", "verify"]


def test_each_device_runs_its_kernels(met):
    code, steps, calls = met(devices=r"torch:cuda\ncupy\n")
    assert code == 0
    assert ["kernels-torch-cuda", "exit 0"] in steps
    assert ["kernels-cupy", "exit 0"] in steps
    assert any("--backend torch:cuda --out" in call for call in calls)


@pytest.mark.parametrize(
    ("devices", "models"),
    [("", ["tiny-15m"]), ("cupy", ["tiny-15m", "qwen2.5-0.5b", "qwen3-8b"])],
)
def test_where_torch_is_models_are_served_the_larger_on_a_device_alone(met, devices, models):
    code, steps, calls = met(devices=devices, TORCH="1")
    assert code == 0
    assert [name for name, _ in steps if name.startswith("inference")] == [
        f"inference-{model}" for model in models
    ]
    engine = f"--engine transformers:{'cuda' if devices else 'cpu'}"
    assert all(engine in call for call in calls if "--suite inference" in call)


@pytest.mark.parametrize(
    ("failing", "exit_code", "wanted"),
    [("accept", "1", 0), ("accept", "2", 1), ("doctor", "1", 1), ("run", "1", 1)],
)
def test_a_step_that_fails_stops_no_other(met, failing, exit_code, wanted):
    code, steps, calls = met(FAIL=failing, CODE=exit_code)
    assert code == wanted
    assert len(steps) == 7
    assert calls[-1].startswith("verify ")
