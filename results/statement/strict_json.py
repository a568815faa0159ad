"""Read JSON from strangers: refuse what two readers could understand differently.

`jiter` parses what is ASCII with few code points in escapes, and what has many objects, and refuses
keys named twice and half characters. The rest `json` reads in half the time: keys named twice a
hook tells, half characters its texts. All else is looked for in passes that C makes: in the bytes,
where there are many values, else in the values.
"""

from __future__ import annotations

import gc
import json
import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from math import inf
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
_NUMBERS = {int, float}
_SPARSE = 32  # bytes of a value from which on to look at values takes less than to look at bytes
_SHORT = 256  # bytes; an entry of a log has fewer
_ESCAPE = 32  # bytes from one code point in an escape to the next: they cost `jiter` little
_PIECES, _PIECE = 32, 256  # of a document are looked at to choose how to parse it
_SAMPLE = _PIECES * _PIECE  # bytes
_ROOMY = 192  # bytes of an object from which on a hook for each costs less than such escapes
_NEAR = 1000  # texts
_FLAT = 2  # levels of a document in which only the outermost value may hold others
_LONGEST_NAME = 80  # characters of a key that a message repeats
_EACH_DIGIT = [b"%d" % digit for digit in range(10)]
# Every digit becomes a zero, and what may stand before an exponent's digits an e.
_AS_ZEROS = bytes.maketrans(b"123456789E+", b"000000000ee")
# What `jiter` says of a text, and where.
_TOO_DEEP = "recursion limit exceeded"
_TOO_LONG = ("number out of range", "Exceeds the limit")
_TOLD = re.compile(r"(.*)(?: at|:) line (\d+) column (\d+)", re.DOTALL)
_REPEATED = re.compile(r'Detected duplicate key "(.*)"', re.DOTALL)
_NO_NUMBER = re.compile(rb"NaN|-?Infinity")


def loads(data: bytes, where: str, limits: DocumentLimits = _USUAL) -> Any:
    """Parse JSON, refusing duplicate keys, NaN, huge integers, depth and size.

    Takes up to about twice the time of `json.loads`, and less for documents of numbers or long
    texts.

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
        return _checked(data, limits)
    except _RefusedError as error:
        raise _refused(where, *error.args) from None


def canonical(value: Any) -> bytes:
    """Write JSON one way only: sorted keys, no spaces, integers kept integers, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


_ONCE = "each key once"
_DEEP = ("is nested too deeply", f"depth {_MAX_DEPTH} at most")
_SAFE = "integers below 2^53"
_NUL = b"\\u0000"
_ODD_CHARACTERS = ("contains NUL or half a character", "Unicode text")


def _checked(data: bytes, limits: DocumentLimits) -> Any:
    """Parse, and refuse what two readers could understand differently."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise _RefusedError("begins with a byte order mark", "UTF-8 without one")
    by_jiter = _suits_jiter(data)
    try:
        value = _by_jiter(data) if by_jiter else _by_json(data)
    except RecursionError:
        raise _RefusedError(*_DEEP) from None
    except ValueError as error:
        _decoded(data)  # bytes that are not text are said to be that
        raise _RefusedError(*_fault(data, str(error))) from None
    if by_jiter and _holds_nul(data):
        raise _RefusedError(*_ODD_CHARACTERS)
    levels = _levels(value, data, limits)
    sparse = len(data) < _SHORT or sum(map(len, levels)) * _SPARSE < len(data)
    escaped = not by_jiter and b"\\" in data
    kinds = [set(map(type, level)) for level in levels] if sparse or escaped else []
    if sparse:
        _check_numbers(levels, kinds, limits.integer)
    elif _may_hold_numbers(kinds) and _may_hold_odd_numbers(data, limits):
        _check_numbers(levels, [set(map(type, level)) for level in levels], limits.integer)
    if escaped:
        _check_texts(levels, kinds)
    return value


def _suits_jiter(data: bytes) -> bool:
    """Whether `jiter` reads a document in less time than `json` with what it leaves to be done."""
    ascii_only = data.isascii()
    if ascii_only and b"\\" not in data and len(data) <= _SAMPLE:
        return True
    sample = data if len(data) <= _SAMPLE else _sample(data)
    few_escapes = ascii_only and sample.count(b"\\u") * _ESCAPE <= len(sample)
    many_objects = sample.count(b"{") * _ROOMY > len(sample)
    return b":" in data if many_objects else few_escapes


def _holds_nul(data: bytes) -> bool:
    """Whether a text holds NUL, which only an escape can say: a backslash may be one itself."""
    return _holds(_NUL, data) and _NUL in data.replace(b"\\\\", b"")


def _holds(part: bytes, data: bytes) -> bool:
    """`part in data`, from behind: Python then looks for the first byte, here the rarer one."""
    return data.rfind(part) >= 0


def _sample(data: bytes) -> bytes:
    """Return pieces from all over a document; what it misleads about takes longer, no more."""
    return b"".join(data[at : at + _PIECE] for at in range(0, len(data), len(data) // _PIECES))


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _RefusedError(f"is not UTF-8 at byte {error.start}", "UTF-8") from error


def _by_jiter(data: bytes) -> Any:
    return jiter.from_json(data, allow_inf_nan=False, cache_mode="keys", catch_duplicate_keys=True)


def _by_json(data: bytes) -> Any:
    decoder = _HOOKED if b":" in data else _PLAIN  # where there is no key, none is named twice
    return decoder.decode(_decoded(data))


def _no_constant(name: str) -> Any:
    raise _RefusedError(f"contains {name}", "finite numbers")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise _RefusedError(f"names {twice[:_LONGEST_NAME]!r} twice in one object", _ONCE)
    return members


_PLAIN = json.JSONDecoder(parse_constant=_no_constant)
_HOOKED = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_object)


def _fault(data: bytes, told: str) -> tuple[str, str]:
    """Say what is wrong with a text that does not parse, and what was expected."""
    match = _TOLD.match(told)
    what = match[1] if match else told
    if repeated := _REPEATED.fullmatch(what):
        return f"names '{repeated[1][:_LONGEST_NAME]}' twice in one object", _ONCE
    if what == _TOO_DEEP:
        return _DEEP
    if what.startswith(_TOO_LONG):
        return "contains an integer of thousands of digits", _SAFE
    if "hex escape" in what:
        return _ODD_CHARACTERS
    if match and (constant := _constant_at(data, int(match[2]), int(match[3]))):
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


def _levels(value: Any, data: bytes, limits: DocumentLimits) -> _Levels:
    """Take a document apart into what lies equally deep; check depth and number of values."""
    levels, count = [[value]], 1
    values = value if type(value) is list else gc.get_referents(value)
    while values:
        count += len(values)
        if count > limits.values:
            raise _RefusedError("holds too many values", f"{limits.values} at most")
        if len(levels) == _MAX_DEPTH and not _CONTAINERS.isdisjoint(map(type, values)):
            raise _RefusedError(*_DEEP)
        levels.append(values)
        if len(levels) == _FLAT and data.find(b"[", 1) < 0 and data.find(b"{", 1) < 0:
            break
        # Of lists, and of dicts whose keys are texts, the collector sees the values.
        values = gc.get_referents(*values)
    return levels


def _may_hold_odd_numbers(data: bytes, limits: DocumentLimits) -> bool:
    """Whether the bytes leave it open that a number is too large."""
    if not any(digit in data for digit in _EACH_DIGIT):
        return False
    digits = data.translate(_AS_ZEROS)
    if b"0" * len(str(limits.integer)) in digits:
        return True
    if not _holds(b"e000", digits):
        return False
    return b"0e000" in digits or b"0ee000" in digits


def _may_hold_numbers(kinds: list[set[type]]) -> bool:
    """Whether values may be numbers; True too where nobody looked."""
    return not kinds or not _NUMBERS.isdisjoint(set().union(*kinds))


def _check_numbers(levels: _Levels, kinds_of: list[set[type]], most: int) -> None:
    for level, kinds in zip(levels, kinds_of, strict=True):
        if int in kinds:
            numbers = _of(int, level, kinds)
            _check_integers(min(numbers), max(numbers), most)
        if float in kinds:
            reals = _of(float, level, kinds)
            if max(reals) == inf or min(reals) == -inf:
                raise _RefusedError("contains a number too large for a double", "finite numbers")


def _of(kind: type, level: list[Any], kinds: set[type]) -> list[Any]:
    return level if len(kinds) == 1 else [value for value in level if type(value) is kind]


def _check_integers(least: int, largest: int, most: int) -> None:
    for number in (least, largest):
        if abs(number) > most:
            below = f"integers below 2^{most.bit_length()}"
            raise _RefusedError(f"contains the integer {str(number)[:20]}…", below)


def _check_texts(levels: _Levels, kinds_of: list[set[type]]) -> None:
    """Refuse half characters, which no UTF-8 can hold, and NUL, where C readers stop.

    Args:
        kinds_of: each level's values.
    """
    for level, kinds in zip(levels, kinds_of, strict=True):
        texts = _of(str, level, kinds) if str in kinds else []
        objects = _of(dict, level, kinds) if dict in kinds else []
        for text in chain(_joined(texts), _joined(list(chain.from_iterable(objects)))):
            _check_characters(text)


def _joined(texts: list[str]) -> Iterator[str]:
    """Join texts, so many at once as stay near the processor."""
    return ("".join(texts[at : at + _NEAR]) for at in range(0, len(texts), _NEAR))


def _check_characters(text: str) -> None:
    try:
        odd = "\0" in text or (not text.isascii() and not text.encode("utf-16-le"))
    except UnicodeEncodeError:
        odd = True
    if odd:
        raise _RefusedError(*_ODD_CHARACTERS)


class _RefusedError(Exception):
    """What is wrong with a value, and what was expected; where it lies the caller knows."""


def _refused(where: str, what: str, expected: str) -> UserError:
    return UserError(what, where=where, expected=expected)
