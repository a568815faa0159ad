"""The table of laws in the documents is the one that the code applies."""

from pathlib import Path

import leaderboard
from results.checks.laws import LAWS
from results.checks.page import table

DOCS = Path(leaderboard.__file__).parent / "docs"


def test_the_table_of_laws_is_the_one_the_code_holds():
    assert table() in (DOCS / "methodology.md").read_text()
    head, line, *rows = table().splitlines()
    assert head == "| rule | outcome | what is held | source | tolerance |"
    assert line == "| --- | --- | --- | --- | --- |"
    assert len(rows) == len(set(rows)) == len(LAWS)
