"""What lies in a folder that strangers filled: plain files by name, and what is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["listed"]


def listed(folder: Path) -> tuple[list[str], dict[str, str]]:
    """List what lies below a folder; no link is followed, and nothing is opened.

    Returns:
        The paths of its plain files in it, sorted, and by path what is wrong with all else; ""
        is the folder itself. Nothing where there is no folder.
    """
    plain: list[str] = []
    odd: dict[str, str] = {}
    if folder.is_symlink():
        return plain, {"": "is a link"}
    left = [""]
    while left:
        inside = left.pop()
        try:
            with os.scandir(folder / inside) as entries:
                for entry in entries:
                    path = f"{inside}{entry.name}"
                    if entry.is_file(follow_symlinks=False):
                        plain.append(path)
                    elif entry.is_dir(follow_symlinks=False):
                        left.append(f"{path}/")
                    else:
                        odd[path] = "is a link" if entry.is_symlink() else "is not a plain file"
        except FileNotFoundError:
            pass
        except OSError as error:
            odd[inside.rstrip("/")] = f"cannot be read: {error.strerror}"
    return sorted(plain), dict(sorted(odd.items()))
