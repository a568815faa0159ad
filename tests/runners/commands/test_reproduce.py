"""A published result repeated: what is refused before it starts. The guides' tests repeat one."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from results.archive import archive
from results.keys.identity import runner_id
from results.proof import envelope
from runners.options.in_statement import from_statement, stated_options
from runners.options.options import RunOptions
from runners.options.registry import by_key
from suites.base.errors import UserError

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def stranger(tmp_path, monkeypatch):
    """A runner with no key yet, in a folder with nothing in it."""
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "key"))
    monkeypatch.chdir(tmp_path)


PUBLIC = ROOT / "results" / "public"
# The first published result; it is older than the statement's `options`.
FIRST = PUBLIC / "submissions"
FIRST /= "681bfac5ba2b517144a87d29407b129d4f095fe3e6347f5fd2da419b135b4d04.dsse.json"


@cache
def first():
    return archive.open_result(FIRST).predicate


def statement(folder):
    [path] = archive.envelopes(folder)
    return archive.open_result(path).statement


def resigned(folder, *, chip=None, engine=None, options=None, run_id=None):
    """The published result with options, as measured on another chip or by another engine."""
    predicate = archive.open_result(FIRST).predicate
    signer = CryptoSigner.generate_ed25519()
    run = {"options": options or {"backend": ["numpy"]}, "runner": runner_id(signer.public_key)}
    if run_id:
        run["id"] = run_id
    machine = predicate.machine
    if chip:
        machine = machine.model_copy(update={"chip": machine.chip.model_copy(update=chip)})
    engines = [used.model_copy(update=engine or {}) for used in predicate.engines]
    changed = predicate.model_copy(
        update={
            "run": predicate.run.model_copy(update=run),
            "machine": machine,
            "engines": engines,
        }
    )
    whole = archive.open_result(FIRST).statement.model_copy(update={"predicate": changed})
    folder.mkdir()
    return archive.accept(folder, envelope.encode(whole), signer).digest


def test_a_result_of_another_chip_is_refused_before_anything_runs(fenmark, tmp_path):
    digest = resigned(tmp_path / "first", chip={"catalog_id": None, "name": "Other"})
    out = tmp_path / "out"
    done = fenmark("reproduce", digest, "--results", tmp_path / "first", "--out", out)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "cannot be compared with a run here" in last
    assert "x Other there" in last
    assert not out.exists()


@pytest.mark.parametrize(
    ("engine", "needed"),
    [
        ({"flags": {"endpoint": True}, "weights": "unknown"}, "--endpoint"),
        ({"weights": "real"}, "--weights"),
    ],
)
def test_what_only_the_second_runner_can_give_is_asked_for(fenmark, tmp_path, engine, needed):
    digest = resigned(tmp_path / "first", engine=engine)
    done = fenmark("reproduce", digest, "--results", tmp_path / "first")
    assert done.returncode == 2
    assert needed in done.stderr


def test_a_result_that_states_no_options_is_refused_in_one_line(fenmark, tmp_path):
    out = tmp_path / "out"
    done = fenmark("reproduce", FIRST.name[:12], "--results", PUBLIC, "--out", out)
    assert done.returncode == 1
    assert "does not state its options" in done.stderr.splitlines()[-1]
    assert not out.exists()


def test_a_digest_that_is_not_there_is_one_clear_line(fenmark, tmp_path):
    done = fenmark("reproduce", "0" * 64, "--results", PUBLIC)
    assert done.returncode == 2
    assert done.stderr.startswith("fenmark: ")
    assert "no result" in done.stderr


def test_a_statement_tells_nothing_about_the_machine_of_its_runner(tmp_path):
    sweep = tmp_path / "sweep.toml"
    sweep.write_text("least = 1\n")
    asked = {
        "weights": "/home/me/model.gguf",
        "endpoint": "http://10.0.0.1:8000",
        "api_key_env": "SECRET",
        "samples": "/home/me/x.parquet",
        "sweep": str(sweep),
        "concurrency": (1, 2),
        "threads": None,
    }
    stated = stated_options(RunOptions(suite_options=asked))
    assert stated == {"sweep": "least = 1\n", "concurrency": [1, 2]}


# A stranger's statement never decides what is executed, where a secret goes, or which file is
# read or written here.
@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("engine_program", "sh -c 'touch {proof}'", "a program to execute"),
        ("endpoint", "http://127.0.0.1:9", "an address"),
        ("fleet", "ray://127.0.0.1:9", "an address"),
        ("api_key_env", "HOME", "a secret"),
        ("weights", "/etc/passwd", "a file"),
        ("reference", "/etc/passwd", "a file"),
        ("tokenizer", "/etc/passwd", "a file"),
        ("trace", "/etc/passwd", "a file"),
        ("samples", "{proof}", "a file"),
        ("meter_trace", ["/etc/passwd"], "a file"),
        ("cache", "/", "a file"),
        ("datasheet", "x", "not for a statement"),
        ("out", "{proof}", "does not know"),
        ("resume", True, "does not know"),
        ("__class__", 1, "does not know"),
        ("model", "/etc/x.toml", "will not do"),
        ("model", "../x.toml", "will not do"),
        ("model", "config.json", "will not do"),
        ("model", "x.gguf", "will not do"),
        ("model", "--help", "will not do"),
        ("dtype", "--load-format=x", "will not do"),
        ("threads", 10**9, "will not do"),
        ("threads", True, "will not do"),
        ("isl", "512", "will not do"),
        ("concurrency", [2**40], "will not do"),
        ("concurrency", 4, "not a list"),
        ("duration", 1e12, "will not do"),
        ("engine_flags", ["--trust-remote-code"], "--allow-engine-flags"),
    ],
)
def test_a_statement_gives_no_orders(fenmark, tmp_path, monkeypatch, option, value, why):
    proof, out = tmp_path / "proof", tmp_path / "out"
    started = []
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: started.append(a))
    if isinstance(value, str):
        value = value.format(proof=proof)
    digest = resigned(tmp_path / "first", options={"engine": "vllm:cpu", option: value})
    done = fenmark("reproduce", digest, "--results", tmp_path / "first", "--out", out, "--force")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert f"predicate.run.options.{option}: " in line
    assert why in line
    assert not started
    assert not proof.exists()
    assert not out.exists()


def test_the_id_of_a_run_becomes_no_path(tmp_path):
    folder, out = tmp_path / "first", tmp_path / "out"
    resigned(folder, options={"sweep": "least = 1\n"}, run_id="../../../evil")
    options = from_statement(statement(folder).predicate, out)
    sweep = Path(options.suite_options["sweep"])
    assert sweep.parent == out
    assert sweep.read_text() == "least = 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["first", "out"]


def test_only_options_of_the_suites_that_ran_are_stated():
    asked = {"isl": 512, "backend": ["numpy"], "engine": "llama.cpp"}
    assert stated_options(RunOptions(suites=("kernels",), suite_options=asked)) == {
        "backend": ["numpy"]
    }


@given(
    st.dictionaries(
        st.sampled_from(sorted(by_key())) | st.text(max_size=12),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
        max_size=4,
    )
)
def test_no_option_of_a_stranger_ends_in_anything_but_a_refusal(options):
    published = first()
    run = published.run.model_copy(update={"options": options})
    predicate = published.model_copy(update={"run": run})
    try:
        chosen = from_statement(predicate, Path("unused") / "out").suite_options
    except UserError:
        return
    assert chosen.keys() <= by_key().keys()
    for name in chosen:
        assert by_key()[name].holds == "value" or name == "sweep"
