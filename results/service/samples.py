"""Raw samples that came with results: one file a digest, kept while a result names it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from results.service import engine as database
from results.service.faults import disk_fault
from results.service.orm import SampleDigest, Submission
from results.service.problem import Problem
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

__all__ = ["SampleFiles", "kept", "named"]

# Bytes that results of one key may bring in a day: two thousand quick runs of all suites.
_MOST_A_DAY = 2**30
_AT_ONCE = 500  # digests in one query
# A removed result, whose envelope is empty, names none any more.
_named = select(SampleDigest.sha256).join(Submission).where(func.length(Submission.envelope) > 0)
_NAME = re.compile(r"[0-9a-f]{64}\.json")


@dataclass(slots=True)
class SampleFiles:
    """A folder of raw samples, as an archive has it.

    A file is written before the result that names it is stored, so that no result is without
    what came with it. One that no result came to name is removed: at once where the result was
    not taken, at the next start where the server was killed in between.
    """

    home: Path
    _brought: dict[str, tuple[str, int]] = field(default_factory=dict)
    _waiting: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def path(self, digest: str) -> Path | None:
        """Return the file of a digest; None where there is none."""
        place = self.home / f"{digest}.json"
        return place if _NAME.fullmatch(place.name) and place.is_file() else None

    def keep(self, digest: str, data: bytes, *, keyid: str, day: str) -> None:
        """Write the raw samples of a digest; durable on return. `settle` is to follow.

        Args:
            keyid: of the key whose result brings them.
            day: of today, such as 2026-11-28.

        Raises:
            Problem: the key brought too many bytes today, or the disk is full.
        """
        with self._lock:
            if not self.path(digest):
                self._write(digest, data, keyid, day)
            self._waiting[digest] += 1

    def settle(
        self, digest: str, named: Callable[[Iterable[str]], set[str]], *, taken: bool
    ) -> None:
        """Say what became of the result whose samples were kept; of none taken none stay.

        Args:
            named: tells which digests a result names: another may have brought the same.
        """
        with self._lock:
            self._waiting[digest] -= 1
            if self._waiting[digest] > 0:
                return
            del self._waiting[digest]
            if not taken:
                self.drop([digest], named)

    def _write(self, digest: str, data: bytes, keyid: str, day: str) -> None:
        then, brought = self._brought.get(keyid, (day, 0))
        brought = len(data) + (brought if then == day else 0)
        if brought > _MOST_A_DAY:
            detail = f"results of one key may bring {_MOST_A_DAY} bytes of raw samples a day"
            raise Problem(429, "too-many-samples", detail, errors=[{"retry_after_s": 3600}])
        try:
            self.home.mkdir(exist_ok=True)
            write_atomically(self.home / f"{digest}.json", data)
        except OSError as error:
            raise (disk_fault(error) or error) from error
        self._brought[keyid] = (day, brought)

    def drop(self, digests: Iterable[str], named: Callable[[Iterable[str]], set[str]]) -> None:
        """Remove those of these files that no result names.

        Args:
            named: tells which digests a result names.
        """
        held = {digest: path for digest in digests if (path := self.path(digest))}
        for digest in held.keys() - named(held):
            held[digest].unlink(missing_ok=True)

    def sweep(self, named: Callable[[Iterable[str]], set[str]]) -> None:
        """Remove every file that no result names, and what a kill left half-written."""
        if not self.home.is_dir():
            return
        for partial in self.home.glob(".*.partial"):
            partial.unlink(missing_ok=True)
        self.drop([path.stem for path in self.home.glob("*.json")], named)


def named(connection: Connection, digests: Iterable[str]) -> set[str]:
    """Tell which of these digests a stored result names."""
    wanted, digests_named = [*digests], set[str]()
    for at in range(0, len(wanted), _AT_ONCE):
        query = _named.where(SampleDigest.sha256.in_(wanted[at : at + _AT_ONCE]))
        digests_named |= set(connection.scalars(query))
    return digests_named


def kept(home: Path, size: int, url: str | None = None) -> Iterator[Path]:
    """Yield the files of raw samples that the first `size` entries of a store name.

    Args:
        home: folder of the store.

    Raises:
        UserError: the database cannot be opened.
    """
    query = _named.where(SampleDigest.at < size).order_by(SampleDigest.at, SampleDigest.sha256)
    files = SampleFiles(home / "samples")
    with database.connect(home, url) as engine, engine.connect() as connection:
        for digest in connection.scalars(query.execution_options(yield_per=_AT_ONCE)):
            if path := files.path(digest):
                yield path
