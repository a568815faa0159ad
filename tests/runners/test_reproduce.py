"""A published result repeated: what is refused before it starts. The guides' tests repeat one."""

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from results import archive, envelope
from results.identity import runner_id
from runners.options import Options
from runners.stated import stated_options

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def stranger(tmp_path, monkeypatch):
    """A runner with no key yet, in a folder with nothing in it."""
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "key"))
    monkeypatch.chdir(tmp_path)


PUBLIC = ROOT / "results" / "public"
# The first published result; it is older than the statement's `options`.
FIRST = PUBLIC / "submissions"
FIRST /= "681bfac5ba2b517144a87d29407b129d4f095fe3e6347f5fd2da419b135b4d04.dsse.json"


def statement(folder):
    [path] = archive.envelopes(folder)
    return archive.open_result(path).statement


def resigned(folder, *, chip=None, engine=None):
    """The published result with options, as measured on another chip or by another engine."""
    predicate = archive.open_result(FIRST).predicate
    signer = CryptoSigner.generate_ed25519()
    run = {"options": {"backend": ["numpy"]}, "runner": runner_id(signer.public_key)}
    machine = predicate.machine
    if chip:
        machine = machine.model_copy(update={"chip": machine.chip.model_copy(update=chip)})
    engines = [one.model_copy(update=engine or {}) for one in predicate.engines]
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
    stated = stated_options(Options(suite_options=asked))
    assert stated == {"sweep": "least = 1\n", "concurrency": [1, 2]}
