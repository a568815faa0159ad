"""Read files that strangers brought: plain ones, of a size that a result or a log may have."""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read"]

# The largest is a bundle of 256 log entries of at most 65,535 bytes, each with two of length.
_MOST = 2**25


def read(path: Path, *, follow: bool = True, most: int = _MOST) -> bytes:
    """Read a plain file.

    An archive from elsewhere may hold a pipe, which nobody writes to, or a link to a device that
    never ends.

    Args:
        follow: whether the path may be a link. What is copied elsewhere must not: a link in a
            stranger's folder names any file of the reader's machine.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no plain file or too large.
    """
    # Without O_NONBLOCK opening a pipe waits for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise OSError(errno.ELOOP, "is a link", str(path)) from error
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is no plain file", str(path))
        if found.st_size > most:
            raise OSError(errno.EFBIG, f"has {found.st_size} bytes, above {most}", str(path))
        # A file object takes longer to make than an envelope to read, and a build reads them all.
        return b"".join(iter(partial(os.read, descriptor, found.st_size + 1), b""))
    finally:
        os.close(descriptor)
