"""Read files of an archive: who made it may have put a pipe, a device or a terabyte there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites import files

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read"]

# The largest is a bundle of 256 log entries of at most 65,535 bytes, each with two of length.
_MOST = 2**25


def read(path: Path, *, follow: bool = True, most: int = _MOST) -> bytes:
    """Read a plain file.

    Args:
        follow: whether the path may be a link. What is copied elsewhere must not: a link in a
            stranger's folder names any file of the reader's machine.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no plain file or too large.
    """
    return files.read_plain(path, most, follow=follow)
