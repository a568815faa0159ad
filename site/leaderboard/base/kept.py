"""Files that may be lost at any time, each under its own digest: what is damaged was never kept."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load", "store"]

_DIGEST_BYTES = 32  # SHA-256, before the data


def load(path: Path) -> bytes:
    """Return what was stored; nothing where it is damaged or missing."""
    try:
        stored = path.read_bytes()
    except OSError:
        return b""
    # A flipped bit is not a figure: Parquet's own checksums leave out the pages' headers.
    digest, data = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
    return data if hashlib.sha256(data).digest() == digest else b""


def store(path: Path, data: bytes) -> None:
    """Keep data for later; where that cannot be, it is made again."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(hashlib.sha256(data).digest() + data)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
