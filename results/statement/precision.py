"""Which known model a result served, and how wide its weights were."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from suites import models
from suites.models.names import known_as
from suites.models.widths import bits_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from results.statement.statement import Engine
    from suites.models import Geometry, Widths

__all__ = ["ServedModel", "served", "served_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model at a precision.

    Attributes:
        id: of the geometry, such as "llama-3.1-8b".
        bits: of one weight, from below (`suites.models.widths`).
        stored: the same, or the widths by tensor where this is the precision its maker published.
    """

    id: str
    geometry: Geometry
    bits: float
    stored: float | Widths


@cache
def served(
    model: str | None,
    precision: str | None,
    *,
    otherwise: float | None = None,
    own: Geometry | None = None,
) -> ServedModel | None:
    """Find the geometry of a model by our name or its publisher's; None where it is unknown.

    Args:
        otherwise: bits of a weight where the precision does not say; without it None is returned.
        own: what the reader brings for a name that is unknown.
    """
    bits = bits_of(precision) or otherwise
    if not model or bits is None:
        return None
    known = known_as(model)
    geometry = models.load(known) if known else own
    if geometry is None:
        return None
    published = geometry.published
    mixed = published is not None and published.precision == (precision or "").strip().lower()
    stored = published.widths() if published and mixed else bits
    return ServedModel(id=geometry.id, geometry=geometry, bits=bits, stored=stored)


def served_of(engines: Iterable[Engine], own: Geometry | None = None) -> ServedModel | None:
    """Find what the engines of a result served; None where they served several models.

    Args:
        own: as `served`.
    """
    pairs = {(engine.model, engine.precision) for engine in engines}
    return served(*pairs.pop(), own=own) if len(pairs) == 1 else None
