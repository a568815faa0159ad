"""What code writes into Chinese documents: `python -m leaderboard.words.documents laws`.

`importers` and `labels` stand in the documents of these names, `chips` in the chip table, `laws`
in the methodology. The others are whole documents.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

from leaderboard.words import Words
from results.catalog.page import table as chip_table
from results.checks.page import table as law_table
from results.reported.faults import page as faults_page
from results.reported.page import tables as importer_tables
from suites.base.errors import CheckError
from suites.base.labels import table as label_table
from suites.engines.page import page as commands_page
from suites.kernels.shapes import page as shapes_page
from suites.serving.bench.verdicts import page as behaviours_page

__all__ = [
    "PARTS",
    "behaviours",
    "chinese",
    "chips",
    "engine_commands",
    "importers",
    "kernel_shapes",
    "labels",
    "laws",
    "prose",
    "publishers_faults",
]

_WORDS = "zh_documents.toml"


def chinese(text: str) -> str:
    """Return a cell, or a sentence of the checks, in Chinese; digits and signs are their own.

    Raises:
        CheckError: nobody has translated it.
    """
    if text in _table():
        return _table()[text]
    if not any(letter.isalpha() for letter in text):
        return text
    if (sentence := Words.load("zh").notice(text)) is not None:
        return sentence
    raise CheckError(f"no Chinese of {text!r}: add it", where=_WORDS)


def prose(text: str) -> str:
    """Return Markdown in Chinese, paragraph by paragraph, or a cell.

    Raises:
        CheckError: nobody has translated a paragraph.
    """
    if "\n" not in text:
        return chinese(text)
    parts = re.split(r"(\n{2,}|\n\Z)", text)
    return "".join(_paragraph(part) if part.strip() else part for part in parts)


def _paragraph(text: str) -> str:
    """Return a paragraph, a heading, or what stands before the document, in Chinese."""
    if text.startswith("---\n"):
        fields = (line.partition(": ") for line in text.splitlines())
        return "\n".join(f"{name}: {chinese(told)}" if told else name for name, _, told in fields)
    mark, _, title = text.partition(" ")
    if set(mark) == {"#"}:
        return f"{mark} {chinese(title)}"
    return chinese(" ".join(text.split()))


def behaviours() -> str:
    """Return the page of what servers do, in Chinese."""
    return behaviours_page(prose)


def engine_commands() -> str:
    """Return the page of command lines, in Chinese."""
    return commands_page(prose)


def kernel_shapes() -> str:
    """Return the page of shapes, in Chinese."""
    return shapes_page(prose)


def publishers_faults() -> str:
    """Return the page of publishers' faults, in Chinese."""
    return faults_page(say=prose)


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


PARTS = {
    "behaviours": behaviours,
    "chips": chips,
    "engine-commands": engine_commands,
    "importers": importers,
    "kernel-shapes": kernel_shapes,
    "labels": labels,
    "laws": laws,
    "publishers-faults": publishers_faults,
}


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
