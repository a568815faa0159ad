"""The figures as files: CSV, JSON and Parquet with provenance in every row.

One file of each kind a chip, so that a new result touches one; the whole is put together from
those files as they stand.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.dataset import ParquetFileFormat, dataset

from leaderboard.figures.tables import COLUMNS, SCHEMA, rows_of
from leaderboard.read import known
from leaderboard.read.archives import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from leaderboard.figures.tables import Beside
    from leaderboard.read.archives import Archive, FoundEnvelope, Moderated

__all__ = ["COLUMNS", "KINDS", "LISTING", "encoded", "part", "proofs", "whole"]

KINDS = ("csv", "json", "parquet")
LISTING = (
    ("points.csv", "every figure, one row each, with provenance"),
    ("points.json", "the same as JSON: columns, and a list a row"),
    ("points.parquet", "the same as Parquet"),
)
# A spreadsheet runs what begins like a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TEXTS = [field.name for field in SCHEMA if pa.types.is_dictionary(field.type)]
_JSON_TAIL = b"\n]}\n"
_CSV_HEAD = (",".join(COLUMNS) + "\n").encode()
# Rows of a whole Parquet file that are compressed together.
_ROW_GROUP = 100_000


def part(sources: Sequence[tuple[str, FoundEnvelope, Beside]]) -> tuple[bytes, ...]:
    """Return all figures of some results in the three kinds, in the order given."""
    rows = [
        row
        for digest, source, known in sources
        for row in rows_of(opened(digest, source, with_flags=False), known)
    ]
    return encoded(SCHEMA, rows)


def encoded(
    schema: pa.Schema, rows: Sequence[tuple[Any, ...]], kinds: Sequence[str] = KINDS
) -> tuple[bytes, ...]:
    """Return rows in some kinds: csv, csv.gz, json, parquet."""
    return tuple(_ENCODERS[kind](schema, rows) for kind in kinds)


def _parquet(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> bytes:
    values = zip(*rows, strict=True) if rows else ([] for _ in schema.names)
    columns = [pa.array(own, kind) for own, kind in zip(values, schema.types, strict=True)]
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), parquet, compression="zstd")
    return parquet.getvalue()


def whole(kind: str, parts: Sequence[Path]) -> Iterator[bytes]:
    """Yield the file of all results piece by piece, from the parts of that kind."""
    match kind:
        case "csv":
            yield _CSV_HEAD
            for path in parts:
                yield path.read_bytes().removeprefix(_CSV_HEAD)
        case "json":
            head = _json_head(COLUMNS)
            yield head
            for at, path in enumerate(parts):
                yield b",\n" if at else b""
                yield path.read_bytes().removeprefix(head).removesuffix(_JSON_TAIL)
            yield _JSON_TAIL
        case _:
            written = io.BytesIO()
            dictionaries = ParquetFileFormat(dictionary_columns=_TEXTS)
            together = dataset(list(map(str, parts)), schema=SCHEMA, format=dictionaries)
            # On one thread: the other processor makes pages meanwhile.
            table = together.to_table(use_threads=False).unify_dictionaries()
            pq.write_table(table, written, row_group_size=_ROW_GROUP, compression="zstd")
            yield written.getvalue()


def proofs(archive: Archive) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of what the verify page looks up: keys, laws, logs, each result's place.

    Places are split by the first two digits of the digest, so that a new result changes one
    small file. A place is log, index, the rules that the entry names, if any, and the notices
    about the result, if any.
    """
    yield "proofs/keys.json", known.key_list(archive.keys)
    yield "proofs/laws.json", known.laws()
    yield "proofs/logs.json", json.dumps(archive.logs, sort_keys=True).encode()
    shards: dict[str, dict[str, list[Any]]] = {f"{n:02x}": {} for n in range(256)}
    for digest, source in archive.sources.items():
        if source.index is not None:
            rules = [list(source.entered)] if source.entered else []
            shards[digest[:2]][digest] = [source.log, source.index, *rules]
    for digest, moderated in archive.moderated.items():
        log, index, *rules = shards[digest[:2]].get(digest, [moderated.log, moderated.index])
        shards[digest[:2]][digest] = [log, index, *(rules or [[]]), _notice_rows(moderated)]
    for prefix, places in shards.items():
        yield f"proofs/{prefix}.json", json.dumps(dict(sorted(places.items()))).encode()


def _notice_rows(moderated: Moderated) -> list[list[Any]]:
    """Action, index and digest of each notice about a result, its reason, and what is newer."""
    return [
        [
            placed.notice.action,
            placed.index,
            placed.notice.digest,
            placed.notice.reason,
            placed.notice.newer or "",
        ]
        for placed in moderated.state.notices
    ]


def _csv(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(schema.names)
    writer.writerows([_inert(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _inert(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _packed_csv(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> bytes:
    return gzip.compress(_csv(schema, rows), mtime=0)


def _json(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return _json_head(schema.names) + ",\n".join(lines).encode() + _JSON_TAIL


def _json_head(names: Sequence[str]) -> bytes:
    return b'{"columns":' + json.dumps(names, separators=(",", ":")).encode() + b',"data":[\n'


_ENCODERS: Mapping[str, Callable[[pa.Schema, Sequence[tuple[Any, ...]]], bytes]] = {
    "csv": _csv,
    "csv.gz": _packed_csv,
    "json": _json,
    "parquet": _parquet,
}
