"""The command line: every mistake is one line that says what to do, and an exit code."""

import os
import subprocess
import sys
from importlib import metadata
from importlib.metadata import EntryPoint

import pytest
from packaging.version import Version
from typer.main import get_command

from results import catalog
from results.economy.money_options import MONEY_OPTIONS
from runners import cli
from runners.measure import provenance


def process(*arguments, **environment):
    command = [sys.executable, "-c", "from runners.cli import main; main()", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--suite", "kernel"], "no suite 'kernel'; expected kernels or inference"),
        (["run", "--profile", "fast"], "no profile 'fast'; expected quick or standard or full"),
        (["run", "--concurrency", "1,x"], "--concurrency: '1,x' is not a list of numbers"),
        (["run", "--no-such-option"], "see `fenmark run --help`"),
        (["no-such-verb"], "No such command"),
        (["run", "--suite", "kernels", "--case", "no-such-kernel*"], "no-such-kernel"),
        (["run", "--suite", "inference", "--model", "no-such-model"], "no-such-model"),
        (["verify", "/nowhere"], "/nowhere"),
        (["site", "--results", "/nowhere", "--out", "/tmp/x"], "/nowhere"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(fenmark, arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = fenmark(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_mistake_is_one_line_of_the_process_too():
    done = process("verify", "/nowhere")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("fenmark: /nowhere")


def test_a_folder_without_permission_is_one_line(fenmark, tmp_path):
    (tmp_path / "file").write_text("")
    done = fenmark("run", "--suite", "kernels", "--out", tmp_path / "file" / "results")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--out" in done.stderr


def test_the_help_lists_every_verb_with_what_it_does(fenmark, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = fenmark("--help")
    assert done.returncode == 0
    lines = [line.strip(" │").split(maxsplit=1) for line in done.stdout.splitlines()]
    told = {line[0]: line[1] for line in lines if len(line) == 2}
    verbs = list(cli.Verbs())
    assert len(verbs) > 20
    assert [verb for verb in verbs if len(told.get(verb, "").split()) < 4] == []
    assert "annot be loaded" not in done.stdout


def test_a_verb_loads_no_other():
    script = (
        "import sys; sys.argv = ['fenmark', 'verify', '--help']\n"
        "from runners.cli import main\n"
        "try: main()\n"
        "finally: print({'leaderboard', 'pandas', 'runners.commands.run'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    assert done.stdout.splitlines()[-1] == b"set()"


def test_a_verb_that_cannot_be_loaded_says_so_and_leaves_the_others(fenmark, monkeypatch):
    points = [
        EntryPoint("broken", "runners.commands.no_such_module:verb", "fenmark.commands"),
        EntryPoint("verify", "results.commands.verify:verify", "fenmark.commands"),
    ]
    monkeypatch.setattr(cli, "entry_points", lambda group: points)
    done = fenmark("broken", "--any", "thing")
    assert done.returncode == 2
    assert done.stderr == (
        "fenmark: broken: cannot be loaded: "
        "No module named 'runners.commands.no_such_module'; install Fenmark again\n"
    )
    listed = fenmark("--help")
    assert listed.returncode == 0
    assert "Cannot be loaded" in listed.stdout
    assert fenmark("verify", "--help").returncode == 0


def test_the_shell_completes_verbs_and_their_options():
    def completions(*words):
        asked = {
            "_FENMARK_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("fenmark", *words)),
            "COMP_CWORD": str(len(words)),
        }
        return process(**asked).stdout.split()

    assert completions("compare") == ["compare-runs", "compare-configs"]
    assert completions("verify", "--pol") == ["--policy"]


def test_the_version_says_what_is_installed_and_in_a_checkout_the_commit(fenmark, monkeypatch):
    versions = {}
    for commit in ("", "0123abcde"):
        monkeypatch.setattr(provenance, "_git", lambda *_arguments, answer=commit: answer)
        done = fenmark("--version")
        assert done.returncode == 0
        versions[commit] = done.stdout.removeprefix("fenmark ").strip()
    installed = metadata.version("fenmark")
    assert versions == {"": installed, "0123abcde": f"{installed.partition('+')[0]}+g0123abcde"}
    assert all(str(Version(version)) == version for version in versions.values())  # PEP 440


def test_a_statement_names_release_and_commit_and_neither_is_too_long():
    assert provenance.suite_version() in catalog.versions()
    packages = provenance.software({}).packages
    assert packages["fenmark"] == provenance.tool_version()
    assert len(packages["fenmark"]) < 256


def test_run_show_and_cost_take_the_same_options_of_money():
    commands = get_command(cli.app()).commands
    told = [
        {
            option.name: (option.opts, option.help)
            for option in commands[name].params
            if option.name in {money_option.name for money_option in MONEY_OPTIONS}
        }
        for name in ("run", "show", "cost")
    ]
    assert told[0] == told[1] == told[2]
    assert told[0].keys() == {money_option.name for money_option in MONEY_OPTIONS}
