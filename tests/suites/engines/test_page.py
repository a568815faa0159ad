"""The documentation's command lines are the templates' own."""

from __future__ import annotations

from pathlib import Path

import leaderboard
from suites.engines.page import page
from suites.engines.template import names, template

DOCS = Path(leaderboard.__file__).parent / "docs"


def test_the_page_of_command_lines_is_the_templates_own():
    written = (DOCS / "engine-commands.md").read_text(encoding="utf-8")
    assert written == page(), "run `python -m suites.engines.page` into the page"


def test_the_page_says_of_every_command_line_whether_we_ran_it():
    devices = sum(len(template(name).devices) for name in names())
    assert page().count("**Run by us:**") == devices


def test_the_guides_options_are_options_of_run():
    import re

    from typer.testing import CliRunner

    from runners.cli import app

    guide = (DOCS / "engines.md").read_text(encoding="utf-8")
    lines = re.findall(r"fenmark (run .*?)\n(?:\S|```)", guide.replace("\\\n", ""), re.DOTALL)
    used = {word for line in lines for word in re.findall(r"(?<![\w\"-])--[a-z-]+", line)}
    quoted = set(re.findall(r"--[a-z-]+", " ".join(re.findall(r'"([^"]*)"', " ".join(lines)))))
    known = CliRunner().invoke(app(), ["run", "--help"], env={"COLUMNS": "300"}).output
    assert used
    assert not [option for option in used - quoted if option not in known]
