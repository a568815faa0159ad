"""What a build says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BuildReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build did.

    Attributes:
        results, chips, pages: how many of each the site shows.
        reported: results of others, in a view of their own.
        files: files that stand in the folder.
        written: files that changed.
        refused: (file, why) of what is broken: envelopes that do not verify or cannot be drawn,
            logs, key files, reported files. The rest is built.
        left_out: (file, why) of what is not part of an archive.
    """

    out: Path
    results: int
    reported: int
    chips: int
    pages: int
    files: int
    written: int
    refused: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
