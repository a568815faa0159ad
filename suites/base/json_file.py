"""Read JSON that people name: every complaint is one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from suites.base import files
from suites.base.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["parse", "read"]


def read(path: Path, most: int, *, expected: str) -> Any:
    """Read a JSON file.

    Args:
        most: bytes it may hold.
        expected: for the message.

    Raises:
        UserError: it cannot be read, is too large or no JSON.
    """
    data = files.read(path, most, expected=expected)
    return parse(files.decoded(data, str(path)), str(path), expected=expected)


def parse(text: str | bytes, where: str, *, expected: str = "JSON") -> Any:
    """Parse JSON.

    Raises:
        UserError: it is none, is nested too deeply or holds a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(_what(error), where=where, expected=expected) from error


def _what(error: ValueError | RecursionError) -> str:
    match error:
        case json.JSONDecodeError():
            return f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        case UnicodeDecodeError():
            return "is not UTF-8"
        case RecursionError():
            return "is nested too deeply"
        case _:  # int() refuses thousands of digits
            return "holds a number of thousands of digits"
