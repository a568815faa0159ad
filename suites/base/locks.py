"""Locks on folders: held by one process at a time, and freed by its end however it comes."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from suites.base.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["held"]


@contextmanager
def held(
    folder: Path,
    *,
    name: str = ".lock",
    busy: str = "",
    remedy: str = "wait for it, or name another folder with --out",
) -> Iterator[None]:
    """Hold a folder's lock, the folder made where there is none.

    Args:
        name: of the file that is locked.
        busy: what to say when another process holds it; without, wait for it.
        remedy: what to do then.

    Raises:
        UserError: the folder cannot be written.
        CheckError: another process holds the lock, and `busy` is given.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / name).open("w")
    except OSError as error:
        raise UserError(
            f"cannot write here: {error.strerror}",
            where=str(folder),
            expected="a folder this user may write",
            remedy="name another with --out",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError as error:
            raise CheckError(busy, where=str(folder), remedy=remedy) from error
        yield
