"""A store as one file, taken beside a running server, and back again without forking the log.

The checkpoint is read before the rows: rows are committed first, so those of a backup cover its
log and perhaps a little more, which opening the store adds again, byte for byte. The log's
private key is not in it.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import os
import re
import shutil
import tarfile
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError
from sqlalchemy import func, insert, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from results.keys import keyfile
from results.keys.identity import read_key_file, read_runner
from results.proof import checkpoint, notice, tiles
from results.proof.ledger import Ledger
from results.service import engine as database
from results.service.history import check_rows
from results.service.orm import Base, LogEntry
from results.service.samples import kept
from suites.base import files
from suites.base.errors import CheckError, UserError
from suites.base.files import write_atomically
from suites.base.locks import held
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

__all__ = ["BACKED_UP", "Manifest", "back_up", "restore"]

# In the store's folder: the checkpoint that was last backed up, for operators.
BACKED_UP = ".backed-up"
_MANIFEST, _ROWS, _KEY = "backup.json", "fenmark.db", "log.pem"
_MOST_MANIFEST = 2**30
_AT_ONCE = 500  # rows, of which each holds an envelope of up to 1 MiB
_CHUNK = 2**20
# What a backup may hold: whatever else is in a file is not a path of ours.
_NAME = re.compile(
    r"fenmark\.db|log/(checkpoint|cosigned)|log/tile/[0-9a-z]+(/x?\d{3})+(\.p/\d{1,3})?"
    r"|(runners|notices)/[A-Za-z0-9._-]{1,128}|samples/[0-9a-f]{64}\.json"
)
_EXCHANGE = 2  # renameat2(2): RENAME_EXCHANGE
_HERE = -100  # AT_FDCWD


class Manifest(StrictModel):
    """What a backup says of itself, at its end: without it the file was cut short.

    Attributes:
        format: of the file.
        origin, size, root: of the checkpoint it holds.
        entries: of the rows, no fewer than `size`.
        key: the log's raw Ed25519 public key, in hexadecimal.
        made: when, by this machine's clock.
        files: SHA-256 of each.
    """

    format: Literal[1]
    origin: Annotated[str, Field(min_length=1, max_length=300)]
    size: Annotated[int, Field(ge=0)]
    root: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    entries: Annotated[int, Field(ge=0)]
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    made: Annotated[str, Field(max_length=32)]
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]


def back_up(data: Path, out: Path, *, url: str | None = None) -> Manifest:
    """Write a store's rows, log, key files, notices and raw samples into one file.

    Works beside a running server. The file is whole or not there.

    Args:
        url: of the database, as given to `serve`.

    Raises:
        UserError: `data` is not a store, its tables are of another version, or `out` is there.
    """
    ledger = Ledger(data / "log")
    if not ledger.exists():
        raise UserError(
            "holds no log", where=str(data), expected="the folder of `fenmark serve --data`"
        )
    if out.exists():
        raise UserError("is there already", where=str(out), remedy="name another file with --out")
    note = ledger.checkpoint_file.read_bytes()
    head = checkpoint.read(note, str(ledger.checkpoint_file))[0]
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        rows = Path(scratch) / _ROWS
        entries = _copy_rows(data, rows, url)
        partial = Path(scratch) / out.name
        with tarfile.open(partial, "w:gz", compresslevel=1) as bundle:
            add = _Adding(bundle)
            add.file(_ROWS, rows)
            for name in tiles.paths(head.size):
                add.data(f"log/{name}", ledger.tile(name))
            add.data("log/checkpoint", note)
            _add_beside(add, data, entries, url)
            manifest = Manifest(
                format=1,
                origin=head.origin,
                size=head.size,
                root=head.root.hex(),
                entries=entries,
                key=_key_of(data, head.origin).hex(),
                made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                files=add.digests,
            )
            add.data(_MANIFEST, manifest.model_dump_json().encode())
        files.flush([partial])
        partial.replace(out)
        files.flush([out.parent])
    with suppress(OSError):  # a folder that is only read from can be backed up too
        write_atomically(data / BACKED_UP, note)
    return manifest


def _add_beside(add: _Adding, data: Path, entries: int, url: str | None) -> None:
    cosigned = data / "log" / "cosigned"
    if cosigned.is_file():
        add.data("log/cosigned", cosigned.read_bytes())
    for path in sorted((data / "runners").glob("*.toml")):
        add.file(f"runners/{path.name}", path)
    for path in notice.paths(data):
        add.file(f"notices/{path.name}", path)
    for path in kept(data, entries, url):
        add.file(f"samples/{path.name}", path)


class _Adding:
    """Files put into a bundle, with the digest of each."""

    def __init__(self, bundle: tarfile.TarFile) -> None:
        self._bundle = bundle
        self.digests: dict[str, str] = {}

    def data(self, name: str, data: bytes) -> None:
        self._add(name, io.BytesIO(data), len(data))

    def file(self, name: str, path: Path) -> None:
        with path.open("rb") as source:
            self._add(name, source, os.fstat(source.fileno()).st_size)

    def _add(self, name: str, source: IO[bytes], size: int) -> None:
        about = tarfile.TarInfo(name)
        about.size = size
        hashing = _Hashing(source)
        self._bundle.addfile(about, hashing)
        self.digests[name] = hashing.digest.hexdigest()


class _Hashing(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data


def _copy_rows(data: Path, place: Path, url: str | None) -> int:
    """Write all rows of one moment into an SQLite file; return how many entries there are."""
    with (
        database.connect(data, url) as source,
        database.connect(place.parent, f"sqlite:///{place}") as target,
        _one_moment(source) as reading,
    ):
        database.migrate(target)
        try:
            _copy(reading, target)
            return int(reading.scalar(select(func.count()).select_from(LogEntry)) or 0)
        except (OperationalError, ProgrammingError) as error:
            raise UserError(
                f"tables cannot be read: {str(error).splitlines()[0]}",
                where="database",
                expected="tables of this version",
                remedy="start `fenmark serve` once: it brings them up to date",
            ) from error


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """Read as of one moment, whatever is committed meanwhile."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection
        connection.rollback()


def _copy(source: Connection, target: Engine) -> None:
    with target.begin() as writing:
        for table in Base.metadata.sorted_tables:
            rows = source.execution_options(yield_per=_AT_ONCE).execute(select(table))
            for batch in rows.mappings().partitions():
                writing.execute(insert(table), [dict(row) for row in batch])


def _key_of(data: Path, origin: str) -> bytes:
    """Return the log's public key, which `serve` keeps in a file named by the log's last part."""
    path = data / "runners" / f"{origin.rpartition('/')[2]}.toml"
    key = read_runner(read_key_file(path), str(path)).key
    return checkpoint.ed25519_bytes(key.to_dict())


def restore(
    file: Path, data: Path, *, url: str | None = None, archive: Path | None = None
) -> Manifest:
    """Put a backup back: a new folder takes the place of the old one in one step.

    Everything is checked first: each file's digest, the log's signature and every tile, the rows
    against the log, and that both go on from what stands in `data` and in `archive`. A kill leaves
    the old folder or the new one. The old one is kept beside it.

    Args:
        url: of an empty database that the rows go into instead of a file.
        archive: what was published from the store: a backup older than it is refused.

    Raises:
        UserError: the file cannot be read.
        CheckError: it is damaged, or older than, or of another history than, what is there; or a
            server has the folder.
    """
    parent = data.resolve().parent
    with held(parent, name=f".{data.name}.restoring-lock", busy="is being restored", remedy="wait"):
        fresh = parent / f".{data.name}.restoring"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            manifest = _unpack(file, fresh)
            _check(manifest, fresh, data, archive)
            _swap(fresh, data, url)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return manifest


def _unpack(file: Path, fresh: Path) -> Manifest:
    """Write the files of a backup and hold each against its digest.

    Raises:
        UserError: it is not a backup.
        CheckError: it is damaged.
    """
    digests: dict[str, str] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(file, "r|gz") as bundle:
            for member in bundle:
                source = bundle.extractfile(member) if member.isreg() else None
                if source is None or manifest is not None:
                    raise CheckError(f"holds {member.name!r}", where=str(file))
                if member.name == _MANIFEST:
                    manifest = _manifest(source.read(_MOST_MANIFEST), file)
                elif _NAME.fullmatch(member.name) and member.name not in digests:
                    digests[member.name] = _write(source, fresh / member.name)
                else:
                    raise CheckError(f"holds {member.name!r}", where=str(file))
    except OSError as error:
        raise UserError(
            f"cannot be read: {error.strerror or error}",
            where=str(file),
            expected="a file that `fenmark backup` wrote",
        ) from error
    except (tarfile.TarError, EOFError) as error:
        raise UserError(
            f"is cut short or no backup: {error}",
            where=str(file),
            expected="a file that `fenmark backup` wrote",
        ) from error
    if manifest is None:
        raise CheckError("was cut short: its last part is missing", where=str(file))
    wrong = {*digests.items()} ^ {*manifest.files.items()}
    if wrong:
        name = min(wrong)[0]
        raise CheckError(f"is damaged: {name} is not what was backed up", where=str(file))
    return manifest


def _manifest(data: bytes, file: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise CheckError(
            f"is of another format: {error.errors()[0]['msg']}", where=f"{file}:{_MANIFEST}"
        ) from error


def _write(source: IO[bytes], place: Path) -> str:
    digest = hashlib.sha256()
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as target:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest()


def _check(manifest: Manifest, fresh: Path, data: Path, archive: Path | None) -> None:
    """Prove the root, and that nothing that is there would be rolled back or forked.

    Raises:
        CheckError: see `restore`.
    """
    key = bytes.fromhex(manifest.key)
    place = data / _KEY
    if place.exists():
        own = checkpoint.ed25519_bytes(keyfile.load(place).public_key.to_dict())
        if own != key:
            raise CheckError(
                "is the key of another log", where=str(place), expected=manifest.origin
            )
        shutil.copy2(place, fresh / _KEY)
    ledger = Ledger(fresh / "log")
    head = ledger.verify([key])
    if (head.origin, head.size, head.root.hex()) != (
        manifest.origin,
        manifest.size,
        manifest.root,
    ):
        raise CheckError("is not the log that the backup names", where=str(fresh / "log"))
    with database.connect(fresh) as engine:
        check_rows(engine, ledger)
        for there in (data, *([archive] if archive else [])):
            _check_goes_on(engine, Ledger(there / "log"), manifest)


def _check_goes_on(engine: Engine, there: Ledger, manifest: Manifest) -> None:
    """Refuse a backup that what stands there does not begin.

    Raises:
        CheckError: it is older, or of another history.
    """
    for seen in there.promised():
        if seen.origin != manifest.origin:
            raise CheckError(
                f"is of {seen.origin}",
                where=str(there.checkpoint_file),
                expected=manifest.origin,
                remedy="restore into another folder",
            )
        if seen.size > manifest.entries:
            raise CheckError(
                f"has {seen.size} entries, the backup {manifest.entries}: it would be rolled back",
                where=str(there.checkpoint_file),
                expected="a backup no older than what is there",
                remedy="take a newer backup; what was promised since would be forgotten",
            )
    check_rows(engine, there)


def _swap(fresh: Path, data: Path, url: str | None) -> None:
    """Let the new folder take the place of the old one."""
    with ExitStack() as stack:
        if data.exists():
            stack.enter_context(
                held(data, busy="is open in another process", remedy="stop the server first")
            )
        if url:
            _fill(fresh, data, url)
        files.flush([*fresh.rglob("*"), fresh])
        if not data.exists():
            fresh.rename(data)
        else:
            _exchange(fresh, data)
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            fresh.rename(data.with_name(f"{data.name}.before-{stamp}"))
        files.flush([data.parent])


def _fill(fresh: Path, data: Path, url: str) -> None:
    """Put the rows into another database, all of them or none.

    Raises:
        CheckError: a server has it, or it holds entries.
    """
    with database.connect(data, url) as target, database.connect(fresh) as source:
        database.migrate(target)
        with target.connect() as connection:
            if connection.scalar(select(func.count()).select_from(LogEntry)):
                raise CheckError(
                    "holds entries", where="database", expected="an empty database or schema"
                )
        with _one_moment(source) as reading:
            _copy(reading, target)
    for path in fresh.glob(f"{_ROWS}*"):
        path.unlink()


def _exchange(first: Path, second: Path) -> None:
    """Let two folders change places in one step where the system can, else in two."""
    rename: Callable[..., int] | None = getattr(
        ctypes.CDLL(None, use_errno=True), "renameat2", None
    )
    if rename and rename(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE) == 0:
        return
    if rename and ctypes.get_errno() not in {errno.EINVAL, errno.ENOSYS}:
        code = ctypes.get_errno()
        raise UserError(f"cannot be replaced: {os.strerror(code)}", where=str(second))
    aside = first.with_suffix(".old")
    second.rename(aside)
    first.rename(second)
    aside.rename(first)
