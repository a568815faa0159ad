"""Read JSON from strangers: refuse what two readers could understand differently.

`jiter` parses most, and refuses keys named twice and half characters. Long documents of code points
in escapes, or of little but texts that are not ASCII, `json` reads in less time. Keys named twice a
hook tells it where objects are few; where they are many, a document has more colons than its keys
and texts. Half characters its texts tell. All else is looked for in passes that C makes: in the
bytes, where there are many values, else in the values.
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
    from collections.abc import Callable, Iterator

    _Levels = list[list[Any]]  # values that lie equally deep
    _Groups = list[tuple[list[Any], set[type]]]  # values, and what they are

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
_FEW = 64  # values up to which to look at them takes less, too
_ESCAPE = 32  # bytes from one code point in an escape to the next: they cost `jiter` little
_PIECES, _PIECE = 32, 256  # of a document are looked at to choose how to parse it
_SAMPLE = _PIECES * _PIECE  # bytes
_ROOMY = 192  # bytes of an object from which on a hook for each costs less than to count keys
_NAMED = 2**16  # bytes up to which a document is parsed again to say which key stands twice
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

    Takes up to twice the time of `json.loads`, and less for documents of numbers or long texts;
    beside that some microseconds, which are more in a document of a few hundred bytes.

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
_COLON = re.compile(rb"\\u003[aA]")
_ODD_CHARACTERS = ("contains NUL or half a character", "Unicode text")


def _checked(data: bytes, limits: DocumentLimits) -> Any:
    """Parse, and refuse what two readers could understand differently."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise _RefusedError("begins with a byte order mark", "UTF-8 without one")
    parser = _parser_for(data)
    try:
        value = parser(data)
    except RecursionError:
        raise _RefusedError(*_DEEP) from None
    except ValueError as error:
        _decoded(data)  # bytes that are not text are said to be that
        raise _RefusedError(*_fault(data, str(error))) from None
    if parser is _by_jiter and _holds_nul(data):
        raise _RefusedError(*_ODD_CHARACTERS)
    levels = _levels(value, data, limits)
    number = sum(map(len, levels))
    sparse = number < _FEW or number * _SPARSE < len(data)
    escaped = parser is not _by_jiter and b"\\" in data
    uncounted = parser is _by_json and b":" in data
    if number < _FEW:
        levels = [list(chain.from_iterable(levels))]
    groups = _by_kind(levels) if sparse or escaped or uncounted else []
    if uncounted:
        _check_keys(groups, data)
    if sparse or (_may_hold_numbers(groups) and _may_hold_odd_numbers(data, limits)):
        _check_numbers(groups or _by_kind(levels), limits.integer)
    if escaped:
        for text in _texts(groups):
            _check_characters(text)
    return value


def _parser_for(data: bytes) -> Callable[[bytes], Any]:
    """Choose what reads a document in the least time, with what it leaves to be done."""
    if len(data) <= _SAMPLE:
        return _by_jiter
    sample = _sample(data)
    many_objects = sample.count(b"{") * _ROOMY > len(sample)
    if sample.count(b"\\u") * _ESCAPE > len(sample):
        return _by_json if many_objects else _by_hooked_json
    return _by_jiter if many_objects or data.isascii() else _by_hooked_json


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
    return _PLAIN.decode(_decoded(data))


def _by_hooked_json(data: bytes) -> Any:
    return _HOOKED.decode(_decoded(data))


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


def _check_keys(groups: _Groups, data: bytes) -> None:
    """Refuse a key named twice: a document has a colon for it, and what was read does not.

    Args:
        groups: what was read.
        data: as written; a colon in an escape is none there, and one in what was read.
    """
    in_texts = data.count(b":") - sum(sum(map(len, objects)) for objects in _of(dict, groups))
    if not in_texts:
        return
    if b"\\u003" in data:
        in_texts += len(_COLON.findall(data.replace(rb"\\", b"")))
    if in_texts == sum(text.count(":") for text in _texts(groups)):
        return
    if len(data) <= _NAMED:
        _by_hooked_json(data)
    raise _RefusedError("names a key twice in one object", _ONCE)


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


def _by_kind(levels: _Levels) -> _Groups:
    return [(level, set(map(type, level))) for level in levels]


def _of(kind: type, groups: _Groups) -> Iterator[list[Any]]:
    """Yield the values of a type, as they lie together."""
    for values, kinds in groups:
        if kind in kinds:
            one_kind = len(kinds) == 1
            yield values if one_kind else [value for value in values if type(value) is kind]


def _may_hold_numbers(groups: _Groups) -> bool:
    """Whether values may be numbers; True too where nobody looked."""
    return not groups or any(int in kinds or float in kinds for _, kinds in groups)


def _check_numbers(groups: _Groups, most: int) -> None:
    for numbers in _of(int, groups):
        _check_integers(min(numbers), max(numbers), most)
    for reals in _of(float, groups):
        if max(reals) == inf or min(reals) == -inf:
            raise _RefusedError("contains a number too large for a double", "finite numbers")


def _check_integers(least: int, largest: int, most: int) -> None:
    for number in (least, largest):
        if abs(number) > most:
            below = f"integers below 2^{most.bit_length()}"
            raise _RefusedError(f"contains the integer {str(number)[:20]}…", below)


def _texts(groups: _Groups) -> Iterator[str]:
    """Yield what texts and keys hold, many in one."""
    for texts in _of(str, groups):
        yield from _joined(texts)
    for objects in _of(dict, groups):
        yield from _joined(list(chain.from_iterable(objects)))


def _joined(texts: list[str]) -> Iterator[str]:
    """Join texts, so many at once as stay near the processor."""
    return ("".join(texts[at : at + _NEAR]) for at in range(0, len(texts), _NEAR))


def _check_characters(text: str) -> None:
    """Refuse half characters, which no UTF-8 can hold, and NUL, where C readers stop."""
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
