"""Odd files in the place of those that a command or a suite takes: one line, and no waiting."""

import base64
import json
import os
import shutil
import signal
import socket
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from results.archive import archive
from results.catalog import prices_data
from suites.base.errors import UserError
from suites.client.vocabulary import from_tokenizer
from suites.engines import gate, hf_folder, weights
from suites.models import load
from suites.serving.load.trace import read_trace
from suites.serving.sweep import read_sweep

PUBLIC = Path(archive.__file__).parents[1] / "public"
DEEP = b"[" * 100_000 + b"]" * 100_000


def writer(data):
    return lambda path: path.write_bytes(data)


def sock(path):
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def vast(path):
    path.write_bytes(b"GGUF")
    os.truncate(path, 2**40)


ODD = {
    "absent": lambda path: None,
    "empty": writer(b""),
    "nul": writer(b"\0" * 64),
    "binary": writer(bytes(range(256)) * 4),
    "words": writer(b"not what you want\n"),
    "utf-16": writer("a = 1\n{}".encode("utf-16")),
    "latin-1": writer(b'# caf\xe9\n"\xe9" = 1\n'),
    "deep": writer(DEEP),
    "deep objects": writer(b'{"a":' * 50_000),
    "deep toml": writer(b"a = " + DEEP),
    "dotted": writer(b"a." * 50_000 + b"a = 1"),
    "digits": writer(b"9" * 10_000),
    "digits in json": writer(b'{"a": ' + b"9" * 10_000 + b"}"),
    "digits in toml": writer(b"a = " + b"9" * 10_000),
    "large integer": writer(b'{"arrival": ' + b"9" * 400 + b', "isl": 100, "osl": 9}'),
    "null": writer(b"null"),
    "list": writer(b"[1]"),
    "object": writer(b'{"a": {}}'),
    "long line": writer(b"a," * 1_000_000),
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": sock,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "kernel": lambda path: path.symlink_to("/proc/self/maps"),
    "dangling": lambda path: path.symlink_to("nowhere"),
    "loop": lambda path: path.symlink_to(path.name),
    "terabyte": vast,
}
NEVER_READ = {"folder", "pipe", "socket", "device", "dangling", "loop", "terabyte"}
READERS = {
    "trace": read_trace,
    "sweep": read_sweep,
    "tokenizer": from_tokenizer,
    "geometry.toml": lambda path: load(str(path)),
    "weights": weights.read,
    "reference": gate.load_reference,
    "prices": prices_data.read_sheet,
}
COMMANDS = {
    "plan": ("plan", "check", "{}"),
    "inventory": ("matrix", "--inventory", "{}"),
    "meter": ("energy", "trace", "{}"),
    "policy": ("verify", PUBLIC, "--policy", "{}"),
    "configuration": ("compare-configs", "{}", "{}.absent"),
    "run": ("compare-runs", "{}", PUBLIC),
    "result": ("show", "{}"),
    "published": ("import", "{}", "--kind", "vllm", "--out", "{}.out"),
    "published.parquet": ("import", "{}", "--kind", "aiconfigurator", "--out", "{}.out"),
    "key": ("keys", "show", "--path", "{}"),
    "key file": ("keys", "revoke", "{}", "--reason", "lost"),
    "log key": ("witness", "--data", "{}.data", "--name", "w", "--log-key", "{}"),
}


@pytest.fixture(autouse=True)
def no_waiting():
    """What waits for a pipe fails, and does not hold up the tests; nothing here takes long."""

    def give_up(*_):
        pytest.fail("waits")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(240)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", READERS)
def test_a_reader_complains_in_one_line(tmp_path, name, odd):
    path = tmp_path / name
    ODD[odd](path)
    if name == "sweep" and odd in {"empty", "kernel"}:
        assert read_sweep(path).most == 64  # a plan may leave everything to us
        return
    with pytest.raises(UserError) as caught:
        READERS[name](path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_complains_in_one_line(fenmark, tmp_path, name, odd):
    path = tmp_path / name
    ODD[odd](path)
    if path.is_file() and not path.is_symlink():
        path.chmod(0o600)  # or a key is complained about for that
    done = fenmark(*(str(part).replace("{}", str(path)) for part in COMMANDS[name]))
    told = [line for line in done.stderr.splitlines() if line.startswith("fenmark: ")]
    if done.returncode == 1:
        # Rows that cannot be understood are counted; that none is accepted is a failure.
        assert name.startswith("published"), done
        assert "0 imported" in done.stderr
        return
    assert (done.returncode, len(told)) == (2, 1), done.stderr
    assert str(path) in told[0]


@pytest.mark.parametrize("odd", sorted(ODD.keys() - {"absent"}))
@pytest.mark.parametrize("part", ["config.json", "model.safetensors"])
def test_a_model_folder_with_an_odd_part_is_one_line(tmp_path, part, odd):
    (tmp_path / "config.json").write_text('{"dtype": "float16"}')
    (tmp_path / "model.safetensors").write_bytes(b"x")
    (tmp_path / part).unlink()
    ODD[odd](tmp_path / part)
    fine = {"object", "large integer"} if part == "config.json" else ODD.keys() - NEVER_READ
    if odd in fine:
        assert len(hf_folder.read_folder(tmp_path).sha256) == 64
        return
    # The command line prints either as one line.
    with pytest.raises((UserError, OSError), match=part):
        hf_folder.read_folder(tmp_path)


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """Two results of the published ones in a log of their own."""
    home = tmp_path_factory.mktemp("odd") / "archive"
    signer = CryptoSigner.generate_ed25519()
    for path in sorted(archive.envelopes(PUBLIC), key=lambda path: path.stat().st_size)[:2]:
        sealed = json.loads(path.read_bytes())
        archive.accept(home, base64.b64decode(sealed["payload"]), signer)
    return home


VERBS = {
    "cost": ("cost", "--results", "{}", "--json"),
    "show": ("show", "{}", "--json"),
    "verify": ("verify", "{}"),
}


@pytest.fixture
def told(fenmark, public):
    """What a verb says of the archive as it lies there."""
    return lambda verb: fenmark(*(str(part).replace("{}", str(public)) for part in VERBS[verb]))


@pytest.fixture(scope="module")
def sound():
    """What each verb says of the sound archive, kept by the first test that asks."""
    return {}


@pytest.mark.parametrize("odd", sorted(ODD.keys() - {"absent"}))
@pytest.mark.parametrize(
    "name", ["runners/runner-x.toml", f"submissions/{'f' * 64}.dsse.json", "x.reported.json"]
)
def test_one_broken_file_of_an_archive_hides_no_other(told, public, sound, name, odd):
    (public / name).parent.mkdir(exist_ok=True)
    for verb in VERBS:
        if verb not in sound:
            sound[verb] = told(verb)
    assert [done.returncode for done in sound.values()] == [0, 0, 0]
    ODD[odd](public / name)
    try:
        # `verify` and `show` take signed results alone.
        by_verb = {verb: told(verb) for verb in (["cost"] if name.startswith("x.") else VERBS)}
    finally:
        shutil.rmtree(public / name) if odd == "folder" else (public / name).unlink()
    broken = Path(name).name
    cost = by_verb.pop("cost")
    assert (cost.returncode, cost.stdout) == (1, sound["cost"].stdout)
    assert "left out broken files: 1" in cost.stderr
    assert broken in cost.stderr.splitlines()[0]
    if not by_verb:
        return
    assert (by_verb["show"].returncode, by_verb["show"].stdout) == (1, sound["show"].stdout)
    assert broken in by_verb["show"].stderr.splitlines()[0]
    assert by_verb["verify"].returncode == 1
    assert by_verb["verify"].stdout.count("ok ") == sound["verify"].stdout.count("ok ") > 0
    assert broken in by_verb["verify"].stdout


def test_broken_key_files_are_counted_and_named_for_scripts(fenmark, public, tmp_path):
    public = Path(shutil.copytree(public, tmp_path / "public"))
    for name in ("a.toml", "b.toml"):
        (public / "runners" / name).write_text("no key")
    told = fenmark("verify", public)
    assert "2 broken key files" in told.stdout
    report = json.loads(fenmark("verify", public, "--json").stdout)
    assert (report["ok"], len(report["broken_key_files"])) == (False, 2)
    assert all(not result["problems"] for result in report["results"])
