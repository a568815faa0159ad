"""Models as the pages show them: known shapes, and names met in results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.base.text import slug
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
    met = rows.loc[rows["model_id"] != "", ["model_id", "model", "digest"]]
    names = dict(zip(met["model_id"].tolist(), met["model"].tolist(), strict=True))
    ran = {
        str(name): int(count) for name, count in met.groupby("model_id")["digest"].nunique().items()
    }
    known = {slug(name): models.load(name) for name in models.available()}
    return {
        model: ModelView(
            id=model,
            name=known[model].name if model in known else names[model],
            geometry=known.get(model),
            results=ran.get(model, 0),
        )
        for model in sorted({*known, *ran}, key=lambda model: (-ran.get(model, 0), model))
    }
