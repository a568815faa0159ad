"""What the README promises is there: commands, sessions, verbs, files."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runners import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [README, (ROOT / "CONTRIBUTING.md").read_text()]
SETUP = "python3 -m venv .venv && .venv/bin/pip install nox && .venv/bin/nox"


def test_the_two_commands_are_there_and_ci_runs_the_second():
    assert f"```\n{SETUP}\n```" in README
    assert f"```\n{SETUP} -s tests\n```" in README
    assert f"{SETUP} -s tests\n" in (ROOT / ".ci" / "run").read_text()


def sessions():
    source = (ROOT / "noxfile.py").read_text()
    return set(re.findall(r"^@nox\.session.*\ndef (\w+)", source, re.MULTILINE))


def test_every_session_named_exists():
    named = {
        name
        for page in PAGES
        for names in re.findall(r"nox -s ((?:[a-z]+ ?)+)", page)
        for name in names.split()
    }
    assert named
    assert named <= sessions()


def test_the_main_job_is_the_default_session():
    assert 'nox.options.sessions = ["bench"]' in (ROOT / "noxfile.py").read_text()


def test_every_verb_named_exists():
    verbs = set(cli.Verbs())
    named = {verb for page in PAGES for verb in re.findall(r"`[^`\n]*fenmark ([a-z][a-z-]+)", page)}
    assert named
    assert named <= verbs


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_local_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_every_verb_has_help_with_an_example():
    app = cli.app()
    for verb in cli.Verbs():
        output = CliRunner().invoke(app, [verb, "--help"]).output
        assert f"fenmark {verb}" in output.split("Usage:")[1].partition("\n")[2], verb
