"""What is kept between builds: rows, so that an envelope is verified and read once; templates.

A kept row stands for the envelope whose SHA-256 it names, and the caller has hashed the file that
lies there now. Whatever else went into it (this code, the catalogue, the price sheet) is in the
stamp; another stamp, a damaged file or none at all only makes the next build longer.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import BytecodeCache

from leaderboard.base import unread
from leaderboard.base.kept import load, store
from leaderboard.figures import rows
from suites.base import files as plain
from suites.base import user_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from jinja2.bccache import Bucket

    from results.catalog import PriceSheet

__all__ = ["Kept", "Seen", "Templates", "kept", "stamp"]

# Folders that no row and no page is made from; documents and theme have a digest of their own.
_UNRELATED = {"public", "docs", "docs_zh", "theme", "assets"}


class Kept:
    """The rows of one set of archives at one price sheet, in a file."""

    def __init__(self, archives: Sequence[Path], sheet: PriceSheet | None = None) -> None:
        self._stamp = stamp(sheet).encode()
        named = "\0".join(str(path.resolve()) for path in archives)
        self._path = (
            user_folders.cache() / f"rows-{hashlib.sha256(named.encode()).hexdigest()[:16]}.parquet"
        )

    def load(self) -> pd.DataFrame:
        """Return the rows of the last build; none when they cannot be used."""
        try:
            table = pq.read_table(pa.BufferReader(load(self._path)))
        except pa.ArrowException:
            return rows.frame([])
        if (table.schema.metadata or {}).get(b"fenmark") != self._stamp:
            return rows.frame([])
        cached: pd.DataFrame = table.to_pandas()
        return cached

    def store(self, table: pd.DataFrame) -> None:
        """Keep rows for the next build; where that cannot be, the next build takes longer."""
        columns = pa.Table.from_pandas(table, preserve_index=False)
        marked = columns.replace_schema_metadata(
            {**(columns.schema.metadata or {}), b"fenmark": self._stamp}
        )
        written = io.BytesIO()
        pq.write_table(marked, written, compression="lz4")
        store(self._path, written.getvalue())


class Seen:
    """SHA-256 of the files of a folder, as the last build read them.

    A file is read again where it does not lie as it did, or changed just before it was read.
    """

    def __init__(self, folder: Path) -> None:
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
        self._path = user_folders.cache() / f"seen-{name}.json"
        self._before: dict[str, str] = json.loads(load(self._path) or b"{}")
        self._now: dict[str, str] = {}
        self._above = len(os.fspath(folder / "_")) - 1
        self._settled = unread.settled_ns()

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a plain file of the folder.

        Raises:
            OSError: it cannot be read, is a link, no plain file or too large.
        """
        lies = os.lstat(path)
        known = f"{unread.as_it_lies(lies)} "
        name = os.fspath(path)[self._above :]
        told = self._before.get(name, "")
        if not (told.startswith(known) and stat.S_ISREG(lies.st_mode)):
            told = known + hashlib.sha256(plain.read_limited(path, follow=False)).hexdigest()
        if unread.changed_ns(lies) < self._settled:
            self._now[name] = told
        return told[len(known) :]

    def store(self) -> None:
        """Keep what was seen for the next build."""
        if self._now != self._before:
            store(self._path, json.dumps(self._now).encode())


class Templates(BytecodeCache):
    """Compiled templates, each for one text of it, this code and this version of Jinja."""

    def get_source_checksum(self, source: str) -> str:
        made_of = f"{stamp()} {version('jinja2')} {source}"
        return hashlib.sha256(made_of.encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.bytecode_from_string(load(self._path(bucket)))

    def dump_bytecode(self, bucket: Bucket) -> None:
        store(self._path(bucket), bucket.bytecode_to_string())

    def _path(self, bucket: Bucket) -> Path:
        return user_folders.cache() / f"template-{bucket.key}"


def kept(name: str, made_of: str, make: Callable[[], bytes]) -> bytes:
    """Return what was made of the same before, by the same code; else make and keep it."""
    known = hashlib.sha256(f"{stamp()} {made_of}".encode()).digest()
    path = user_folders.cache() / f"{name}.kept"
    stored = load(path)
    if stored.startswith(known):
        return stored[len(known) :]
    data = make()
    store(path, known + data)
    return data


def stamp(sheet: PriceSheet | None = None) -> str:
    """Identify the code and the data that make rows and pages, and the prices they are at."""
    prices = sheet.model_dump_json() if sheet else ""
    return hashlib.sha256(f"{_made_by()} {prices}".encode()).hexdigest()[:32]


@cache
def _made_by() -> str:
    made_of = hashlib.sha256()
    for package in ("suites", "results", "leaderboard"):
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root)
            if path.suffix in {".py", ".toml", ".html"} and not _UNRELATED & {*inside.parts}:
                made_of.update(f"\0{package}/{inside}\0".encode() + path.read_bytes())
    return made_of.hexdigest()[:32]
