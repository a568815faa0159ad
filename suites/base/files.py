"""Read files that people name: plain ones, of a size such a file may have, each error one line."""

from __future__ import annotations

import errno
import os
import stat
from io import BytesIO
from typing import TYPE_CHECKING

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from io import BufferedReader
    from pathlib import Path

__all__ = [
    "decoded",
    "flush",
    "open_plain",
    "place_all",
    "read",
    "read_limited",
    "read_text",
    "write_all",
    "write_atomically",
]

# Written by hand, or by a program for people to read.
_MOST_TEXT = 2**20
# No weights shrink to a sixteenth on any disk: what takes less is holes.
_LARGE, _SHARE_STORED = 2**30, 1 / 16
_BLOCK = 512  # bytes, POSIX `st_blocks`
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
# The largest is a bundle of 256 log entries of at most 65,535 bytes, each with two of length.
_MOST = 2**25


def read_limited(path: Path, *, most: int = _MOST, follow: bool = True) -> bytes:
    """Read a plain file whole.

    Args:
        most: bytes it may hold; by default what a file of an archive may.
        follow: whether the path may be a link. What is copied elsewhere must not: a link in a
            stranger's folder names any file of the reader's machine.

    Raises:
        OSError: it cannot be read, is not a plain file or too large.
    """
    descriptor = _plain(path, follow=follow)
    try:
        size = os.fstat(descriptor).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"has {size:,} bytes, above {most:,}", str(path))
        # A file object takes longer to make than an envelope to read, and a build reads them all.
        pieces: list[bytes] = []
        while size and (piece := os.read(descriptor, size)):  # no more, though it may grow
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def open_plain(path: Path) -> BufferedReader | BytesIO:
    """Open a plain file that may be large, to be read in pieces.

    Raises:
        OSError: it cannot be read, is not a plain file, or is next to nothing but holes.
    """
    descriptor = _plain(path)
    status = os.fstat(descriptor)
    if status.st_size == 0:  # as a file of the kernel's, which may never end
        os.close(descriptor)
        return BytesIO()
    stored = getattr(status, "st_blocks", status.st_size) * _BLOCK
    if status.st_size > _LARGE and stored < status.st_size * _SHARE_STORED:
        os.close(descriptor)
        what = f"has {status.st_size:,} bytes, of which {stored:,} were ever written"
        raise OSError(errno.EFBIG, what, str(path))
    return os.fdopen(descriptor, "rb")


def read(path: Path, most: int, *, expected: str = "", remedy: str = "") -> bytes:
    """Read a plain file whole.

    Args:
        most: bytes it may hold.
        expected, remedy: for the message.

    Raises:
        UserError: it cannot be read, is not a plain file or too large.
    """
    try:
        return read_limited(path, most=most)
    except OSError as error:
        raise UserError(
            f"cannot be read: {error.strerror}", where=str(path), expected=expected, remedy=remedy
        ) from error


def read_text(path: Path, *, most: int = _MOST_TEXT, expected: str = "") -> str:
    """Read a plain file of text.

    Raises:
        UserError: as `read`, and where it is not UTF-8 or begins with a byte order mark.
    """
    return decoded(read(path, most, expected=expected), str(path))


def decoded(data: bytes, where: str) -> str:
    """Decode UTF-8.

    Raises:
        UserError: it is something else, or begins with a byte order mark; names the line.
    """
    if data.startswith(_BYTE_ORDER_MARKS):
        raise UserError("begins with a byte order mark", where=where, expected="UTF-8 without one")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("is not UTF-8", where=f"{where}:{line}", expected="text") from error


def _plain(path: Path, *, follow: bool = True) -> int:
    # Without O_NONBLOCK opening a pipe waits for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise OSError(errno.ELOOP, "is a link", str(path)) from error
        raise
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        what = "is a folder" if stat.S_ISDIR(kind) else "is not a plain file"
        raise OSError(errno.EINVAL, what, str(path))
    return descriptor


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
    """Write files, each whole for its reader, and wait for no disk.

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


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, even if the power goes.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
