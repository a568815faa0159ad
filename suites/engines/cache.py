"""Where generated models are kept between runs."""

from __future__ import annotations

import errno
import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["held"]


@contextmanager
def held(path: Path, needed_bytes: float) -> Iterator[None]:
    """Have a model's place to oneself: of two runs that want it, one makes it.

    Raises:
        UserError: the disk is full or not writable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise UserError(
            f"cannot write the generated model ({error.strerror})",
            where=str(path),
            expected=f"{needed_bytes / 1e9:.2f} GB of free space" if full else "",
            remedy="choose another cache folder with FENMARK_CACHE",
        ) from error
