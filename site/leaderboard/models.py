"""Models as the pages show them: known shapes, and names met in results."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.text import slug
from suites import models

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leaderboard.figures import Point
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


def views(points: Iterable[Point]) -> dict[str, ModelView]:
    """Return every known model and every model met in a result, by id."""
    ran = Counter(
        name for name, _ in {(point.model, point.result.digest) for point in points if point.model}
    )
    known = {name: models.load(name) for name in models.available()}
    return {
        slug(name): ModelView(
            id=slug(name),
            name=known[name].name if name in known else name,
            geometry=known.get(name),
            results=ran[name],
        )
        for name in sorted({*known, *ran}, key=lambda name: (-ran[name], name))
    }
