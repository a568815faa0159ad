"""Models as the pages show them: known shapes, and names met in results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.text import slug
from suites import models

if TYPE_CHECKING:
    import pandas as pd

    from suites.models import Geometry

__all__ = ["ModelView", "views"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """What a model page says before any result.

    Attributes:
        id: safe in a path.
        geometry: None for a model that is only known from a result.
        results: how many signed results ran it.
    """

    id: str
    name: str
    geometry: Geometry | None
    results: int


def views(rows: pd.DataFrame) -> dict[str, ModelView]:
    """Return every known model and every model met in a result, by id."""
    digests = rows[rows["model"] != ""].groupby("model")["digest"].nunique()
    ran = {str(name): int(count) for name, count in digests.items()}
    known = {name: models.load(name) for name in models.available()}
    return {
        slug(name): ModelView(
            id=slug(name),
            name=known[name].name if name in known else name,
            geometry=known.get(name),
            results=ran.get(name, 0),
        )
        for name in sorted({*known, *ran}, key=lambda name: (-ran.get(name, 0), name))
    }
