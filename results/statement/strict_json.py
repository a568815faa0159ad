"""Read JSON from strangers: refuse what two readers could understand differently.

`jiter` parses, and refuses keys named twice and half characters. What it lets pass is looked for
in passes that C makes: in the bytes, where there are many values, else in the values.
"""

from __future__ import annotations

import gc
import json
import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from math import isinf
from typing import TYPE_CHECKING, Any

import jiter

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    _Levels = list[list[Any]]

__all__ = ["MAX_BYTES", "DocumentLimits", "canonical", "loads"]

MAX_BYTES = 2**20  # 1 MiB; a quick run is about 60 kB
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLimits:
    """What a document may hold.

    Attributes:
        bytes, values: size; a name counts as no value.
        integer: the largest. Beyond 2^53 JavaScript readers lose digits (ECMA-262,
            Number.MAX_SAFE_INTEGER).
    """

    bytes: int = MAX_BYTES
    values: int = 200_000
    integer: int = 2**53 - 1


_USUAL = DocumentLimits()
_CONTAINERS = {dict, list}
_SPARSE = 32  # bytes of a value from which on to look at values takes less than to look at bytes
_SHORT = 256  # bytes; an entry of a log has fewer
_ESCAPE = 16  # bytes from one backslash to the next up to which a text is of escapes
_ROOMY = 512  # bytes of an object from which on a hook for each costs next to nothing
_LONGEST_NAME = 80  # characters of a key that a message repeats
_EACH_DIGIT = [b"%d" % digit for digit in range(10)]
# Every digit becomes a zero, and what may stand before an exponent's digits an e.
_AS_ZEROS = bytes.maketrans(b"123456789E+", b"000000000ee")
# What `jiter` says of a text, and where.
_TOO_DEEP = "recursion limit exceeded"
_TOLD = re.compile(r"(.*) at line (\d+) column (\d+)", re.DOTALL)
_REPEATED = re.compile(r'Detected duplicate key "(.*)"', re.DOTALL)
_NO_NUMBER = re.compile(rb"NaN|-?Infinity")


def loads(data: bytes, where: str, limits: DocumentLimits = _USUAL) -> Any:
    """Parse JSON, refusing duplicate keys, NaN, huge integers, depth and size.

    Takes up to twice the time of `json.loads`, and less for documents of numbers or long texts.

    Args:
        data: the bytes as received.
        where: file or field, for the message.
        limits: for other documents than what strangers send.

    Raises:
        UserError: with a message of its own for each reason.
    """
    if len(data) > limits.bytes:
        raise _refused(where, f"is {len(data)} bytes", f"at most {limits.bytes}")
    try:
        value, halves = _parsed(data)
        _check(value, data, limits, halves=halves)
    except _RefusedError as error:
        raise _refused(where, *error.args) from None
    return value


def canonical(value: Any) -> bytes:
    """Write JSON one way only: sorted keys, no spaces, integers kept integers, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


_DEEP = ("is nested too deeply", f"depth {_MAX_DEPTH} at most")
_SAFE = "integers below 2^53"
_ODD_CHARACTERS = ("contains NUL or half a character", "Unicode text")


def _parsed(data: bytes) -> tuple[Any, bool]:
    """Parse, and say whether half characters may be among the texts.

    What holds little but long texts of escapes or accents, `json` reads in half the time.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        raise _RefusedError("begins with a byte order mark", "UTF-8 without one")
    text = None if data.isascii() else _decoded(data)
    escapes = text is None and data.count(b"\\") * _ESCAPE >= len(data)
    try:
        if (text or escapes) and data.count(b"{") * _ROOMY < len(data):
            return _by_json(text or data.decode()), True
        return _by_jiter(data), False
    except ValueError as error:
        raise _RefusedError(*_fault(data, str(error))) from None


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _RefusedError(f"is not UTF-8 at byte {error.start}", "UTF-8") from error


def _by_jiter(data: bytes) -> Any:
    return jiter.from_json(data, allow_inf_nan=False, cache_mode="keys", catch_duplicate_keys=True)


def _by_json(text: str) -> Any:
    """Parse with `json`, which takes half characters; it says what is wrong as `jiter` does."""
    try:
        return _JSON.decode(text)
    except json.JSONDecodeError as error:
        told = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise ValueError(told) from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        [(twice, _)] = counted.most_common(1)
        raise _RefusedError(f"names {twice[:_LONGEST_NAME]!r} twice in one object", "each key once")
    return members


def _no_constant(name: str) -> Any:
    raise _RefusedError(f"contains {name}", "finite numbers")


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _fault(data: bytes, told: str) -> tuple[str, str]:
    """Say what is wrong with a text that does not parse, and what was expected."""
    said = _TOLD.fullmatch(told)
    what = said[1] if said else told
    if repeated := _REPEATED.fullmatch(what):
        return f"names '{repeated[1][:_LONGEST_NAME]}' twice in one object", "each key once"
    if what == _TOO_DEEP:
        return _DEEP
    if what == "number out of range":
        return "contains an integer of thousands of digits", _SAFE
    if "hex escape" in what:
        return _ODD_CHARACTERS
    if said and (constant := _constant_at(data, int(said[2]), int(said[3]))):
        return f"contains {constant}", "finite numbers"
    return f"is not JSON: {told}", "valid JSON"


def _constant_at(data: bytes, line: int, column: int) -> str:
    """Return NaN or an infinity that stands in a text, by a sign before it or not."""
    start = 0
    for _ in range(line - 1):
        start = data.index(b"\n", start) + 1
    at = start + column - 1
    named = _NO_NUMBER.search(data, max(0, at - 1), at + len("Infinity"))
    return named[0].decode() if named else ""


def _check(value: Any, data: bytes, limits: DocumentLimits, *, halves: bool) -> None:
    """Refuse what parses, and two readers could understand differently.

    Args:
        halves: whether half characters may be among it.
    """
    levels = _levels(value, limits)
    sparse = len(data) < _SHORT or sum(map(len, levels)) * _SPARSE < len(data)
    if sparse or _may_hold_odd_numbers(data, limits):
        _check_numbers(levels, limits.integer)
    if b"\\" in data and (sparse or _may_hold_odd_characters(data, halves=halves)):
        _check_characters(levels)


def _may_hold_odd_characters(data: bytes, *, halves: bool) -> bool:
    if halves and (b"\\ud" in data or b"\\uD" in data):
        return True
    return b"\\u0000" in data and b"\\u0000" in data.replace(b"\\\\", b"")


def _levels(value: Any, limits: DocumentLimits) -> _Levels:
    """Take a document apart into what lies equally deep; check depth and number of values."""
    levels, count = [[value]], 1
    # Of lists, and of dicts whose keys are texts, the collector sees the values.
    while values := gc.get_referents(*levels[-1]):
        count += len(values)
        if count > limits.values:
            raise _RefusedError("holds too many values", f"{limits.values} at most")
        if len(levels) == _MAX_DEPTH and not _CONTAINERS.isdisjoint(map(type, values)):
            raise _RefusedError(*_DEEP)
        levels.append(values)
    return levels


def _may_hold_odd_numbers(data: bytes, limits: DocumentLimits) -> bool:
    """Whether the bytes leave it open that a number is too large."""
    if not any(digit in data for digit in _EACH_DIGIT):
        return False
    digits = data.translate(_AS_ZEROS)
    large = b"0" * len(str(limits.integer)) in digits
    return large or (b"e" in digits and b"e000" in digits)


def _check_numbers(levels: _Levels, most: int) -> None:
    for level in levels:
        kinds = set(map(type, level))
        if int in kinds:
            _check_integers([number for number in level if type(number) is int], most)
        if float in kinds and any(isinf(number) for number in level if type(number) is float):
            raise _RefusedError("contains a number too large for a double", "finite numbers")


def _check_integers(numbers: list[int], most: int) -> None:
    for number in (min(numbers), max(numbers)):
        if abs(number) > most:
            below = f"integers below 2^{most.bit_length()}"
            raise _RefusedError(f"contains the integer {str(number)[:20]}…", below)


def _check_characters(levels: _Levels) -> None:
    """Refuse half characters, which no UTF-8 can hold, and NUL, where C readers stop."""
    for text in _texts(levels):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _RefusedError(*_ODD_CHARACTERS) from None
        if "\0" in text:
            raise _RefusedError(*_ODD_CHARACTERS)


def _texts(levels: _Levels) -> Iterator[str]:
    """Join what each level says, keys and all."""
    for level in levels:
        kinds = set(map(type, level))
        texts = level if kinds == {str} else [value for value in level if type(value) is str]
        yield "".join(texts)
        if dict in kinds:
            yield "".join(chain.from_iterable(value for value in level if type(value) is dict))


class _RefusedError(Exception):
    """What is wrong with a value, and what was expected; where it lies the caller knows."""


def _refused(where: str, what: str, expected: str) -> UserError:
    return UserError(what, where=where, expected=expected)
