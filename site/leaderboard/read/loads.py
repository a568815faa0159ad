"""What signed and reported results say of each model's loads, for the choose page."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from results.prediction.observed import loads_of, reported_record, signed_record
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from leaderboard.read.archives import Archive
    from leaderboard.read.reported import Reported, ReportedLine, Section
    from results.prediction.observed import Observed

__all__ = ["ReportedLoads", "signed_loads"]

# Of a model with more signed results than these the newest speak.
_RESULTS = 100


class ReportedLoads:
    """The loads of others' results, by model; the laws are asked of a model when it is."""

    def __init__(self, reported: Reported) -> None:
        self._lines: defaultdict[str, list[tuple[Section, ReportedLine]]] = defaultdict(list)
        for section in reported.sections:
            # AIConfigurator's rows are those that predictions learn from, faults left out.
            if section.publisher.kind == "aiconfigurator":
                continue
            for line in section.lines:
                model = known_as(line.result.model or "")
                if model:
                    self._lines[model].append((section, line))

    def of_model(self, model: str) -> Iterator[Observed]:
        """Yield the loads that no law flags; each by its row's page."""
        for section, line in self._lines.get(model, ()):
            record = None if line.flags else reported_record(line.source, line.result)
            if record:
                where = f"reported/{section.id}/#{line.anchor}"
                yield from loads_of(replace(record, where=where))


def signed_loads(archive: Archive, rows: pd.DataFrame, model: str) -> Iterator[Observed]:
    """Yield the loads of a model's newest signed results that nothing speaks against.

    Args:
        rows: of the model's results.
    """
    clean = (rows["flags"] == 0) & (rows["moderated"] == "") & ~rows["barred"]
    told = rows[rows["valid"] & clean]
    newest = told.sort_values(["finished_at", "digest"], ascending=[False, True])["digest"]
    for digest in newest.drop_duplicates()[:_RESULTS]:
        record = signed_record(archive.open(digest).predicate, f"verify/?statement={digest}")
        if record and known_as(record.model) == model:
            yield from loads_of(record)
