"""The terminal takes no string at its word, wherever it stands."""

import io
import json
import logging
import sys

import pytest
from rich.table import Table

from results.service.logs import JsonLines
from suites.base.terminal import Terminal, complain, joined, print_whole, styled

HOSTILE = "[red]x[/] :smile: \n\x1b[2K\u202e\r ok"
SHOWN = r"[red]x[/] :smile: \n\x1b[2K\u202e\r ok"


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return Terminal(file=io.StringIO(), width=160)


def drawn(terminal):
    return [line.strip() for line in terminal.file.getvalue().splitlines() if line.strip()]


def test_a_line_shows_its_strings_and_its_styled_texts(terminal):
    terminal.say(styled(HOSTILE, "red"), HOSTILE)
    terminal.say(joined("a ", styled("b", "dim")), indent=2)
    assert drawn(terminal) == [SHOWN + SHOWN, "a b"]


def test_cells_headings_and_titles_are_strings_too(terminal):
    table = Table(HOSTILE, box=None, title=HOSTILE, caption=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(joined(HOSTILE, styled(HOSTILE, "dim")))
    terminal.show(table)
    assert drawn(terminal) == [SHOWN, SHOWN, SHOWN, SHOWN + SHOWN, SHOWN]


class Screen(io.StringIO):
    def isatty(self):
        return True


FORGED = "ok  deadbeef, CI-attested"


@pytest.mark.parametrize("filler", ["x" * 50, "x " * 40, "x" + " " * 60, "\u3000" * 40])
@pytest.mark.parametrize("width", range(12, 44, 3))
def test_no_part_of_a_long_string_begins_a_line_of_a_screen(filler, width):
    screen = Terminal(file=Screen(), width=width)
    table = Table("a", "b", box=None, pad_edge=False)
    table.add_row(f"{filler}{FORGED}", styled(f"{filler}{FORGED}", "dim"))
    screen.say(f"! {filler}", FORGED)
    screen.show(table)
    lines = screen.file.getvalue().splitlines()
    assert len(lines) > 3
    assert not [line for line in lines if line.strip().startswith("ok")]
    assert [line for line in lines if "↪" in line]


def test_figures_go_on_without_a_mark(terminal):
    table = Table(box=None, width=12)
    table.add_column("95% interval", overflow="fold")
    table.add_row("0.0123 [0.0119, 0.0127]")
    terminal.show(table)
    assert drawn(terminal) == ["95%", "interval", "0.0123", "[0.0119,", "0.0127]"]


def test_in_a_pipe_a_line_is_whole(terminal):
    terminal.say("y" * 500, indent=4)
    assert terminal.file.getvalue() == "    " + "y" * 500 + "\n"


def test_an_error_is_one_line_where_colour_is_forced_too(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    complain("z " * 300)
    assert capsys.readouterr().err == "z " * 300 + "\n"


def test_in_a_job_no_text_is_a_command_to_its_runner(terminal, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    terminal.say("::set-output name=digest::x", indent=2)
    terminal.say("a ##[set-output name=digest]x")
    complain("  ::add-mask::x")
    printed = terminal.file.getvalue() + capsys.readouterr().err
    assert printed.splitlines() == [
        r"  :\x3aset-output name=digest:\x3ax",
        r"a #\x23[set-output name=digest]x",
        r"  :\x3aadd-mask:\x3ax",
    ]


def test_a_text_of_several_lines_keeps_them(capsys):
    print_whole('id = "é"\nowner = "\x9b\u202e"\n')
    assert capsys.readouterr().out == 'id = "é"\nowner = "\\x9b\\u202e"\n'


def test_a_record_of_the_log_is_one_json_line():
    try:
        int(HOSTILE)
    except ValueError:
        raised = sys.exc_info()
    record = logging.LogRecord("a", logging.ERROR, "f", 1, "no: %s", (HOSTILE,), raised)
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert (told["level"], told["message"]) == ("ERROR", f"no: {SHOWN}")
    assert "ValueError" in told["traceback"]


@pytest.mark.parametrize("width", [24, 40, 80])
def test_a_table_too_wide_for_its_screen_cuts_no_name(width: int):
    name = "0123456789abcdef" * 4
    table = Table("digest", "chip", "value", box=None)
    table.add_row(name, "epyc-9004", "12.3 tokens/s")
    shown = io.StringIO()
    Terminal(file=shown, width=width).show(table)
    assert "…" not in shown.getvalue()
    lines = [
        line.removeprefix(" ").removeprefix("↪ ").split(" ")[0]
        for line in shown.getvalue().splitlines()[1:]
    ]
    assert "".join(lines) == name
