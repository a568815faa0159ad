"""What code writes into Chinese documents: `python -m leaderboard.words.documents laws`.

`importers` and `labels` stand in the documents of these names, `chips` in the chip table, `laws`
in the methodology.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from functools import cache
from pathlib import Path

from leaderboard.words import Words
from results.catalog.page import table as chip_table
from results.checks.page import table as law_table
from results.reported.page import tables as importer_tables
from suites.base.errors import CheckError
from suites.base.labels import table as label_table

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
    return law_table(chinese)


def importers() -> str:
    """Return the tables of importers, in Markdown and Chinese."""
    words = Words.load("zh")
    return importer_tables(chinese, lambda text: words.table.get(text) or words.listed(text))


def chips() -> str:
    """Return the table of the catalogue's chips, in Markdown and Chinese."""
    return chip_table(chinese)


def labels() -> str:
    """Return the table of labels, in Markdown and Chinese."""
    return label_table(chinese)


PARTS = {"chips": chips, "importers": importers, "labels": labels, "laws": laws}


@cache
def _table() -> dict[str, str]:
    return tomllib.loads(Path(__file__).with_name(_WORDS).read_text(encoding="utf-8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    try:
        print(PARTS[parser.parse_args().part](), end="")
    except CheckError as error:
        sys.exit(str(error))
