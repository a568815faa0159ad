"""Engines by command line: what is started, how it is watched, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from suites.base.errors import CheckError, UserError
from suites.engines.hf_folder import generate_folder, read_folder
from suites.engines.served import EngineChoice, ServedEngine
from suites.engines.template import chosen, command, device_here, image_of, names, template
from suites.engines.versions import remarks
from suites.models import Layer, load
from suites.serving.instrument.emitter import Emitter, Schedule

# `tiny-15m` in a size that is written in a moment.
TINY = load("tiny-15m")
_LAYER = TINY.layers[0].model_copy(update={"count": 1})
SMALL = TINY.model_copy(update={"vocab": 2000, "layers": (_LAYER,)})
VALUES = {
    "weights": "/models/m",
    "model": "m",
    "host": "127.0.0.1",
    "port": 8000,
    "dtype": "auto",
    "context": 640,
    "slots": 4,
    "cpus": "0",
    "threads": 1,
    "chips": [0, 1],
}

# Takes any engine's command line, answers as an engine does, and has a child of its own.
FAKE = """
    import http.server, json, os, subprocess, sys

    if "--fail" in sys.argv:
        sys.exit("no kernel image for this device")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
                             start_new_session=True)
    print("loading", child.pid, flush=True)

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            said = {"version": "9.8.7", "child": child.pid}
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    port = int(sys.argv[sys.argv.index("--port") + 1])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Answers).serve_forever()
"""


@pytest.fixture
def program(tmp_path):
    script = tmp_path / "engine.py"
    script.write_text(textwrap.dedent(FAKE))
    return f"{sys.executable} {script}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return generate_folder(SMALL, tmp_path_factory.mktemp("models"))


def engine(folder, program, *flags, image=None):
    choice = EngineChoice(engine="vllm:cpu", program=program, flags=flags, image=image)
    return ServedEngine(folder, choice, model="tiny-15m", slots=2, context=256, threads=1)


def filled(name, device, **more):
    return command(
        template(name), device, VALUES, **{"parallel": {}, "folder": Path("/tmp/x"), **more}
    )


@pytest.mark.parametrize("name", names())
def test_every_template_fills_in_for_every_device_and_states_where_it_was_read(name):
    entry = template(name)
    for key, device in entry.devices.items():
        start = filled(name, key, parallel=dict.fromkeys(entry.parallel, 2))
        assert not any("{" in word for word in start.argv)
        assert "/models/m" in " ".join([*start.argv, *start.files.values()])
        assert device.source
        assert device.read_on.year >= 2026


def test_parallelism_of_one_adds_nothing_and_of_two_its_option():
    alone = filled("vllm", "cuda").argv
    assert filled("vllm", "cuda", parallel={"tp": 1, "ep": 1}).argv == alone
    added = filled("vllm", "cuda", parallel={"tp": 8, "ep": 8}).argv[len(alone) :]
    assert added == ("--tensor-parallel-size", "8", "--enable-expert-parallel")


def test_parallelism_an_engine_does_not_have_is_refused():
    with pytest.raises(UserError, match="no dp"):
        filled("tensorrt-llm", "cuda", parallel={"dp": 2})


def test_the_users_flags_come_last_so_that_they_win():
    argv = filled("sglang", "cuda", flags=["--dtype float16", "--mem-fraction-static=0.8"]).argv
    assert argv[-3:] == ("--dtype", "float16", "--mem-fraction-static=0.8")
    with pytest.raises(UserError, match="--engine-flag"):
        filled("sglang", "cuda", flags=["'open"])


@pytest.mark.parametrize("flag", ["--api-key hunter2", "--hf-token=hunter2", "--ssl_password x"])
def test_a_secret_is_refused_since_flags_are_published(flag):
    from suites.client.subject import subject_spec

    with pytest.raises(UserError, match="published") as caught:
        subject_spec({"model": "tiny-15m", "engine": "vllm", "engine_flags": [flag]})
    assert "hunter2" not in str(caught.value)
    subject_spec({"engine": "vllm", "engine_flags": ["--max-num-batched-tokens 4096"]})


def test_what_stands_before_the_engines_own_words_is_not_among_its_flags(folder, program):
    started = f"env -u HF_TOKEN LETTERS=secret {program}"
    with engine(folder, started, "--seed 7") as running:
        flags = running.describe()["flags"]
    assert flags["--seed"] == "7"
    assert "secret" not in str(flags)
    assert "-u" not in flags


def test_an_engine_that_loads_for_minutes_is_given_them():
    from suites.inference import plan

    [quick, *_] = plan("quick", {"model": "tiny-15m"})
    [slow, *_] = plan("quick", {"model": "tiny-15m", "engine": "vllm:cpu"})
    assert slow.estimated_s > quick.estimated_s + 60


@pytest.mark.parametrize(
    ("named", "fields"),
    [
        ({"engine": "tensorrt-llm"}, {"min_tokens", "ignore_eos"}),
        ({"engine": "lmdeploy"}, {"ignore_eos"}),
        ({}, {"min_tokens", "ignore_eos", "n_predict"}),
    ],
)
def test_an_endpoint_is_sent_only_fields_its_engine_knows(named, fields):
    from suites.client.subject import subject, subject_spec

    # It does not tell its version: that stays unknown, and the request is built all the same.
    with Emitter(Schedule(ttft_ms=1, itl_ms=1)) as emitter:
        spec = subject_spec({"endpoint": emitter.url, "model": "m", **named})
        with subject(spec, slots=1, context=64) as under_test:
            head, tail = under_test.target.frame(7)
            assert under_test.engine["version"] == "unknown"
    body = json.loads(head + tail)
    assert fields == {"min_tokens", "ignore_eos", "n_predict"} & body.keys()
    assert body["max_tokens"] == 7


def test_an_image_is_known_by_its_digest_as_stated_or_as_the_program_names_it():
    digest = "sha256:" + "a" * 64
    program = f"docker run --rm vllm/vllm-openai@{digest} vllm"
    assert image_of(None, program) == f"vllm/vllm-openai@{digest}"
    assert image_of(f"mine@{digest}", program) == f"mine@{digest}"
    assert image_of(None, "docker run vllm/vllm-openai:latest") is None
    with pytest.raises(UserError, match="RepoDigests"):
        image_of("vllm/vllm-openai:latest", None)


def test_a_program_in_a_container_is_words_as_in_a_shell():
    argv = filled("vllm", "cuda", program="docker run --rm --gpus all 'an image' vllm").argv
    assert argv[:7] == ("docker", "run", "--rm", "--gpus", "all", "an image", "vllm")


def test_mindies_file_is_json_that_holds_what_a_command_line_would():
    start = filled("mindie", "ascend", parallel={"tp": 2})
    config = json.loads(start.files["config.json"])
    model = config["BackendConfig"]["ModelDeployConfig"]["ModelConfig"][0]
    assert (model["worldSize"], model["modelWeightPath"]) == (2, "/models/m")
    assert start.environment["MIES_CONFIG_JSON_PATH"] == "/tmp/x/config.json"


def test_the_device_is_the_one_named_else_this_machines_else_the_usual_one(tmp_path):
    assert chosen("vllm:ascend")[1] == "ascend"
    assert chosen("vllm", dev=tmp_path)[1] == "cpu"
    assert chosen("tensorrt-llm", dev=tmp_path)[1] == "cuda"
    (tmp_path / "kfd").touch()
    assert device_here(tmp_path) == chosen("sglang", dev=tmp_path)[1] == "rocm"


@pytest.mark.parametrize("name", ["", "vlm", "../vllm", "vllm:tpu", "mindie:cuda"])
def test_an_engine_or_device_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(UserError, match="expected"):
        chosen(name)


def test_an_engine_is_started_asked_its_version_and_taken_down_with_its_children(folder, program):
    import httpx

    with engine(folder, program, image="vllm/vllm-openai@sha256:" + "0" * 64) as running:
        child = httpx.get(f"{running.url}/version").json()["child"]
        description = running.describe()
        assert psutil.pid_exists(child)
    assert not psutil.pid_exists(child)
    assert (description["name"], description["version"], description["weights"]) == (
        "vLLM",
        "9.8.7",
        "random",
    )
    assert description["image"].startswith("vllm/")
    assert description["flags"]["--max-num-seqs"] == "2"
    assert description["flags"]["--no-enable-prefix-caching"] is True
    assert description["flags"]["VLLM_CPU_KVCACHE_SPACE"] == "2"
    assert not any(str(folder.path) in str(value) for value in description["flags"].values())


def test_an_engine_that_ends_while_starting_shows_its_last_words(folder, program):
    with pytest.raises(CheckError, match="no kernel image for this device"):
        engine(folder, program, "--fail").__enter__()


def test_a_program_that_is_not_there_is_named(folder):
    with pytest.raises(CheckError, match=r"cannot start 'no-such-engine'.*--engine-program|found"):
        engine(folder, "no-such-engine").__enter__()


def test_an_engine_that_dies_under_load_is_noticed(folder, program):
    with engine(folder, program) as running:
        [child] = [
            process
            for process in psutil.Process(running._process.pid).children()
            if "engine.py" in " ".join(process.cmdline())
        ]
        running.check_alive()
        child.kill()
        psutil.wait_procs([psutil.Process(running._process.pid)], timeout=120)
        with pytest.raises(CheckError, match="ended by itself"):
            running.check_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_part_of_an_engine_outlives_its_owner(folder, program, number):
    code = (
        "import time; from pathlib import Path;"
        "from suites.engines.served import EngineChoice, ServedEngine;"
        "from suites.engines.weights import Weights;"
        f"weights = Weights(path=Path({str(folder.path)!r}), sha256='', kind='random',"
        " precision='bf16');"
        f"choice = EngineChoice(engine='vllm:cpu', program={program!r});"
        "running = ServedEngine(weights, choice, model='m', slots=1, context=64, threads=1);"
        "running.__enter__(); print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == b"up\n"
        family = psutil.Process(owner.pid).children(recursive=True)
        os.kill(owner.pid, number)
        owner.wait(120)
    assert len(family) >= 3  # the launcher, the engine, the engine's own child
    assert psutil.wait_procs(family, timeout=120)[1] == []


def test_a_model_folder_is_the_same_on_every_machine_and_its_digest_says_if_it_is_not(tmp_path):
    first = generate_folder(SMALL, tmp_path / "a")
    again = generate_folder(SMALL, tmp_path / "b")
    assert first.sha256 == again.sha256
    assert first.sha256 != generate_folder(SMALL, tmp_path / "a", seed=1).sha256
    shell = "LC_ALL=C; cd {} && sha256sum *.json *.safetensors | sort | sha256sum"
    done = subprocess.run(["sh", "-c", shell.format(first.path)], capture_output=True, check=True)
    assert done.stdout.decode().split()[0] == first.sha256
    weights = first.path / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert read_folder(first.path).sha256 != first.sha256
    assert generate_folder(SMALL, tmp_path / "a").sha256 == first.sha256


def experts():
    """Qwen3-30B-A3B's architecture in a size that is written in a moment."""
    large = load("qwen3-30b-a3b")
    few = large.moe.model_copy(update={"experts": 8, "experts_per_token": 2, "intermediate": 64})
    heads = large.attention.model_copy(update={"heads": 4, "kv_heads": 2, "head_dim": 32})
    layers = (Layer(count=2, parts=(heads, few)),)
    small = {"id": "experts", "layers": layers, "hidden": 128, "vocab": 2000}
    return large.model_copy(update=small)


@pytest.mark.parametrize("geometry", [SMALL, experts()], ids=["dense", "experts"])
def test_a_model_folder_holds_the_geometrys_parameters(tmp_path, geometry):
    made = generate_folder(geometry, tmp_path)
    data = (made.path / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert (len(data) - 8 - size) // 2 == geometry.parameters()
    assert header["model.embed_tokens.weight"]["shape"] == [geometry.vocab, geometry.hidden]
    vocabulary = json.loads((made.path / "tokenizer.json").read_text())["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(geometry.vocab))


def test_experts_of_a_kind_no_model_class_here_computes_are_refused(tmp_path):
    with pytest.raises(UserError, match="--weights"):
        generate_folder(load("deepseek-v3"), tmp_path)


@pytest.mark.parametrize("files", [{}, {"config.json": "{"}, {"config.json": "{}"}])
def test_what_is_no_model_folder_is_refused(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("version", "says"),
    [("0.33.0", ""), ("0.40.1+cu130", ""), ("0.8.5", "stale"), ("unknown", "unknown")],
)
def test_a_stale_or_unknown_version_is_flagged(version, says):
    flags = remarks({"name": "vLLM", "version": version, "weights": "random", "flags": {}})
    assert bool(flags) == bool(says)
    assert says in "".join(flags)


def test_real_weights_that_were_not_checked_are_flagged():
    description = {"name": "llama.cpp", "version": "2026.10.1", "weights": "real", "flags": {}}
    assert "fenmark reference" in remarks(description)[0]
    assert remarks({**description, "flags": {"gate_agreed": 8}}) == []
