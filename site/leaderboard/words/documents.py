"""What code writes into Chinese documents: `python -m leaderboard.words.documents laws`.

`importers` and `labels` stand in the documents of these names, `chips` in the chip table, `laws`
in the methodology.
"""

from __future__ import annotations

import sys
import tomllib
from functools import cache
from pathlib import Path

from leaderboard.words import Words
from results.catalog import page as catalogue
from results.checks import page as checks
from results.reported import page as readers
from suites.base import labels as names
from suites.base.errors import CheckError

__all__ = ["PARTS", "chinese", "chips", "importers", "labels", "laws"]

_WORDS = "zh_documents.toml"


def chinese(text: str) -> str:
    """Return a cell in Chinese; digits and signs alone are their own.

    Raises:
        CheckError: nobody has translated it.
    """
    if text in _table():
        return _table()[text]
    if not any(letter.isalpha() for letter in text):
        return text
    raise CheckError(f"no Chinese of {text!r}: add it", where=_WORDS)


def laws() -> str:
    """Return the table of laws, in Markdown and Chinese."""
    return checks.table(chinese)


def importers() -> str:
    """Return the tables of importers, in Markdown and Chinese."""
    words = Words.load("zh")
    return readers.tables(chinese, lambda text: words.table.get(text) or words.listed(text))


def chips() -> str:
    """Return the table of the catalogue's chips, in Markdown and Chinese."""
    return catalogue.table(chinese)


def labels() -> str:
    """Return the table of labels, in Markdown and Chinese."""
    return names.table(chinese)


PARTS = {"chips": chips, "importers": importers, "labels": labels, "laws": laws}


@cache
def _table() -> dict[str, str]:
    return tomllib.loads(Path(__file__).with_name(_WORDS).read_text(encoding="utf-8"))


if __name__ == "__main__":
    print(PARTS[sys.argv[1]](), end="")
