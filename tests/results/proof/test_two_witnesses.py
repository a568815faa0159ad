"""Two independent witnesses, as processes, hold a machine's own log to one history."""

import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from results.archive import archive
from results.proof import envelope

FENMARK = [sys.executable, "-c", "from runners.cli import main; main()"]


@contextmanager
def witness(home, name, key):
    """Starts a witness; gives its URL and its lines for a policy file."""
    options = ["--data", home, "--name", name, "--log-key", key, "--port", "0"]
    command = [*FENMARK, "witness", *map(str, options)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **streams) as process:
        try:
            url = process.stdout.readline().split()[-1]
            yield url, "".join(process.stderr.readline() for _ in range(3))
        finally:
            process.kill()


@pytest.fixture
def two(tmp_path, home):
    """URLs of two witnesses of the archive's log, and a policy that asks for both."""
    [key] = (home / "runners").glob("*.toml")
    with ExitStack() as stack:
        pair = [
            stack.enter_context(witness(tmp_path / name, f"{name}.example/w", key))
            for name in ("a", "b")
        ]
        policy = tmp_path / "policy.toml"
        policy.write_text("quorum = 2\n" + "".join(lines for _, lines in pair))
        yield [url for url, _ in pair], policy


def test_two_witnesses_cosign_one_history_and_no_other(
    fenmark, tmp_path, home, two, statement, signer
):
    urls, policy = two
    asked = [part for url in urls for part in ("--witness", url)]
    assert fenmark("verify", home, "--policy", policy).returncode == 1
    assert fenmark("cosign", home, "--witness", urls[0]).returncode == 0
    assert "cosigned by 1" in fenmark("verify", home, "--policy", policy).stdout
    shutil.copytree(home, tmp_path / "fork")
    archive.accept(home, envelope.encode(statement("run-2")), signer)
    assert fenmark("cosign", home, *asked).returncode == 0
    assert fenmark("verify", home, "--policy", policy).returncode == 0
    note = (home / "log/cosigned").read_text()
    assert len(re.findall(r"^— [ab]\.example/w ", note, re.MULTILINE)) == 2
    archive.accept(tmp_path / "fork", envelope.encode(statement("run-3")), signer)
    refused = fenmark("cosign", tmp_path / "fork", *asked)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert fenmark("verify", tmp_path / "fork", "--policy", policy).returncode == 1
