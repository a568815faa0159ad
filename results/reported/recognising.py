"""Which publisher or tool wrote a file: the one whose reader understands most of its rows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from results.reported import load_generators
from results.reported.building import Refused
from results.reported.importing import KINDS
from results.reported.reading import MOST_BYTES, rows
from suites.base import files
from suites.base.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["kind_of"]

# Rows that are tried: publishers begin with rows as good as the others.
_TRIED = 50


def kind_of(path: Path) -> str:
    """Return the kind of a published file.

    Raises:
        UserError: it cannot be read, or no reader understands a row of it.
    """
    data = files.read(path, MOST_BYTES, expected="CSV, JSON, JSON Lines or Parquet")
    tried = list(islice(rows(path, data), _TRIED))
    understood = {kind: _understood(kind, tried) for kind in KINDS}
    kind = max(understood, key=lambda name: understood[name])
    if not understood[kind]:
        raise UserError(
            "is no signed result, no statement and no file of a harness or publisher we read",
            where=str(path),
            expected=", ".join(KINDS),
            remedy="name its kind with --kind",
        )
    return kind


def _understood(kind: str, tried: list[Any]) -> int:
    return sum(_reads(kind, row) for row in load_generators.split(kind, tried))


def _reads(kind: str, row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    try:
        KINDS[kind].read(row)
    except (Refused, ValueError, TypeError, KeyError, OverflowError):
        return False  # another kind's row may be anything to this reader
    return True
