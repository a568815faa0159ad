"""Forecasts of an archive compared with results that were entered after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.archive import archive, forecasts
from results.prediction.choose import Demand
from results.prediction.forecasts import score
from results.prediction.observed import observed, reported_records, signed_record
from results.statement.reported import read_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from results.archive.forecasts import LoggedForecast
    from results.prediction.forecasts import Score
    from results.prediction.observed import Record
    from results.statement.reported import ReportedFile
    from suites.base.errors import UserError

__all__ = ["Scored", "scored", "scores_of"]


@dataclass(frozen=True, slots=True)
class Scored:
    """A forecast, and every figure of its cell that came after it."""

    logged: LoggedForecast
    scores: list[Score]


def scored(
    directory: Path,
    on_broken: Callable[[UserError], None],
    published: Iterable[ReportedFile] = (),
) -> list[Scored]:
    """Score an archive's forecasts; a forecast that nothing came after has no scores.

    A signed result counts where the log entered it later; a reported one where it is dated later
    than the forecast says it was made, and an undated one never.

    Args:
        on_broken: called for each forecast that does not verify; of results `verify` says it.
        published: reported results besides those of the folder.
    """
    if not forecasts.files(directory):
        return []
    around = archive.surroundings(directory)
    logged = forecasts.read_all(directory, on_broken, around)
    if not logged:
        return []
    signed = list(_signed(directory, around.places or {}))
    files = [*published, *read_folder(directory, _pass_over)]
    models = {own.forecast.cell.model for own in logged}
    reported = [dated for file in files for dated in _reported(file, models)]
    return [Scored(own, scores_of(own, signed, reported)) for own in logged]


def _pass_over(_: UserError) -> None:
    pass


def _signed(directory: Path, places: Mapping[str, int]) -> Iterator[tuple[int, Record]]:
    for opened in archive.open_each(archive.envelopes(directory), _pass_over):
        record = signed_record(opened.statement.predicate, opened.digest)
        place = places.get(opened.digest)
        if record and place is not None and not opened.findings:
            yield place, record


def _reported(file: ReportedFile, models: set[str]) -> Iterator[tuple[str, Record]]:
    days = {result.id: result.date or file.source.date or "" for result in file.results}
    for record in reported_records(file, models):
        yield days[record.where], record


def scores_of(
    own: LoggedForecast, signed: list[tuple[int, Record]], reported: list[tuple[str, Record]]
) -> list[Score]:
    """Scores of a forecast by what came after it.

    Args:
        signed: index in the log, and record. reported: day, and record.
    """
    cell = own.forecast.cell
    later = [record for place, record in signed if place > own.index]
    # Dates of days sort as texts; a forecast of the same day came no earlier for certain.
    later += [record for day, record in reported if day > own.forecast.made_at[:10] + "~"]
    demand = Demand(cell.isl, cell.osl)
    return score(own.forecast, observed(later, cell.model, demand))
