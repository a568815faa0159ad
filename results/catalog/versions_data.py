"""Released versions of Fenmark: whose results anybody can run again."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - pydantic reads it
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from results.catalog.reading import Strict, read_toml

__all__ = ["Version", "newest_version", "versions"]

_FILE = Path(__file__).parent / "versions.toml"


class Version(Strict):
    """A release and its day."""

    id: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    date: date


class _Versions(Strict):
    version: Annotated[list[Version], Field(min_length=1)]


@cache
def versions() -> dict[str, Version]:
    """Return the releases by version.

    Raises:
        UserError: the file is malformed.
    """
    return {item.id: item for item in read_toml(_FILE, _Versions).version}


def newest_version() -> str:
    """Return the newest release: what this code measures as until the next one."""
    return next(reversed(versions()))
