"""Forecasts of the site's archives, each compared with what came after it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.archive.scoring import calibrations_of, scored
from results.reported.shipping import shipped_files
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from results.archive.scoring import Scored
    from results.prediction.forecasts import Calibration

__all__ = ["NONE", "Forecasts", "read"]


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What was forecast.

    Attributes:
        scored: each forecast once, those with scores first.
        refused: (file, why) of what does not verify; never shown as a forecast.
    """

    scored: tuple[Scored, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def runs(self) -> list[Calibration]:
        """Running calibration of every forecaster."""
        return calibrations_of(self.scored)

    @property
    def made_of(self) -> str:
        """Identify them and their scores."""
        lines = (f"{own.logged.digest} {own.scores}" for own in self.scored)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


NONE = Forecasts()


def read(folders: Sequence[Path]) -> Forecasts:
    """Read and score the forecasts of some archives; what is broken hides none of the others."""
    found: dict[str, Scored] = {}
    refused: list[tuple[str, str]] = []
    for folder in folders:
        broken: list[UserError] = []
        try:
            others = [other for other in folders if other != folder]
            own = scored(folder, broken.append, shipped_files(), others)
        except UserError as error:
            own = []
            broken.append(error)
        found = {one.logged.digest: one for one in own} | found
        refused += [(error.where, error.what) for error in broken]
    order = sorted(found.values(), key=lambda one: (not one.scores, one.logged.index))
    return Forecasts(tuple(order), tuple(refused))
