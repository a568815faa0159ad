"""Forecasts of an archive compared with results that were entered after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.archive import archive, forecasts
from results.archive.evidence import unmarked
from results.prediction.choose import Demand
from results.prediction.forecasts import calibrations, score
from results.prediction.observed import observed, reported_records, signed_record
from results.statement.reported import read_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from results.archive.archive import OpenedResult
    from results.archive.forecasts import LoggedForecast
    from results.prediction.forecasts import Calibration, Score
    from results.prediction.observed import Record
    from results.statement.reported import ReportedFile
    from suites.base.errors import UserError

__all__ = ["Scored", "calibrations_of", "scored", "scores_of"]


@dataclass(frozen=True, slots=True)
class Scored:
    """A forecast, and every figure of its cell that came after it."""

    logged: LoggedForecast
    scores: list[Score]


def scored(
    directory: Path,
    on_broken: Callable[[UserError], None],
    published: Iterable[ReportedFile] = (),
    others: Iterable[Path] = (),
) -> list[Scored]:
    """Score an archive's forecasts; a forecast that nothing came after has no scores.

    A signed result counts where the log entered it later; a reported one, or one of another log,
    where it is dated later than the forecast says it was made, and later than the log says it was
    entered, and an undated one never.

    Args:
        on_broken: called for each forecast that does not verify; of results `verify` says it.
        published: reported results besides those of the folder.
        others: archives whose signed results count too.
    """
    if not forecasts.files(directory):
        return []
    around = archive.surroundings(directory)
    logged = forecasts.read_all(directory, on_broken, around)
    if not logged:
        return []
    places = around.places or {}
    signed = list(_signed(directory, places))
    files = [*published, *read_folder(directory, _pass_over)]
    models = {own.forecast.cell.model for own in logged}
    dated = [own for file in files for own in _reported(file, models)]
    dated += [own for other in others for own in _dated(other) if own[1].where not in places]
    return [Scored(own, scores_of(own, signed, dated)) for own in logged]


def calibrations_of(forecasts: Iterable[Scored]) -> list[Calibration]:
    """Running calibration of every forecaster."""
    return calibrations(
        (own.logged.runner, own.logged.forecast, each) for own in forecasts for each in own.scores
    )


def _pass_over(_: UserError) -> None:
    pass


def _signed(directory: Path, places: Mapping[str, int]) -> Iterator[tuple[int, Record]]:
    for _, record in _sound(directory):
        place = places.get(record.where)
        if place is not None:
            yield place, record


def _dated(directory: Path) -> Iterator[tuple[str, Record]]:
    """Of another log, whose order says nothing here: the day on which a run began."""
    for opened, record in _sound(directory):
        yield opened.predicate.run.started_at, record


def _sound(directory: Path) -> Iterator[tuple[OpenedResult, Record]]:
    for opened in unmarked(directory, _pass_over):
        record = signed_record(opened.predicate, opened.digest)
        if record:
            yield opened, record


def _reported(file: ReportedFile, models: set[str]) -> Iterator[tuple[str, Record]]:
    days = {result.id: result.date or file.source.date or "" for result in file.results}
    for record in reported_records(file, models):
        yield days[record.where], record


def scores_of(
    own: LoggedForecast, signed: list[tuple[int, Record]], dated: list[tuple[str, Record]]
) -> list[Score]:
    """Scores of a forecast by what came after it.

    Args:
        signed: index in the log, and record. dated: day, and record.
    """
    cell = own.forecast.cell
    later = [record for place, record in signed if place > own.index]
    # Dates of days sort as texts; a forecast of the same day came no earlier for certain.
    later += [record for day, record in dated if day > own.day + "~"]
    demand = Demand(cell.isl, cell.osl)
    return score(own.forecast, observed(later, cell.model, demand))
