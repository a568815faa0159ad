"""Files of the formats publishers use, taken apart into rows; nothing is interpreted here."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import Twice
from suites.base import files
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path, PurePath

__all__ = [
    "MOST_BYTES",
    "Broken",
    "Document",
    "MarkdownTable",
    "parse",
    "read",
    "table_rows",
    "tables",
]

MOST_BYTES = 2**27
_MOST_CELLS = 2**25
_MOST_YAML = 2**22  # bytes; a report has 30 kB, and YAML is read at 2 MB a second
_EXPECTED = "CSV, JSON, JSON Lines, YAML, Markdown, SQL or Parquet"
_DELIMITERS = ",;\t"
_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
_YAML = re.compile(r"(#[^\n]*\n\s*|---\s*\n\s*)*[A-Za-z_]\w*:(\s|$)")
# What scripts write above a table.
_COMMENTS = re.compile(r"\A(?:\s*#[^\n]*\n)+")
# SQL, and logs: their readers take them apart.
_NO_TABLE = ("CREATE ", "INSERT ", "=====", ":::MLLOG")
# A cell of a line's own: the reader's limit is 131,072 characters.
csv.field_size_limit(MOST_BYTES)


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that is none: the others of its file are read all the same."""

    reason: str
    names: tuple[str, ...] = ()  # of its columns, by which its kind is known


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownTable:
    """A table of a Markdown file.

    Attributes:
        headings: those it stands under, outermost first.
    """

    headings: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file as read.

    Attributes:
        name: of the file, without its folder.
        text: what it says; empty for Parquet.
        rows: objects of JSON and YAML, rows of CSV and Parquet; empty for other text.
        tables: of Markdown.
    """

    name: str
    data: bytes
    text: str
    rows: Sequence[Any] = ()
    tables: Sequence[MarkdownTable] = field(default=())


def read(path: Path) -> Document:
    """Read a published file.

    Raises:
        UserError: it cannot be read, is too large, or of no format we know.
    """
    return parse(path, files.read(path, MOST_BYTES, expected=_EXPECTED))


def parse(path: PurePath, data: bytes, *, most_cells: int = _MOST_CELLS) -> Document:
    """Take apart what was read.

    Args:
        path: whose ending tells YAML, SQL and text from tables; nothing is opened.
        most_cells: of a table that is packed, of which a few bytes may stand for a billion rows.

    Raises:
        UserError: it is of no format we know.
    """
    if data[:4] == b"PAR1":
        return Document(
            name=path.name, data=data, text="", rows=list(_parquet(path, data, most_cells))
        )
    if data[:2] == b"\x1f\x8b":
        raise _unreadable(path, "is compressed: unpack it first")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, "is not UTF-8") from error
    if not text.strip():
        raise _unreadable(path, "is empty")
    printed = tables(text)
    rows = () if printed else list(_rows(path, text))
    return Document(name=path.name, data=data, text=text, rows=rows, tables=printed)


def _rows(path: PurePath, text: str) -> Iterator[Any]:
    start, suffix = text.lstrip(), path.suffix.lower()
    if start[:1] in {"{", "["}:
        return iter(_json(path, text))
    if suffix in {".yaml", ".yml"} or _YAML.match(start):
        return iter(_yaml(path, text))
    if suffix in {".sql", ".md", ".txt", ".log"} or start.startswith(_NO_TABLE):
        return iter(())
    return table_rows(path, text)


def _json(path: PurePath, content: str) -> list[Any]:
    try:
        value = _loads(content)
    except RecursionError as error:
        raise _unreadable(path, "is nested too deeply") from error
    except ValueError as error:
        lines = [line for line in content.split("\n") if line.strip()]
        if len(lines) < 2 or not lines[0].rstrip().endswith(("}", "]")):
            raise _unreadable(path, f"is not JSON: {str(error)[:100]}") from error
        return [_line(line) for line in lines]
    return value if isinstance(value, list) else [value]


def _line(line: str) -> Any:
    try:
        return _loads(line)
    except (ValueError, RecursionError):
        return Broken("the line is not JSON")


def _loads(content: str) -> Any:
    return json.loads(content, object_pairs_hook=_object, parse_int=_integer)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        often = Counter(name for name, _ in pairs)
        members |= {name: Twice() for name, times in often.items() if times > 1}
    return members


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 40 else float(digits)


def _yaml(path: PurePath, content: str) -> list[Any]:
    import yaml

    if len(content) > _MOST_YAML:
        raise _unreadable(path, f"has more than {_MOST_YAML:,} characters of YAML")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # An alias may stand for a billion copies of what it names, and no report needs one.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(content, loader)):
            raise _unreadable(path, "has YAML aliases")
        documents = list(yaml.load_all(content, loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unreadable(path, f"is not YAML: {' '.join(str(error).split())[:100]}") from error
    rows = [
        row
        for document in documents
        for row in (document if isinstance(document, list) else [document])
    ]
    return [_plain(row) for row in rows if row is not None]


def _plain(value: Any) -> Any:
    """Give YAML the values that JSON has: names are texts, and so are dates."""
    if isinstance(value, dict):
        return {str(name): _plain(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [_plain(inside) for inside in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def table_rows(path: PurePath, content: str) -> Iterator[Any]:
    """Yield the rows of a table whose first line names the columns.

    A row of more or fewer cells than there are names is `Broken`: nobody can say which is which.

    Raises:
        UserError: it has no header.
    """
    content = _COMMENTS.sub("", content)
    first = content.lstrip("\r\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    try:
        names = next((cells for cells in reader if any(map(str.strip, cells))), [])
        if len(names) < 2:
            raise _unreadable(path, "has no header of columns")
        names = [name.strip() for name in names]
        twice = {name for name, times in Counter(names).items() if times > 1}
        for cells in reader:
            if any(map(str.strip, cells)):
                yield _row(names, twice, cells)
    except csv.Error as error:
        raise _unreadable(path, f"line {reader.line_num}: {error}") from error


def _row(names: list[str], twice: set[str], cells: list[str]) -> Any:
    while len(cells) > len(names) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) != len(names):
        return Broken(f"has {len(cells)} cells under {len(names)} names", tuple(names))
    return {
        name: Twice() if name in twice else cell for name, cell in zip(names, cells, strict=True)
    }


def tables(content: str) -> list[MarkdownTable]:
    """Return the tables of a Markdown text; a line of dashes stands under each one's names."""
    printed: list[MarkdownTable] = []
    headings: dict[int, str] = {}
    lines = [line.rstrip("\r") for line in content.split("\n")]
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("#"):
            depth = len(line) - len(line.lstrip("#"))
            headings = {level: told for level, told in headings.items() if level < depth}
            headings[depth] = line.strip("# ")
        elif _begins_table(lines, at):
            end = at + 2
            while end < len(lines) and "|" in lines[end] and not _begins_table(lines, end):
                end += 1
            cells = [_cells(row) for row in lines[at + 2 : end]]
            printed.append(
                MarkdownTable(
                    headings=tuple(headings.values()), columns=tuple(_cells(line)), cells=cells
                )
            )
            at = end
            continue
        at += 1
    return printed


def _begins_table(lines: Sequence[str], at: int) -> bool:
    under = lines[at + 1] if at + 1 < len(lines) else ""
    return "|" in lines[at] and "|" in under and _RULE.fullmatch(under) is not None


def _cells(line: str) -> list[str]:
    inside = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip() for cell in inside.split("|")]


def _parquet(path: PurePath, data: bytes, most_cells: int) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(pa.BufferReader(data)) as file:
            if file.metadata.num_rows * file.metadata.num_columns > most_cells:
                raise _unreadable(path, f"holds {file.metadata.num_rows:,} rows")
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, "is not Parquet") from error
    return (row for batch in table.to_batches(max_chunksize=10_000) for row in batch.to_pylist())


def _unreadable(path: PurePath, what: str) -> UserError:
    return UserError(what, where=str(path), expected=_EXPECTED)
