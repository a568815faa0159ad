"""Right answers before fast ones: wrong weights or a broken engine leave no result."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from suites.base.errors import CheckError, UserError
from suites.engines.gate import PROMPTS, load_reference, store
from suites.engines.weights import generate
from suites.models import load

CALL = [sys.executable, "-c", "from runners.cli import main; main()"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def weights(home):
    """Random weights named as a user names real ones, and a copy with bits flipped."""
    made = generate(load("tiny-15m"), home / "models").path
    sound, damaged = home / "sound.gguf", home / "damaged.gguf"
    shutil.copy(made, sound)
    data = bytearray(made.read_bytes())
    draw = random.Random(1)
    for place in range(len(data) // 2, len(data), 5):
        data[place] ^= 1 << draw.randrange(7)
    damaged.write_bytes(data)
    return sound, damaged


def started(weights, **more):
    """Start an engine on weights as a cell does, and give what it says of itself."""
    from suites.client.subject import subject, subject_spec

    spec = subject_spec({"weights": str(weights), "model": "named", "threads": 1, **more})
    with subject(spec, slots=1, context=512) as under_test:
        return under_test.engine


@pytest.fixture(scope="module")
def reference(weights, home):
    out = home / "reference.json"
    command = [*CALL, "reference", "--weights", weights[0], "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.engine
def test_weights_that_answer_as_recorded_pass_and_the_result_says_so(weights, reference):
    engine = started(weights[0], reference=str(reference))
    assert engine["weights"] == "real"
    assert engine["flags"]["gate_agreed"] == engine["flags"]["gate_of"] == len(PROMPTS)


@pytest.mark.engine
def test_damaged_weights_void_the_run(weights, reference, home, tmp_path, unprobed):
    command = [*CALL, "run", "--suite", "inference", "--case", "prefill/isl128", "--model", "named"]
    command += ["--weights", weights[1], "--reference", reference, "--out", tmp_path / "results"]
    environment = {**os.environ, "FENMARK_HOME": str(home / "home")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "does not compute this model" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.dsse.json"))


@pytest.mark.engine
def test_a_reference_kept_by_digest_is_found_without_being_named(
    weights, reference, tmp_path, monkeypatch
):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path))
    assert "gate_agreed" not in started(weights[0])["flags"]
    # As if a trusted engine had given other answers to these very weights.
    wrong = replace(load_reference(reference), continuations=("0" * 64,) * len(PROMPTS))
    store(wrong)
    with pytest.raises(CheckError, match="0 of 8"):
        started(weights[0])


def test_random_weights_have_no_reference():
    from suites.client.subject import subject_spec

    with pytest.raises(UserError, match="no right answers"):
        subject_spec({"model": "tiny-15m", "reference": "any.json"})


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"weights_sha256": 1}'])
def test_a_file_that_is_no_reference_is_one_line(tmp_path, text):
    file = tmp_path / "reference.json"
    file.write_text(text)
    with pytest.raises(UserError, match="fenmark reference"):
        load_reference(file)
    with pytest.raises(UserError, match="cannot be read"):
        load_reference(tmp_path / "none.json")
