"""Does a file say itself that nobody measured its figures? Then they are not results."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from results.reported.parts.reading import Document

__all__ = ["file_says", "row_says"]

# Where publishers say how they came by figures; that prompts were made up is said elsewhere.
_WHERE = {
    "description", "disclaimer", "note", "notes", "source", "data_source", "provenance", "evidence",
    "generation_method", "estimation_method", "generated_by", "confidence_level", "simulator",
    "measurement_type", "result_type",
}  # fmt: skip
_SAYS = re.compile(
    r"\b(simulat(?:ed|ion|or)s?|emulated|estimat(?:ed|es)|extrapolated|interpolat(?:ed|ion)|"
    r"synthetic (?:benchmark|performance)|(?:pre|analytically )?predicted|not measured)\b",
    re.IGNORECASE,
)
_FLAGS = {"simulated", "is_simulated", "estimated", "is_estimated", "predicted", "extrapolated"}
_ABOUT = ("metadata", "_metadata", "meta", "info", "about")
_MOST_LINES = 32


def file_says(document: Document) -> str | None:
    """Return the words by which a file calls its figures simulated or estimated; None without."""
    whole = document.rows[0] if len(document.rows) == 1 else None
    if not isinstance(whole, dict):
        return None  # of several objects each speaks for itself
    blocks = [whole, *(whole.get(name) for name in _ABOUT)]
    told = (row_says(block) for block in blocks if isinstance(block, dict))
    return next(filter(None, told), None)


def row_says(row: Mapping[str, Any]) -> str | None:
    """Return the words by which a row calls itself simulated or estimated; None without."""
    for name in _FLAGS & row.keys():
        if row[name] is True:
            return name
    for name in _WHERE & row.keys():
        for line in _lines(row[name]):
            if _SAYS.search(line):
                return printable(line, 80)
    return None


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value[:1000]
    elif isinstance(value, list):
        yield from (line[:1000] for line in value[:_MOST_LINES] if isinstance(line, str))
