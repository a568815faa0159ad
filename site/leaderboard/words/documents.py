"""What code writes into Chinese documents: `python -m leaderboard.words.documents laws`."""

from __future__ import annotations

import sys
import tomllib
from functools import cache
from pathlib import Path

from results.checks import page
from suites.base.errors import CheckError

__all__ = ["PARTS", "chinese", "laws"]

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
    return page.table(chinese)


PARTS = {"laws": laws}


@cache
def _table() -> dict[str, str]:
    return tomllib.loads(Path(__file__).with_name(_WORDS).read_text(encoding="utf-8"))


if __name__ == "__main__":
    print(PARTS[sys.argv[1]](), end="")
