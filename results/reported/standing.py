"""Where a measured rate stands among reported ones: of models as large, at the same concurrency.

Rates are output tokens/s per chip. The table is made from what ships when it is built, so that
the end of a run reads a few kilobytes and not every row. MLPerf's results are in a view of their
own, and so never in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, TypeAdapter

from results.reported.shipping import DATA, PER_CHIP
from suites.base import files

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ModelStanding", "standing"]

# Models within this factor of each other in all parameters and in active ones are of one class.
_CLASS = 1.25


class _Rate(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    chip: str
    model: str
    parameters: float
    active_parameters: float
    concurrency: float
    tokens_per_s: float


_RATES = TypeAdapter(list[_Rate])


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStanding:
    """Reported chips that ran a model of the same class at the same concurrency.

    Attributes:
        place: of the measured rate among them and itself, 1 is the fastest.
        slowest, fastest: (chip, tokens/s); each chip at the best of its reports.
    """

    place: int
    chips: int
    slowest: tuple[str, float]
    fastest: tuple[str, float]


def standing(
    tokens_per_s: float,
    *,
    parameters: float,
    active_parameters: float,
    concurrency: float,
    table: Path = DATA / PER_CHIP,
) -> ModelStanding | None:
    """Place a rate of one chip; None where nothing comparable is reported.

    Raises:
        UserError: the table cannot be read.
    """
    best: dict[str, float] = {}
    for rate in _RATES.validate_python(json.loads(files.read(table, 2**22))):
        alike = (
            _near(rate.parameters, parameters)
            and _near(rate.active_parameters, active_parameters)
            and rate.concurrency == concurrency
        )
        if alike:
            best[rate.chip] = max(rate.tokens_per_s, best.get(rate.chip, 0.0))
    if not best:
        return None
    ranked = sorted(best.items(), key=lambda item: -item[1])
    return ModelStanding(
        place=1 + sum(rate > tokens_per_s for _, rate in ranked),
        chips=len(ranked),
        slowest=ranked[-1],
        fastest=ranked[0],
    )


def _near(value: float, other: float) -> bool:
    return max(value, other) <= _CLASS * min(value, other)
