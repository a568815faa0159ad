"""Options of a run as a plan reads them: each of its type and bounds, or a line that names it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["at_least_one", "limit", "listed", "positive", "share", "whole"]


def listed(options: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = options.get(name)
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def whole(options: Mapping[str, Any], name: str, default: int, *, least: int) -> int:
    value = options.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or value < least:
        raise UserError(f"{value!r} is too small", where=name, expected=f"at least {least}")
    return value


def at_least_one(value: Any, name: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise UserError(f"{value!r} is not a count", where=name, expected="a whole number from 1")
    return value


def positive(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise UserError(f"{value!r} will not do", where=name, expected="a number above 0")
    return float(value)


def limit(options: Mapping[str, Any], name: str) -> float | None:
    value = options.get(name)
    return None if value is None else positive(value, name)


def share(options: Mapping[str, Any], name: str) -> float:
    value = options.get(name) or 0.0
    if not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise UserError(f"{value!r} is not a share", where=name, expected="from 0 to below 1")
    return float(value)
