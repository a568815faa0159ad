"""What a chip draws all in, beside its nameplate: host, network and its share of cooling."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from results.catalog.reading import Strict, read_toml

__all__ = ["AllIn", "all_in"]

_FILE = Path(__file__).parent / "power.toml"


class AllIn(Strict):
    """One source's kilowatts.

    Attributes:
        kw: kilowatts per chip, by catalogue id.
    """

    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    source: Annotated[str, Field(min_length=1)]
    kw: dict[str, Annotated[float, Field(strict=True, gt=0, le=1000)]]


@cache
def all_in() -> AllIn:
    """Return the table.

    Raises:
        UserError: the file is malformed.
    """
    return read_toml(_FILE, AllIn)
