"""Where in a TOML file a value stands: the reader of the standard library does not keep lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["line_of", "line_saying"]

_TABLE = re.compile(r"\s*\[(?P<array>\[)?\s*(?P<name>[^\[\]]+?)\s*\]")
_BARE = r"[A-Za-z0-9_-]+"
_LONGEST = 1000  # characters of a line that names a key


def line_of(text: str, path: Sequence[str | int], value: Any = None) -> int:
    """Return the line (from 1) of the deepest part of a path that a TOML text shows.

    Args:
        path: keys, and indices of arrays of tables: ("axes", "tp"), ("exclude", 1, "model").
        value: one of an array that stands there; its line where it has one of its own.
    """
    keys = [part for part in path if isinstance(part, str)]
    wanted = next((part for part in path if isinstance(part, int)), 0)
    lines = text.splitlines()
    best, depth = 1, -1
    table: list[str] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if len(line) > _LONGEST:  # matching may take the square of its length
            continue
        if match := _TABLE.match(line):
            name = match["name"].replace('"', "").replace("'", "")
            table = [part.strip() for part in name.split(".")]
            here = table
            if match["array"]:
                counts[name] = counts.get(name, -1) + 1
        elif match := re.match(rf"""\s*["']?({_BARE})["']?\s*(\.|=)""", line):
            here = [*table, match[1]]
        else:
            continue
        if counts.get(table[0] if table else "", wanted) != wanted:
            continue
        common = _common(here, keys)
        if common == len(here) and common > depth:
            best, depth = number, common
    return _line_of_value(lines, best, value)


def line_saying(text: str, name: str, value: str) -> int | None:
    """Return the first line with an option and its value, else with the value, else the option."""
    lines = text.splitlines()
    for wanted in ((name, value), (value,), (name,)):
        words = [re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])") for word in wanted if word]
        for number, line in enumerate(lines, 1):
            if words and all(word.search(line) for word in words):
                return number
    return None


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    pairs = zip(left, right, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))


def _line_of_value(lines: Sequence[str], start: int, value: Any) -> int:
    if value is None:
        return start
    shown = re.compile(rf"""(?<![\w.-])["']?{re.escape(str(value))}["']?(?![\w.-])""")
    for number, line in enumerate(lines[start - 1 :], start):
        if number > start and (_TABLE.match(line) or re.match(rf"\s*{_BARE}\s*=", line)):
            break  # the next key: an inline array of ours has ended before it
        if shown.search(line):
            return number
    return start
