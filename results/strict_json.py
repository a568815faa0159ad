"""Read JSON from strangers: refuse what two readers could understand differently."""

from __future__ import annotations

import json
from typing import Any

from suites.errors import UserError

__all__ = ["MAX_BYTES", "canonical", "loads"]

MAX_BYTES = 2**20  # 1 MiB; a quick run is about 60 kB
_MAX_DEPTH = 32
_MAX_NODES = 200_000
# Beyond this JavaScript readers lose digits (ECMA-262, Number.MAX_SAFE_INTEGER).
_MAX_INTEGER = 2**53 - 1


def loads(data: bytes, where: str) -> Any:
    """Parse JSON, refusing duplicate keys, NaN, huge integers, depth and size.

    Args:
        data: the bytes as received.
        where: file or field, for the message.

    Raises:
        UserError: with a message of its own for each reason.
    """
    if len(data) > MAX_BYTES:
        raise _refused(where, f"is {len(data)} bytes", f"at most {MAX_BYTES}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(where, f"is not UTF-8 at byte {error.start}", "UTF-8") from error
    if text.startswith("\ufeff"):
        raise _refused(where, "begins with a byte order mark", "UTF-8 without one")
    try:
        value = _DECODER.decode(text)
    except _RefusedError as error:
        raise _refused(where, *error.args) from None
    except json.JSONDecodeError as error:
        at = f"line {error.lineno} column {error.colno}"
        raise _refused(where, f"is not JSON: {error.msg} at {at}", "valid JSON") from error
    except RecursionError as error:
        raise _refused(where, "is nested too deeply", f"depth {_MAX_DEPTH} at most") from error
    _measure(value, where)
    if b"\\" in data:  # what only an escape can bring in
        _no_odd_characters(value, where)
    return value


def canonical(value: Any) -> bytes:
    """Write JSON one way only: sorted keys, no spaces, integers kept integers, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


class _RefusedError(Exception):
    """What is wrong with a value, and what was expected; where it lies the caller knows."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedError(f"names {twice!r} twice in one object", "each key once")
    return found


def _no_constant(name: str) -> Any:
    raise _RefusedError(f"contains {name}", "finite numbers")


def _integer(digits: str) -> int:
    # Length first: int() refuses thousands of digits with a message of its own.
    if len(digits) > len(str(_MAX_INTEGER)) + 1 or abs(int(digits)) > _MAX_INTEGER:
        raise _RefusedError(f"contains the integer {digits[:20]}…", "integers below 2^53")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if value in {float("inf"), float("-inf")}:
        raise _RefusedError(f"contains {digits[:20]}, too large for a double", "finite numbers")
    return value


# Made once: the log holds an entry a result, and a decoder takes longer to make than an entry.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_constant=_no_constant,
    parse_int=_integer,
    parse_float=_real,
)


def _measure(value: Any, where: str) -> None:
    level, depth, nodes = [value], 0, 0
    while level:
        depth += 1
        nodes += len(level)
        if depth > _MAX_DEPTH:
            raise _refused(where, "is nested too deeply", f"depth {_MAX_DEPTH} at most")
        if nodes > _MAX_NODES:
            raise _refused(where, "holds too many values", f"{_MAX_NODES} at most")
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = inner


def _no_odd_characters(value: Any, where: str) -> None:
    """Refuse half characters, which no UTF-8 can hold, and NUL, where C readers stop."""
    left = [value]
    while left:
        match left.pop():
            case str(text):
                if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
                    raise _refused(where, "contains NUL or half a character", "Unicode text")
            case dict(members):
                left.extend(members)
                left.extend(members.values())
            case list(items):
                left.extend(items)
            case _:
                pass


def _refused(where: str, what: str, expected: str) -> UserError:
    return UserError(what, where=where, expected=expected)
