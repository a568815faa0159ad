"""Which known model a result served, and how wide its weights were."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from results.catalog.widths import bits_of
from suites import models

if TYPE_CHECKING:
    from collections.abc import Iterable

    from results.statement.statement import Engine
    from suites.models import Geometry

__all__ = ["Served", "served", "served_of"]

# Published names of the geometries we hold; fine-tunes and DeepSeek's R1 keep the sizes of what
# they began as, and so do R1's distillates. A Llama 2 is no Llama 3, DeepSeek-V3.2 attends
# sparsely, and a vision model has an encoder besides.
_PUBLISHED = (
    (r"^(deepseek-ai/)?deepseek-r1-distill-llama-70b", "llama-3.1-70b"),
    (r"^(deepseek-ai/)?deepseek-r1-distill-llama-8b", "llama-3.1-8b"),
    (r"^(deepseek-ai/)?deepseek-r1-0528-qwen3-8b", "qwen3-8b"),
    (
        r"^(dsr1$|((deepseek-ai|nvidia|amd)/)?deepseek-(r1|v3)(?![._]2|.*(distill|qwen)))",
        "deepseek-v3",
    ),
    (r"^(openai/)?gpt-oss-120b", "gpt-oss-120b"),
    (r"^(meta-llama/)?(meta-)?llama[-_]?3[._][13][-_]70b(?!.*pruned)", "llama-3.1-70b"),
    (r"^(meta-llama/)?(meta-)?llama[-_]?3[._]1[-_]8b(?!.*pruned)", "llama-3.1-8b"),
    (r"^(qwen/)?qwen3-(coder-)?30b-a3b", "qwen3-30b-a3b"),
    (r"^(qwen/)?qwen3-8b", "qwen3-8b"),
    (r"^(qwen/)?qwen2[._]5-0[._]5b", "qwen2.5-0.5b"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model at a precision.

    Attributes:
        bits: of one weight, from below (`results.catalog.widths`).
    """

    geometry: Geometry
    bits: float


@cache
def served(
    model: str | None, precision: str | None, *, otherwise: float | None = None
) -> Served | None:
    """Find the geometry of a model by our name or its publisher's; None where it is unknown.

    Args:
        otherwise: bits of a weight where the precision does not say; without it None is returned.
    """
    bits = bits_of(precision) or otherwise
    if not model or bits is None:
        return None
    known = model if model in models.available() else _by_published_name(model)
    return Served(geometry=models.load(known), bits=bits) if known else None


def served_of(engines: Iterable[Engine]) -> Served | None:
    """Find what the engines of a result served; None where they served several models."""
    found = {(engine.model, engine.precision) for engine in engines}
    return served(*found.pop()) if len(found) == 1 else None


def _by_published_name(name: str) -> str | None:
    published = name.lower()
    names = (ours for theirs, ours in _PUBLISHED if re.search(theirs, published, re.ASCII))
    return next(names, None)
