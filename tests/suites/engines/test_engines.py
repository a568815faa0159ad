"""A real engine on weights made here: started, asked, stopped, never orphaned."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from suites.base.errors import CheckError, UserError
from suites.engines.llamacpp import LlamaCpp, Settings
from suites.engines.process import EngineProcess
from suites.engines.weights import FIRST_WORD_ID, generate, read
from suites.models import load

TINY = load("tiny-15m")
# What its file is made of, in a file of one MB.
_LAYER = TINY.layers[0].model_copy(update={"count": 1})
SMALL = TINY.model_copy(update={"vocab": 1024, "layers": (_LAYER,)})


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def engine(cache):
    settings = Settings(slots=2, context=256, threads=1)
    with LlamaCpp.for_model("tiny-15m", settings, cache=cache) as running:
        yield running


def ask(engine, tokens, count):
    body = {
        "prompt": list(range(FIRST_WORD_ID, FIRST_WORD_ID + tokens)),
        "max_tokens": count,
        "temperature": 0,
        "ignore_eos": True,
    }
    return httpx.post(f"{engine.url}/v1/completions", json=body, timeout=120).json()


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path):
    first, again, other = (
        generate(SMALL, tmp_path / name, seed=seed) for name, seed in [("a", 1), ("b", 1), ("c", 2)]
    )
    assert first.sha256 == again.sha256 != other.sha256
    assert first.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()


def test_the_file_holds_the_geometrys_parameters(cache):
    from gguf import GGUFReader

    reader = GGUFReader(generate(SMALL, cache).path)
    assert sum(int(tensor.n_elements) for tensor in reader.tensors) == SMALL.parameters()


def test_a_file_already_made_is_used_again(cache):
    first = generate(SMALL, cache)
    made = first.path.stat().st_mtime_ns
    assert generate(SMALL, cache) == first
    assert first.path.stat().st_mtime_ns == made


@pytest.mark.parametrize("damage", ["flipped bit", "cut short", "record lost", "record broken"])
def test_a_damaged_file_is_made_again(tmp_path, damage):
    first = generate(SMALL, tmp_path)
    data = bytearray(first.path.read_bytes())
    record = first.path.with_suffix(".json")
    if damage == "flipped bit":
        data[len(data) // 2] ^= 1
        first.path.write_bytes(data)
    elif damage == "cut short":
        first.path.write_bytes(data[:-100])
    elif damage == "record lost":
        record.unlink()
    else:
        record.write_text("{")
    assert generate(SMALL, tmp_path) == first
    assert hashlib.sha256(first.path.read_bytes()).hexdigest() == first.sha256


def test_leftovers_of_a_killed_run_do_no_harm(tmp_path):
    expected = generate(SMALL, tmp_path / "whole")
    folder = tmp_path / "killed"
    folder.mkdir()
    (folder / f".{expected.path.name}.partial").write_bytes(b"half")
    assert generate(SMALL, folder).sha256 == expected.sha256
    assert not list(folder.glob(".*.partial"))


def test_a_geometry_that_cannot_be_generated_is_refused_with_a_way_out(tmp_path):
    with pytest.raises(UserError, match="endpoint"):
        generate(load("deepseek-v3"), tmp_path)


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UserError, match="FENMARK_CACHE"):
        generate(SMALL, blocked / "cache")


def test_weights_the_user_names_must_be_gguf(tmp_path, cache):
    wrong = tmp_path / "w.gguf"
    wrong.write_bytes(b"PK\3\4")
    with pytest.raises(UserError, match="GGUF"):
        read(wrong)
    with pytest.raises(UserError, match="No such file"):
        read(tmp_path / "none.gguf")
    made = generate(SMALL, cache)
    assert (read(made.path).sha256, read(made.path).precision) == (made.sha256, "q8_0")


@pytest.mark.engine
def test_the_engine_counts_exactly_the_tokens_asked_for(engine):
    usage = ask(engine, 48, 9)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (48, 9)


@pytest.mark.engine
def test_greedy_decoding_gives_whole_words_only(engine):
    text = ask(engine, 16, 32)["choices"][0]["text"]
    assert text.isascii()
    assert len(text.split()) == 32


@pytest.mark.engine
def test_a_repeated_prompt_is_computed_again(engine):
    for _ in range(2):
        assert ask(engine, 48, 2)["timings"]["cache_n"] == 0


@pytest.mark.engine
def test_the_engine_says_what_it_runs(engine, cache):
    described = engine.describe()
    assert described["weights_sha256"] == generate(TINY, cache).sha256
    assert described["flags"]["n_parallel"] == 2
    assert described["flags"]["cache_prompt"] is False


@pytest.mark.engine
def test_a_stopped_engine_is_gone(cache):
    settings = Settings(slots=1, context=64, threads=1)
    with LlamaCpp.for_model("tiny-15m", settings, cache=cache) as running:
        pid = running.pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


@pytest.mark.engine
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_engine_outlives_its_owner(cache, number):
    code = (
        "import sys, time; from pathlib import Path;"
        "from suites.engines.llamacpp import LlamaCpp, Settings;"
        "engine = LlamaCpp.for_model('tiny-15m', Settings(slots=1, context=64, threads=1),"
        f" cache=Path({str(cache)!r})).__enter__();"
        "print(engine.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        pid = int(owner.stdout.readline())
        os.kill(owner.pid, number)
        owner.wait(120)
    deadline = time.monotonic() + 120
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not psutil.pid_exists(pid)


@pytest.mark.engine
def test_an_engine_that_cannot_load_shows_its_last_words(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    from suites.engines.weights import Weights

    weights = Weights(path=broken, sha256="0" * 64, kind="unknown", precision="q8_0")
    settings = Settings(slots=1, context=64, threads=1)
    with pytest.raises(CheckError, match="last lines of its log") as caught:
        LlamaCpp(weights, settings, model="broken").__enter__()
    assert caught.value.where == "llama.cpp"


def test_a_child_that_never_says_it_is_ready_is_stopped_in_time():
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        EngineProcess(command, name="sleeper", ready_within_s=0.3) as process,
        pytest.raises(CheckError, match="not ready"),
    ):
        process.ready()
    assert not psutil.pid_exists(process.pid)


def test_a_child_that_ends_early_shows_what_it_printed():
    command = [sys.executable, "-c", "import sys; sys.exit('no luck today')"]
    with (
        EngineProcess(command, name="unlucky", ready_within_s=240) as process,
        pytest.raises(CheckError, match="no luck today"),
    ):
        process.ready()


def test_a_cell_writes_its_result_whole_and_the_rows_follow(tmp_path, cache):
    from suites.base.records import CellResult
    from suites.inference import plan, summarize

    cell = plan("quick", {"model": "tiny-15m", "cache": str(cache), "case": "*128"})[0]
    spec, out = tmp_path / "spec.json", tmp_path / "out.json"
    spec.write_text(json.dumps(cell.spec))
    command = [sys.executable, "-m", "suites.inference", "--spec", str(spec), "--out", str(out)]
    for _ in range(20):  # on a busy machine a small model's answer may come in one piece
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
        if "the machine is too busy: run again" not in done.stdout + done.stderr:
            break
    assert done.returncode == 0, done.stderr
    rows = summarize([CellResult.from_json(json.loads(out.read_bytes()))])
    by_metric = {(row.case, row.metric): row for row in rows}
    ttft = by_metric["prefill/isl128", "ttft"]
    assert ttft.value >= by_metric["prefill/isl128", "engine_ttft"].value > 0
    tpot = by_metric["decode/b1/ctx128", "tpot"]
    rate = by_metric["decode/b1/ctx128", "decode_throughput"]
    assert rate.value == pytest.approx(1e3 / tpot.value, rel=1e-3)
    assert ttft.labels["isl"] == 128
    assert Path(cell.spec["subject"]["cache"]) == cache


@pytest.mark.engine
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_cell_stopped_under_load_leaves_no_process_and_no_result(tmp_path, cache, number):
    from suites.serving import plan

    options = {"model": "tiny-15m", "cache": str(cache), "duration": 60.0, "concurrency": [2]}
    cell = plan("quick", options)[0]
    spec, out = tmp_path / "spec.json", tmp_path / "out.json"
    spec.write_text(json.dumps({**cell.spec, "check_s": 0.2}))
    command = [sys.executable, "-m", "suites.serving", "--spec", str(spec), "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert any(b"progress" in line for line in child.stdout)
        children = psutil.Process(child.pid).children(recursive=True)
        assert children
        time.sleep(0.3)
        child.send_signal(number)
        child.wait(120)
    gone, left = psutil.wait_procs(children, timeout=120)
    assert not left
    assert gone
    assert not out.exists()
