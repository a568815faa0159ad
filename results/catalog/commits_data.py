"""Commits that maintainers have read: the code a CI-attested result may have run."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - pydantic reads it
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from results.catalog.reading import Strict, read_toml

__all__ = ["admitted_commits"]

_FILE = Path(__file__).parent / "commits.toml"


class _Commit(Strict):
    """A commit in full, and the day it was admitted."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    date: date


class _Commits(Strict):
    commit: list[_Commit]


@cache
def admitted_commits() -> frozenset[str]:
    """Return the commits, 40 hexadecimal digits each.

    Raises:
        UserError: the file is malformed.
    """
    return frozenset(item.id for item in read_toml(_FILE, _Commits).commit)
