"""Which characters a text of a statement may hold: those that a terminal or a page only shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FILE", "LINE", "FieldPath", "is_line", "is_printable", "printable", "unprintable"]

# Control characters (C0, DEL, C1), line and paragraph separators, and what turns the direction of
# writing (Unicode Standard Annex 9). Spelled so that Python, Rust and ECMAScript read them.
_ABOVE_ASCII = r"\u007f-\u009f\u2028-\u202e\u2066-\u2069"
_NOT_IN_LINE = rf"\u0000-\u001f{_ABOVE_ASCII}"
_NOT_IN_FILE = rf"\u0000-\u0008\u000b\u000c\u000e-\u001f{_ABOVE_ASCII}"
# Regular expressions of a text of one line, and of a file's text: tab, line feed and carriage
# return are of that.
LINE = f"^[^{_NOT_IN_LINE}]*$"
FILE = f"^[^{_NOT_IN_FILE}]*$"

_NO_LINE = re.compile(f"[{_NOT_IN_LINE}]")
_NO_FILE = re.compile(f"[{_NOT_IN_FILE}]")
# An option may be the text of a file.
_OPTIONS = ("predicate", "run", "options")

FieldPath = tuple[str | int, ...]


def is_line(text: str) -> bool:
    return not _NO_LINE.search(text)


def unprintable(statement: Any) -> FieldPath | None:
    """Return where the first text of a statement lies that may not be printed; None where all may.

    Args:
        statement: as JSON.
    """
    if is_printable(statement):
        return None
    places = (place for place, text in _texts(statement, ()) if _forbidden(place).search(text))
    return next(places, None)


def is_printable(value: Any) -> bool:
    """Tell quickly whether all texts of a value are printable; False may be wrong."""
    return "\\" not in repr(value)  # which escapes all that is not, and a backslash


def printable(value: Any, place: FieldPath = ()) -> Any:
    """Put a space for every character that may not be printed.

    Args:
        value: a statement as JSON, or what lies at `place` in it.
    """
    match value:
        case str(text):
            return _forbidden(place).sub(" ", text)
        case dict(members):
            return {
                printable(name): printable(member, (*place, name))
                for name, member in members.items()
            }
        case list() | tuple():
            return [printable(item, (*place, at)) for at, item in enumerate(value)]
        case _:
            return value


def _forbidden(place: FieldPath) -> re.Pattern[str]:
    return _NO_FILE if place[:-1] == _OPTIONS else _NO_LINE


def _texts(value: Any, place: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    """Yield every text, names of members too, and where it stands."""
    match value:
        case str(text):
            yield place, text
        case dict(members):
            for name, member in members.items():
                yield place, str(name)
                yield from _texts(member, (*place, name))
        case list(items):
            for at, member in enumerate(items):
                yield from _texts(member, (*place, at))
        case _:
            pass
