"""Read TOML that people bring: each complaint is one line with file, line and field."""

from __future__ import annotations

import math
import re
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from suites.base import files
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["MOST_BYTES", "fitted", "parse", "read", "read_model"]

MOST_BYTES = 2**18  # tomllib reads about 1 MB in 3 s; the longest of ours has 10 kB
_MOST_DEPTH = 32
_MARK = b"\xef\xbb\xbf"
# tomllib takes a step for each part of a key and each part before it: half a second.
_MOST_STEPS = 10**7
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{1000}")
_AT = re.compile(r"\s*\(at line (\d+), column (\d+)\)")

_Model = TypeVar("_Model", bound=BaseModel)


def read(path: Path, *, expected: str = "TOML") -> dict[str, Any]:
    """Read a TOML file of at most 256 KiB; the mark that some editors begin UTF-8 with is let be.

    Raises:
        UserError: it cannot be read or is not TOML, is nested deeper than 32, or holds a number
            beyond 64 bits.
    """
    data = files.read(path, MOST_BYTES, expected=expected).removeprefix(_MARK)
    return parse(files.decoded(data, str(path)), str(path))


def read_model(path: Path, model: type[_Model], *, expected: str = "", **more: Any) -> _Model:
    """Read a TOML file into a model.

    Args:
        expected: for the message; by default the model's fields.
        more: fields the file need not state.

    Raises:
        UserError: as `read`, and where a field is unknown, missing or wrong.
    """
    expected = expected or f"the fields {', '.join(model.model_fields)}"
    return fitted({**more, **read(path, expected=expected)}, model, str(path), expected=expected)


def parse(text: str, where: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        UserError: as `read`.
    """
    lines = text.split("\n")
    dots = max(line.count(".") for line in lines)
    if dots * (len(lines) + text.count(".")) > _MOST_STEPS:
        raise UserError(f"holds {dots} dots in one line", where=where, expected="short keys")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        place = f"{where}:{at[1]}:{at[2]}" if at else where
        what = f"is not TOML: {_AT.sub('', str(error))}"
        raise UserError(what, where=place, expected="valid TOML") from error
    except RecursionError as error:
        raise _nested(where) from error
    except ValueError as error:  # int() refuses thousands of digits
        at = _LONG_NUMBER.search(text)
        place = f"{where}:{text.count(chr(10), 0, at.start()) + 1}" if at else where
        raise UserError("holds a number beyond 64 bits", where=place) from error
    _check(table, where)
    return table


def fitted(data: dict[str, Any], model: type[_Model], where: str, *, expected: str = "") -> _Model:
    """Validate data against a model.

    Raises:
        UserError: a field is unknown, missing or wrong; names the first.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        place = f"{where}:{field}" if field else where
        raise UserError(first["msg"], where=place, expected=expected) from error


def _check(table: dict[str, Any], where: str) -> None:
    """Refuse depth, and numbers that TOML does not promise or JSON does not know."""
    level: list[tuple[str, Any]] = [(where, table)]
    for _ in range(_MOST_DEPTH):
        level = [pair for place, value in level for pair in _inner(place, value)]
        for place, value in level:
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise UserError("is a number beyond 64 bits", where=place)
            if isinstance(value, float) and not math.isfinite(value):
                raise UserError(f"is {value}", where=place, expected="a finite number")
    if any(isinstance(value, dict | list) for _, value in level):
        raise _nested(where)


def _inner(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        separator = "." if ":" in place else ":"
        yield from ((f"{place}{separator}{name}", inner) for name, inner in value.items())
    elif isinstance(value, list):
        yield from ((f"{place}.{at}", inner) for at, inner in enumerate(value))


def _nested(where: str) -> UserError:
    return UserError("is nested too deeply", where=where, expected=f"depth {_MOST_DEPTH} at most")
