"""`fenmark verify` shows how far it is to a person, and to nobody else."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from results.archive import archive, verification
from runners.cli import app

PUBLIC = Path(__file__).parents[3] / "results" / "public"
HIDE_CURSOR = "\x1b[?25l"


@pytest.mark.parametrize(
    ("terminal", "options", "shown"),
    [("1", [], True), ("1", ["--json"], False), ("", [], False)],
)
def test_a_bar_is_shown_on_a_terminal_alone(monkeypatch, terminal, options, shown):
    monkeypatch.setenv("FORCE_COLOR", terminal)
    monkeypatch.setenv("TERM", "xterm")
    told = CliRunner().invoke(app(), ["verify", str(PUBLIC), *options])
    assert told.exit_code == 0
    assert (HIDE_CURSOR in told.output) == shown
    assert ("verifying" in told.output) == shown


def test_it_tells_how_many_are_judged(monkeypatch):
    monkeypatch.setattr(verification, "_CHUNK", 2)
    files, told = archive.envelopes(PUBLIC), []
    verification.verify(PUBLIC, tell=lambda *numbers: told.append(numbers))
    assert told == [(at, len(files)) for at in range(0, len(files), 2)]
