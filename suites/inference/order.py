"""In which order a process measures its cases, and on which servers.

A server with more slots than requests decodes at a pace that depends on what its other slots held
before: each batch has a server of its own, with as many slots. What else an order may bring, such
as heat, differs between processes, since each draws its own, and is looked for: the first case
comes again at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.inference.measure import InferenceCase

__all__ = ["EngineStart", "drawn", "room", "servers"]

# Tokens of cache an engine gets beyond those of its longest case.
_SPARE_TOKENS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStart:
    """One start of the engine.

    Attributes:
        slots: requests decoded together.
        context: tokens of cache per slot.
        cases: measured on it, in this order.
    """

    slots: int
    context: int
    cases: tuple[InferenceCase, ...]


def drawn(cases: Sequence[InferenceCase], seed: int) -> list[InferenceCase]:
    """Shuffle the batches, and the cases of each batch; the same seed gives the same order."""
    draw = Random(f"{seed}/order")
    batches = sorted({case.batch for case in cases})
    draw.shuffle(batches)
    shuffled: list[InferenceCase] = []
    for batch in batches:
        group = [case for case in cases if case.batch == batch]
        draw.shuffle(group)
        shuffled += group
    return shuffled


def servers(cases: Sequence[InferenceCase], *, running: bool) -> list[EngineStart]:
    """Lay the cases out, in order, on servers with as many slots as their batch.

    The first case comes once more behind the last, on a server as its first one was. A case that
    is alone does not: nothing came between.

    Args:
        running: a server that is up already takes all of them.
    """
    work = [*cases, *cases[:1]] if len(cases) > 1 else cases
    groups = [
        tuple(group) for _, group in groupby(work, lambda case: None if running else case.batch)
    ]
    return [_server(group, cases) for group in groups]


def _server(group: tuple[InferenceCase, ...], cases: Sequence[InferenceCase]) -> EngineStart:
    """As large as all cases of its batches need, so the same whenever their turn comes."""
    batches = {case.batch for case in group}
    context = max(room(case) for case in cases if case.batch in batches)
    return EngineStart(slots=max(batches), context=context, cases=group)


def room(case: InferenceCase) -> int:
    """Tokens of cache that each request of a case needs."""
    return case.input_tokens + case.output_tokens + _SPARE_TOKENS
