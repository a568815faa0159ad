"""Read JSON from strangers: refuse what two readers could understand differently.

A hook for every object and number takes several times as long as the parser itself, and pays only
where there are few. Else it parses without, and looks at what came out level by level, in passes
that C makes. A key named twice is gone by then, but not its colon: there is one for each member,
besides those within texts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import isinf
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    _Level = dict[type, list[Any]]

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
_SHORT = 192  # bytes; an entry of a log has fewer
_FEW = 12  # commas or objects; an envelope has fewer
_ROOMY = 64  # bytes of a value, with its comma, from which on hooks cost less than the rest
_LONG_VALUE = 16  # bytes of a value, with its comma, from which on it takes longer to parse
_EACH_DIGIT = [b"%d" % digit for digit in range(10)]
# Every digit becomes a zero, and what may stand before an exponent's digits an e.
_AS_ZEROS = bytes.maketrans(b"123456789E+", b"000000000ee")


def loads(data: bytes, where: str, limits: DocumentLimits = _USUAL) -> Any:
    """Parse JSON, refusing duplicate keys, NaN, huge integers, depth and size.

    Takes about twice the time of `json.loads` at most, 2.6 times for short texts full of colons
    or long digits; where a key is named twice it reads again to say which.

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
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(where, f"is not UTF-8 at byte {error.start}", "UTF-8") from error
    if text.startswith("\ufeff"):
        raise _refused(where, "begins with a byte order mark", "UTF-8 without one")
    try:
        return _parse(data, text, limits)
    except _RefusedError as error:
        raise _refused(where, *error.args) from None
    except json.JSONDecodeError as error:
        at = f"line {error.lineno} column {error.colno}"
        raise _refused(where, f"is not JSON: {error.msg} at {at}", "valid JSON") from error
    except RecursionError as error:
        raise _refused(where, *_DEEP) from error
    except ValueError as error:  # Python's own limit of digits
        raise _refused(where, "contains an integer of thousands of digits", _SAFE) from error


def canonical(value: Any) -> bytes:
    """Write JSON one way only: sorted keys, no spaces, integers kept integers, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


_DEEP = ("is nested too deeply", f"depth {_MAX_DEPTH} at most")
_SAFE = "integers below 2^53"
_ODD_CHARACTERS = ("contains NUL or half a character", "Unicode text")


def _parse(data: bytes, text: str, limits: DocumentLimits) -> Any:
    if _is_small(data):
        value = _careful(limits.integer).decode(text)
        if b"\\" in data:
            _check_characters(_levels(value, limits)[0])
        return value
    few_objects = _at_most(_FEW, b"{", data)
    value = (_PAIRS if few_objects else _PLAIN).decode(text)
    colons = data.count(b":") if b":" in data else 0
    odd_escapes = _may_escape_odd_characters(data)
    if not colons and not odd_escapes and _is_long_list(value, data) and _is_plain(data, limits):
        return value
    levels, members = _levels(value, limits)
    if odd_escapes:
        _check_characters(levels)
    _check_numbers(levels, limits.integer)
    if not few_objects and members not in {0, colons}:
        colons += _escaped_colons(data)
        if colons != members + sum(text.count(":") for text in _texts(levels)):
            _PAIRS.decode(text)  # says which
    return value


def _is_small(data: bytes) -> bool:
    """Whether it holds so little beside long strings that hooks cost next to nothing."""
    if len(data) <= _SHORT:
        return data.count(b"[") + data.count(b"{") <= _MAX_DEPTH
    if not all(_at_most(_MAX_DEPTH // 2, mark, data) for mark in (b"{", b"[")):
        return False
    return _at_most(_FEW, b",", data) or data.count(b",") * _ROOMY <= len(data)


def _at_most(most: int, mark: bytes, data: bytes) -> bool:
    at = -1
    for _ in range(most + 1):
        at = data.find(mark, at + 1)  # `memchr`: to count takes ten times as long
        if at < 0:
            return True
    return False


def _by_kind(values: list[Any]) -> dict[type, list[Any]]:
    kinds = set(map(type, values))
    if len(kinds) == 1:
        return {kinds.pop(): values}
    parts: dict[type, list[Any]] = {kind: [] for kind in kinds}
    append = {kind: part.append for kind, part in parts.items()}
    for value in values:
        append[type(value)](value)
    return parts


def _levels(value: Any, limits: DocumentLimits) -> tuple[list[_Level], int]:
    """Take a document apart; check its depth and how many values there are.

    Returns:
        What lies equally deep, by type, and the number of members of all objects.
    """
    levels: list[_Level] = []
    values, nodes, members = [value], 0, 0
    while values:
        level = _by_kind(values)
        nodes += len(values)
        if nodes > limits.values:
            raise _RefusedError("holds too many values", f"{limits.values} at most")
        if len(levels) == _MAX_DEPTH and not _CONTAINERS.isdisjoint(level):
            raise _RefusedError(*_DEEP)
        levels.append(level)
        values = [*chain.from_iterable(filter(None, level.get(list, ())))]
        items = len(values)
        values.extend(chain.from_iterable(map(dict.values, filter(None, level.get(dict, ())))))
        members += len(values) - items
    return levels, members


def _is_long_list(value: Any, data: bytes) -> bool:
    """Whether there are so many values that it pays to look at the bytes before."""
    return type(value) is list and len(value) * _LONG_VALUE > len(data)


def _is_plain(data: bytes, limits: DocumentLimits) -> bool:
    """Whether the bytes alone say that no depth, number or number of values can be wrong."""
    if not all(_at_most(_MAX_DEPTH // 2, mark, data) for mark in (b"[", b"{")):
        return False
    if data.count(b",") >= limits.values - _MAX_DEPTH:
        return False
    if not any(digit in data for digit in _EACH_DIGIT):
        return True
    digits = data.translate(_AS_ZEROS)
    large = b"0" * len(str(limits.integer)) in digits
    return not large and not (b"e" in digits and b"e000" in digits)


def _check_numbers(levels: list[_Level], most: int) -> None:
    for level in levels:
        integers, reals = level.get(int, ()), level.get(float, ())
        _check_integer(min(integers, default=0), most)
        _check_integer(max(integers, default=0), most)
        _check_real(min(reals, default=0.0))
        _check_real(max(reals, default=0.0))


def _check_integer(number: int, most: int) -> int:
    if abs(number) > most:
        below = f"integers below 2^{most.bit_length()}"
        raise _RefusedError(f"contains the integer {str(number)[:20]}…", below)
    return number


def _check_real(number: float) -> float:
    if isinf(number):
        raise _RefusedError("contains a number too large for a double", "finite numbers")
    return number


def _may_escape_odd_characters(data: bytes) -> bool:
    if b"\\" not in data:
        return False
    if b"0000" in data and b"\\u0000" in data:
        return True
    return b"\\ud" in data or b"\\uD" in data


def _check_characters(levels: list[_Level]) -> None:
    """Refuse half characters, which no UTF-8 can hold, and NUL, where C readers stop."""
    for text in _texts(levels):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _RefusedError(*_ODD_CHARACTERS) from None
        if "\0" in text:
            raise _RefusedError(*_ODD_CHARACTERS)


def _escaped_colons(data: bytes) -> int:
    if b"\\u003" not in data:
        return 0
    whole = data.replace(b"\\\\", b"__")
    return whole.count(b"\\u003a") + whole.count(b"\\u003A")


def _texts(levels: list[_Level]) -> Iterator[str]:
    """Join what each level says, keys and all."""
    for level in levels:
        yield "".join(level.get(str, ()))
        yield "".join(chain.from_iterable(filter(None, level.get(dict, ()))))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = _first_repeated(name for name, _ in pairs)
        raise _RefusedError(f"names {twice!r} twice in one object", "each key once")
    return members


def _first_repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("called for names that repeat")


class _RefusedError(Exception):
    """What is wrong with a value, and what was expected; where it lies the caller knows."""


def _no_constant(name: str) -> Any:
    raise _RefusedError(f"contains {name}", "finite numbers")


# Made once: the log holds an entry a result, and a decoder takes longer to make than an entry.
_PLAIN = json.JSONDecoder(parse_constant=_no_constant)
_PAIRS = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


@lru_cache
def _careful(most: int) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_object,
        parse_constant=_no_constant,
        parse_int=lambda digits: _check_integer(int(digits), most),
        parse_float=lambda digits: _check_real(float(digits)),
    )


def _refused(where: str, what: str, expected: str) -> UserError:
    return UserError(what, where=where, expected=expected)
