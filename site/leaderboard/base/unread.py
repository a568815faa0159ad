"""Whether files changed, without reading them: by how they lie on the disk, as `git status` has it.

What changed shortly before it was looked at is not trusted: a clock's tick may hide one change
more.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import stat_result
    from pathlib import Path

__all__ = ["SETTLING_S", "as_it_lies", "as_they_lie", "changed_ns", "settled_ns"]

# Coarser than the clock of any file system (FAT: 2 s).
SETTLING_S = 3


def settled_ns() -> int:
    """Return the time before which a change is trusted."""
    return time.time_ns() - SETTLING_S * 10**9


def changed_ns(lies: stat_result) -> int:
    """Return when a file last changed."""
    return max(lies.st_mtime_ns, lies.st_ctime_ns)


def as_it_lies(lies: stat_result) -> str:
    """Tell a file by its inode, its size and both its times.

    Nobody sets the second time, that of the last change of anything.
    """
    return f"{lies.st_ino} {lies.st_size} {lies.st_mtime_ns} {lies.st_ctime_ns}"


def as_they_lie(paths: Iterable[Path], but: Path) -> str:
    """Tell files, and all that lies below folders; "" where that cannot be told without reading.

    That is where a file changed just now, where one is a link, whose end may change unseen, and
    where a folder cannot be listed.

    Args:
        but: a folder that is passed over.
    """
    settled, left_out = settled_ns(), os.fspath(but.resolve())
    every = hashlib.sha256()
    try:
        for path in paths:
            root = os.fspath(path.resolve())
            below = _below(root, left_out) if path.is_dir() else [(root, os.lstat(root))]
            lines = []
            for name, lies in below:
                if lies is None:
                    lines.append(name)
                    continue
                if stat.S_ISLNK(lies.st_mode) or changed_ns(lies) >= settled:
                    return ""
                lines.append(f"{name}\0{lies.st_mode} {as_it_lies(lies)}")
            every.update("\n".join([root, *sorted(lines), ""]).encode(errors="surrogateescape"))
    except OSError:
        return ""
    return every.hexdigest()


def _below(folder: str, left_out: str) -> Iterator[tuple[str, stat_result | None]]:
    """Yield all that lies below a folder, folders by name alone; what Python compiled is no part.

    A folder's times are those of what lies in it, compiled files too.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry.path, entry.stat(follow_symlinks=False)
            elif entry.name != "__pycache__" and entry.path != left_out:
                yield entry.path, None
                yield from _below(entry.path, left_out)
