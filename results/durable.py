"""Write several files so that they are on the disk, whole, in folders that are there too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["flush", "place_all", "write_all"]


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write files; each is there whole or not at all, and all of them are when this returns.

    Everything is written before anything is waited for, so that the disk may do it together.

    Raises:
        OSError: the disk is full or a folder cannot be written.
    """
    flush(place_all(files, before_named=flush))


def place_all(
    files: Mapping[Path, bytes], before_named: Callable[[Iterable[Path]], None] = lambda _: None
) -> set[Path]:
    """Write files, each whole for whoever reads it, and wait for no disk.

    Args:
        before_named: gets the files' temporary names once they are written.

    Returns:
        Folders that changed.
    """
    folders = {path.parent for path in files}
    grown = folders | _make(folders)
    partials = {path: path.with_name(f".{path.name}.{os.getpid()}.partial") for path in files}
    try:
        for path, data in files.items():
            partials[path].write_bytes(data)
        before_named(partials.values())
        for path, partial in partials.items():
            partial.replace(path)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
    return grown


def _make(folders: Iterable[Path]) -> set[Path]:
    """Make folders and those above them; return the ones that got a new member."""
    grown = set()
    for folder in folders:
        for above in reversed([folder, *folder.parents]):
            if not above.exists():
                above.mkdir(exist_ok=True)
                grown.add(above.parent)
    return grown


def flush(paths: Iterable[Path]) -> None:
    """Wait until files and folders are on the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
