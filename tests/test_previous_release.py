"""What is signed today is verified by the code of the release before, where there is one."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from results.archive import archive
from results.proof import envelope
from results.statement.statement_v2 import read_statement
from tests.builders import stated

ROOT = Path(__file__).parent.parent
RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from runners.cli import main; main()"


def git(home, *arguments):
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(home), *names, *arguments], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path):
    """This history without its tags, and today's script; its files stay in git."""
    home = tmp_path / "clone"
    options = ("-q", "--no-checkout", "--no-tags", "--shared")
    git(tmp_path, "clone", *options, str(ROOT), str(home))
    if subprocess.run(
        ["git", "-C", str(home), "rev-parse", "-q", "--verify", "HEAD"],
        check=False,
        capture_output=True,
    ).returncode:
        pytest.skip("no history is here")
    (home / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "previous", home / ".ci")
    return home


@pytest.fixture
def program(clone, tmp_path):
    """Runs the code that the script takes out of the tag."""
    source = clone / "out" / "previous" / "source"
    made = tmp_path / "fenmark"
    command = shlex.join([sys.executable, "-c", RUN, str(source)])
    made.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    made.chmod(0o755)
    return made


@pytest.fixture
def today(tmp_path):
    home = tmp_path / "today"
    archive.accept(home, envelope.encode(read_statement(stated())), CryptoSigner.generate_ed25519())
    return home


def previous(clone, program, *archives):
    return subprocess.run(
        ["bash", str(clone / ".ci" / "previous"), *map(str, archives)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FENMARK_PREVIOUS": str(program)},
    )


def test_without_a_release_it_says_so(clone, program, today, tmp_path):
    for tag in ("", "notes-of-may", "v1.0.0"):  # the last is of this very commit
        if tag:
            git(clone, "tag", tag)
        done = previous(clone, program, today)
        assert (done.returncode, done.stdout) == (
            0, "skipped: there is no release before this commit\n",
        )  # fmt: skip
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--no-checkout", "--depth", "1", clone.as_uri(), str(shallow))
    shutil.copytree(clone / ".ci", shallow / ".ci")
    assert "skipped: this clone is shallow" in previous(shallow, program, today).stdout


def test_the_release_before_verifies_and_finds_what_is_broken(clone, program, today):
    git(clone, "tag", "v1.0.0")
    git(clone, "commit", "-qm", "later", "--allow-empty")
    done = previous(clone, program, today)
    assert done.returncode == 0, done.stderr
    assert "by v1.0.0:" in done.stdout
    assert "1 results, 0 with problems" in done.stdout
    [sealed] = archive.envelopes(today)
    sealed.write_bytes(sealed.read_bytes().replace(b'"sig"', b'"six"'))
    assert previous(clone, program, today).returncode == 1
