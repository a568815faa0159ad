"""Which known model a result served, and how wide its weights were."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suites import models

if TYPE_CHECKING:
    from collections.abc import Iterable

    from results.statement import Engine
    from suites.models import Geometry

__all__ = ["Served", "served", "served_of"]

# Published names of the geometries we hold; fine-tunes and DeepSeek's R1 keep the sizes of what
# they began as. A Llama 2 is no Llama 3, and a vision model has an encoder besides.
_PUBLISHED = (
    (r"^(dsr1$|deepseek-r1|deepseek-ai/deepseek-(r1|v3)|nvidia/deepseek-r1)", "deepseek-v3"),
    (r"^openai/gpt-oss-120b", "gpt-oss-120b"),
    (r"^(meta-llama/)?llama[-_]?3[._][13][-_]70b(?!.*pruned)", "llama-3.1-70b"),
    (r"^(meta-llama/)?llama[-_]?3[._]1[-_]8b(?!.*pruned)", "llama-3.1-8b"),
    (r"^qwen/qwen3-(coder-)?30b-a3b", "qwen3-30b-a3b"),
    (r"^qwen/qwen3-8b", "qwen3-8b"),
)
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model at a precision.

    Attributes:
        bits: of one weight, from below: the first number of the precision's name. Formats with
            scales beside their weights take a little more (Q8_0 takes 8.5).
    """

    geometry: Geometry
    bits: int


def served(model: str | None, precision: str | None) -> Served | None:
    """Find the geometry of a model by our name or its publisher's; None where either is unknown."""
    width = _NUMBER.search(precision or "")
    if not model or not width or not 1 <= int(width[0]) <= 64:
        return None
    known = model if model in models.available() else _by_published_name(model)
    return Served(geometry=models.load(known), bits=int(width[0])) if known else None


def served_of(engines: Iterable[Engine]) -> Served | None:
    """Find what the engines of a result served; None where they served several models."""
    found = {(engine.model, engine.precision) for engine in engines}
    return served(*found.pop()) if len(found) == 1 else None


def _by_published_name(name: str) -> str | None:
    return next((ours for theirs, ours in _PUBLISHED if re.search(theirs, name.lower())), None)
