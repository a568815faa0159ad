"""Read JSON from strangers: refuse what two readers could understand differently.

Most of a document is judged on its text, by passes that C makes: what is there to count stands
outside strings. Only where that leaves a doubt does a parser with a hook for every object and
number decide, and say what is wrong.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MAX_BYTES", "Limits", "canonical", "loads"]

MAX_BYTES = 2**20  # 1 MiB; a quick run is about 60 kB
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a document may hold.

    Attributes:
        bytes, values: size; a name counts as no value.
        integer: the largest. Beyond 2^53 JavaScript readers lose digits (ECMA-262,
            Number.MAX_SAFE_INTEGER).
    """

    bytes: int = MAX_BYTES
    values: int = 200_000
    integer: int = 2**53 - 1


_USUAL = Limits()

_SHORT = 192  # bytes; an entry of a log has fewer
_FEW = 12  # commas and brackets of each kind; an envelope has fewer
# Bytes between quotes from which on it pays to cut strings out.
_LONG_STRING = 24
# Members of an object from which on a hook that sees them in pairs costs little.
_WIDE = 64

_STRUCTURE = b'[]{},:"'
_NO_STRUCTURE = bytes(set(range(256)) - set(_STRUCTURE))
_ROUND_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_TOO_DEEP = b"[" * (_MAX_DEPTH + 1)
# What may stand before a number becomes a comma, and every digit a zero.
_BEFORE_NUMBERS = bytes.maketrans(b"[: \t\n\r-", b"," * 7)
_NUMBERS = bytes.maketrans(b"123456789E+[: \t\n\r-", b"000000000ee" + b"," * 7)
_LARGE = re.compile(rb",9[0-9]{15}")
_LARGE_EXPONENT = re.compile(rb"0e+000")
# So many in hex digests, and the hooks for numbers cost less than to look at each.
_MOST_EXPONENTS = 100


def loads(data: bytes, where: str, limits: Limits = _USUAL) -> Any:
    """Parse JSON, refusing duplicate keys, NaN, huge integers, depth and size.

    Takes at most about twice the time of `json.loads`, whatever the bytes.

    Args:
        data: the bytes as received.
        where: file or field, for the message.

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


def canonical(value: Any) -> bytes:
    """Write JSON one way only: sorted keys, no spaces, integers kept integers, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


class _RefusedError(Exception):
    """What is wrong with a value, and what was expected; where it lies the caller knows."""


_DEEP = ("is nested too deeply", f"depth {_MAX_DEPTH} at most")


def _parse(data: bytes, text: str, limits: Limits) -> Any:
    if _is_small(data):
        value, few = _careful(limits.integer).decode(text), True
    else:
        outside = _unquoted(data)
        shape = _shape(outside)
        opened = shape.count(b"[") + shape.count(b"{")
        nodes = shape.count(b",") + opened + 1
        if nodes > limits.values:
            raise _RefusedError("holds too many values", f"{limits.values} at most")
        if opened > _MAX_DEPTH:
            _check_depth(shape)
        value = _parse_long(text, outside, shape, limits)
        few = nodes * _LONG_STRING < len(data)
    if b"\\" in data and (few or _may_escape_odd_characters(data)):
        _check_characters(value)
    return value


def _is_small(data: bytes) -> bool:
    """Whether it holds so little beside long strings that hooks cost next to nothing."""
    if len(data) <= _SHORT:
        return data.count(b"[") + data.count(b"{") <= _MAX_DEPTH
    for mark in (b"{", b"[", b","):
        at = -1
        for _ in range(_FEW):
            at = data.find(mark, at + 1)  # `memchr`: to count takes ten times as long
            if at < 0:
                break
        else:
            return False
    return True


def _parse_long(text: str, outside: bytes, shape: bytes, limits: Limits) -> Any:
    """Parse with no more hooks than the text calls for: those for numbers cost most."""
    if _may_hold_odd_numbers(outside):
        return _careful(limits.integer).decode(text)
    members = shape.count(b":")
    if members == 0:
        return _PLAIN.decode(text)
    if members > shape.count(b"{") * _WIDE:
        return _PAIRS.decode(text)
    left = members  # some remain where an object names a key twice

    def count(value: dict[str, Any]) -> dict[str, Any]:
        nonlocal left
        left -= len(value)
        return value

    value = json.JSONDecoder(object_hook=count, parse_constant=_no_constant).decode(text)
    return _PAIRS.decode(text) if left else value


def _unquoted(data: bytes) -> bytes:
    """Cut strings out where they are long; where they are short, only quotes within them."""
    if b'"' not in data:
        return data
    escapes = b"\\" in data
    if data.count(b'"') * _LONG_STRING >= len(data):
        return _without_escapes(data) if escapes and b'\\"' in data else data
    pieces = data.split(b'"')
    if escapes and any(map(_ends_escaping, pieces)):
        pieces = _without_escapes(data).split(b'"')
    return b"".join(pieces[::2])


def _ends_escaping(piece: bytes) -> bool:
    """Whether the quote after it is escaped: by a backslash that is not escaped itself."""
    return piece.endswith(b"\\") and (len(piece) - len(piece.rstrip(b"\\"))) % 2 == 1


def _without_escapes(data: bytes) -> bytes:
    """Replace escaped backslashes, then escaped quotes: what quotes are left begin or end."""
    return data.replace(b"\\\\", b"__").replace(b'\\"', b"__")


def _shape(outside: bytes) -> bytes:
    """Keep the brackets, commas and colons that stand outside strings."""
    shape = outside.translate(None, _NO_STRUCTURE)
    # Between two strings stands a comma or a colon, so that only quotes of one string touch.
    shape = shape.replace(b'""', b"")
    return b"".join(shape.split(b'"')[::2]) if b'"' in shape else shape


def _check_depth(shape: bytes) -> None:
    brackets = shape.translate(_ROUND_AS_SQUARE, b",:")
    for _ in range(_MAX_DEPTH):
        if _TOO_DEEP in brackets:
            raise _RefusedError(*_DEEP)
        brackets = brackets.replace(b"[]", b"")  # the innermost level of each branch
    if b"[]" in brackets:
        raise _RefusedError(*_DEEP)


def _may_hold_odd_numbers(outside: bytes) -> bool:
    """Whether an integer may be above 2^53, or a real above the largest double."""
    digits = outside.translate(_NUMBERS)
    if b"0" not in digits:
        return False
    if b"0" * 16 in digits:
        # As long is what stands before the point of a real too large without an exponent.
        if b"," + b"0" * 17 in b"," + digits:
            return True
        if _LARGE.search(b"," + outside.translate(_BEFORE_NUMBERS)):
            return True
    if b"e000" not in digits:
        return False
    exponents = [*islice(_LARGE_EXPONENT.finditer(digits), _MOST_EXPONENTS)]
    return len(exponents) == _MOST_EXPONENTS or any(
        digits[max(0, at.start() - 300) : at.start()].rstrip(b"0.")[-1:] in {b"", b","}
        for at in exponents
    )


def _may_escape_odd_characters(data: bytes) -> bool:
    if b"0000" in data and b"\\u0000" in data:
        return True
    return b"\\ud" in data or b"\\uD" in data


def _check_characters(value: Any) -> None:
    """Refuse half characters, which no UTF-8 can hold, and NUL, where C readers stop."""
    level = [value]
    while level:
        text = "".join([item for item in level if type(item) is str])
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _RefusedError(*_ODD_CHARACTERS) from None
        if "\0" in text:
            raise _RefusedError(*_ODD_CHARACTERS)
        outer = [item for item in level if type(item) in _CONTAINERS]
        level = [inner for item in outer for inner in _members(item)]


def _members(item: Any) -> Iterable[Any]:
    return chain(item, item.values()) if type(item) is dict else item


_CONTAINERS = {dict, list}
_ODD_CHARACTERS = ("contains NUL or half a character", "Unicode text")


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


def _no_constant(name: str) -> Any:
    raise _RefusedError(f"contains {name}", "finite numbers")


def _integer(digits: str, most: int = _USUAL.integer) -> int:
    # Length first: int() refuses thousands of digits with a message of its own.
    if len(digits) < 16:
        return int(digits)
    if len(digits) > len(str(most)) + 1 or abs(int(digits)) > most:
        below = f"integers below 2^{most.bit_length()}"
        raise _RefusedError(f"contains the integer {digits[:20]}…", below)
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if value in {float("inf"), float("-inf")}:
        raise _RefusedError(f"contains {digits[:20]}, too large for a double", "finite numbers")
    return value


# Made once: the log holds an entry a result, and a decoder takes longer to make than an entry.
_PLAIN = json.JSONDecoder(parse_constant=_no_constant)
_PAIRS = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


@lru_cache
def _careful(most: int) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_object,
        parse_constant=_no_constant,
        parse_int=partial(_integer, most=most),
        parse_float=_real,
    )


def _refused(where: str, what: str, expected: str) -> UserError:
    return UserError(what, where=where, expected=expected)
