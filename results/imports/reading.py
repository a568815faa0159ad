"""Rows of the file formats publishers use; nothing is interpreted here."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from suites.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["MOST_BYTES", "rows"]

MOST_BYTES = 2**27
_MOST_CELLS = 2**25


def rows(path: Path, data: bytes) -> Iterator[Any]:
    """Yield the rows of a CSV, JSON, JSON Lines or Parquet file; a JSON object is one row.

    Args:
        path: names the format, and the file in errors.
        data: what it holds.

    Raises:
        UserError: it is none of these.
    """
    if path.suffix == ".parquet":
        return _parquet(path, data)
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, "is not UTF-8") from error
    if content.lstrip().startswith(("{", "[")):
        return iter(_json(path, content))
    return _csv(path, content)


def _json(path: Path, content: str) -> list[Any]:
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise _unreadable(path, "is nested too deeply") from error
    except ValueError:
        return _json_lines(path, content)
    return value if isinstance(value, list) else [value]


def _json_lines(path: Path, content: str) -> list[Any]:
    found = []
    for index, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise _unreadable(path, f"line {index} is not JSON") from error
    return found


def _csv(path: Path, content: str) -> Iterator[Any]:
    reader = csv.DictReader(content.splitlines(), restkey="")  # cells beyond the header
    try:
        if len(reader.fieldnames or ()) < 2:
            raise _unreadable(path, "has no header of columns")
        yield from reader
    except csv.Error as error:
        raise _unreadable(path, f"line {reader.line_num + 1}: {error}") from error


def _parquet(path: Path, data: bytes) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(pa.BufferReader(data)) as file:
            # A few bytes may stand for a billion equal rows.
            if file.metadata.num_rows * file.metadata.num_columns > _MOST_CELLS:
                raise _unreadable(path, f"holds {file.metadata.num_rows:,} rows")
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, "is not Parquet") from error
    return (row for batch in table.to_batches(max_chunksize=10_000) for row in batch.to_pylist())


def _unreadable(path: Path, what: str) -> UserError:
    return UserError(what, where=str(path), expected="CSV, JSON, JSON Lines or Parquet")
