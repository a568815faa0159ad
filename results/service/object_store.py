"""A published archive in object storage (the API of S3), under the rules of a folder.

What is there is extended, or nothing is written. Everything an entry of the log names goes first,
the checkpoint last, and only if it is still the one that was looked at; what a removal took away
goes after it. Needs the extra `objects`.
"""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from results.archive import archive
from results.proof import checkpoint
from results.proof.ledger import Ledger
from results.service.publish import check_extends
from suites.base.errors import CheckError, UserError
from suites.base.extras import install

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from obstore.store import ObjectStore, RetryConfig

__all__ = ["Mirrored", "mirror", "opened"]

_AT_ONCE = 16  # requests
_PATIENCE: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
_HEAD = "log/checkpoint"
# What of an archive is published: files that may change, and those named by what they hold.
_CHANGING = re.compile(r"runners/[A-Za-z0-9._-]+\.toml|log/cosigned")
_NEVER_CHANGING = re.compile(
    r"submissions/[0-9a-f]{64}\.dsse\.json|samples/[0-9a-f]{64}\.json"
    r"|notices/[0-9a-f]{64}\.dsse\.json|log/tile/[0-9a-z]+(/x?\d{3})+(\.p/\d{1,3})?"
)
_PARTIAL = re.compile(r"log/tile/.+\.p/\d{1,3}")


@dataclass(frozen=True, slots=True)
class Mirrored:
    """How much was done: entries of the log there now, objects written and deleted."""

    entries: int
    written: int
    deleted: int


def opened(url: str, endpoint: str | None = None) -> ObjectStore:
    """Open a bucket, or a folder of one.

    Args:
        url: `s3://BUCKET/PREFIX`.
        endpoint: of a server that is not Amazon's. Credentials and region are read from the
            environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`).

    Raises:
        UserError: the URL names no bucket, or the extra is not installed.
    """
    named = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", url)
    if named is None:
        raise UserError(
            f"{url[:200]!r} is not a bucket", where="--to", expected="s3://BUCKET/PREFIX"
        )
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise UserError(
            "object storage needs a library", where="obstore", remedy=install("objects")
        ) from error
    bucket, prefix = named.groups()
    elsewhere: dict[str, Any] = {}
    if endpoint:
        elsewhere = {
            "endpoint": endpoint,
            "virtual_hosted_style_request": False,
            "client_options": {"allow_http": endpoint.startswith("http://")},
        }
    within = (prefix or "").strip("/") or None
    with _reachable(url):
        return S3Store(bucket, prefix=within, retry_config=_PATIENCE, **elsewhere)


def mirror(
    home: Path, log: Ledger, store: ObjectStore, gone: Mapping[str, Sequence[str]], where: str
) -> Mirrored:
    """Bring object storage up to an archive in a folder.

    Args:
        log: that the archive was published from; it proves what stood there before.
        gone: digests of removed results, and of the raw samples of each.
        where: the bucket, for people.

    Raises:
        UserError: the folder holds no log.
        CheckError: what is there is newer, of another log or of another history, or changed
            meanwhile; or the storage does not do what it is asked to.
    """
    ledger = Ledger(home / "log")
    if not ledger.exists():
        raise UserError("holds no log", where=str(home), expected="what `fenmark publish` wrote")
    note = ledger.checkpoint_file.read_bytes()
    head = checkpoint.read(note, str(ledger.checkpoint_file))[0]
    with _reachable(where), ThreadPoolExecutor(_AT_ONCE) as pool:
        there, tag = _head(store)
        if there:
            earlier = checkpoint.read(there, f"{where}/{_HEAD}")[0]
            check_extends(log, head, [earlier], f"{where}/{_HEAD}")
        held = {item["path"]: item for batch in store.list() for item in batch}
        wanted = dict(_published(home))
        written = [name for name, path in wanted.items() if _differs(path, name, held.get(name))]
        # An object that cannot be written ends it here, before the checkpoint that covers it.
        list(pool.map(lambda name: store.put(name, wanted[name].read_bytes()), written))
        if there != note:
            _replace_head(store, note, there, tag, where)
        outgrown = {name for name in held if _PARTIAL.fullmatch(name)} - wanted.keys()
        removed = {
            name
            for digest, samples in gone.items()
            for name in (
                f"submissions/{digest}{archive.SUFFIX}",
                *(f"samples/{sample}.json" for sample in samples),
            )
        }
        deleted = sorted(held.keys() & (outgrown | (removed - wanted.keys())))
        list(pool.map(store.delete, deleted))
    return Mirrored(head.size, len(written) + (there != note), len(deleted))


def _published(home: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if path.is_file() and (_CHANGING.fullmatch(name) or _NEVER_CHANGING.fullmatch(name)):
            yield name, path


def _differs(path: Path, name: str, held: Mapping[str, Any] | None) -> bool:
    """Whether an object has to be written; one that may change is compared by its MD5 as ETag."""
    if held is None or held["size"] != path.stat().st_size:
        return True
    if _NEVER_CHANGING.fullmatch(name):
        return False
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return str(held["e_tag"]).strip('"') != digest


def _head(store: ObjectStore) -> tuple[bytes, str | None]:
    """Return the checkpoint there and its tag; nothing where there is none."""
    try:
        answer = store.get(_HEAD)
    except FileNotFoundError:
        return b"", None
    return bytes(answer.bytes()), answer.meta["e_tag"]


def _replace_head(
    store: ObjectStore, note: bytes, there: bytes, tag: str | None, where: str
) -> None:
    """Put the checkpoint in the place of the one that was looked at, and of no other.

    The condition is the storage's to keep; one that knows none may be written to by two at once,
    so it is asked once more first.
    """
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    meanwhile = CheckError(
        "was published to meanwhile",
        where=where,
        remedy="publish again, from one machine at a time",
    )
    if _head(store)[0] != there:
        raise meanwhile
    try:
        store.put(_HEAD, note, mode={"e_tag": tag} if there else "create")
    except (AlreadyExistsError, PreconditionError) as error:
        raise meanwhile from error


@contextmanager
def _reachable(where: str) -> Iterator[None]:
    """Turn what the storage says into one line."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError, PermissionError) as error:
        reason = " ".join(str(error).partition("Debug source")[0].split())[:300]
        raise CheckError(
            f"object storage refuses: {reason}",
            where=where,
            expected="a bucket that these credentials may list, read, write and delete in",
        ) from error
