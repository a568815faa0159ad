"""Greenhouse gas of electricity by grid, each factor with its year and source."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from results.catalog.reading import Strict, read_toml
from suites.base.errors import UserError

__all__ = ["PowerGrid", "grid", "grids"]

_FILE = Path(__file__).parent / "carbon.toml"


class PowerGrid(Strict):
    """A country's mean of a year.

    Attributes:
        code: ISO 3166 alpha-3.
        g_per_kwh: grams of CO₂ equivalent per kWh generated.
    """

    code: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    region: Annotated[str, Field(min_length=1)]
    g_per_kwh: Annotated[float, Field(strict=True, gt=0, le=2000)]
    year: Annotated[int, Field(ge=2000, le=2100)]

    def kg(self, kwh: float, pue: float) -> float:
        """Kilograms of CO₂ equivalent of energy at the meter: kWh × PUE × g/kWh ÷ 1000."""
        return kwh * pue * self.g_per_kwh / 1e3


class _Grids(Strict):
    source: Annotated[str, Field(min_length=1)]
    grids: Annotated[list[PowerGrid], Field(min_length=1)]

    def by_code(self) -> dict[str, PowerGrid]:
        return {held.code: held for held in self.grids}


@cache
def grids() -> _Grids:
    """Return the factors and where they were read.

    Raises:
        UserError: the file is malformed.
    """
    return read_toml(_FILE, _Grids)


def grid(name: str, where: str = "--grid") -> PowerGrid:
    """Find a grid by its code or its region's name.

    Args:
        where: flag, for the message.

    Raises:
        UserError: there is no factor of it.
    """
    known = grids().by_code() | {held.region.upper(): held for held in grids().grids}
    wanted = name.strip().upper()
    if wanted in known:
        return known[wanted]
    near = get_close_matches(wanted, known, n=1)
    raise UserError(
        f"no factor of the grid {name[:40]!r}",
        where=where,
        expected=", ".join(grids().by_code()),
        remedy=f"did you mean {near[0]!r}?" if near else "",
    )
