"""The command line: every mistake is one line that says what to do, and an exit code."""

import subprocess
import sys

import pytest


def fenmark(*arguments, cwd=None):
    command = [sys.executable, "-c", "from runners.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--suite", "kernel"], "no suite 'kernel'; expected kernels or inference"),
        (["run", "--profile", "fast"], "no profile 'fast'; expected quick or standard or full"),
        (["run", "--concurrency", "1,x"], "--concurrency: '1,x' is no list of numbers"),
        (["run", "--no-such-option"], "see `fenmark run --help`"),
        (["no-such-verb"], "No such command"),
        (["run", "--suite", "kernels", "--case", "no-such-kernel*"], "no-such-kernel"),
        (["run", "--suite", "inference", "--model", "no-such-model"], "no-such-model"),
        (["verify", "/nowhere"], "/nowhere"),
        (["site", "--results", "/nowhere", "--out", "/tmp/x"], "/nowhere"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, says, tmp_path):
    done = fenmark(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_folder_without_permission_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = fenmark("run", "--suite", "kernels", "--out", tmp_path / "file" / "results")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--out" in done.stderr


@pytest.mark.parametrize("verb", ["doctor", "run", "verify", "site", "keys"])
def test_every_verb_of_the_contract_explains_itself_with_an_example(verb):
    done = fenmark(verb, "--help")
    assert done.returncode == 0
    assert f"fenmark {verb}" in done.stdout
