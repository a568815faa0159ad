"""What signed and reported results say of each model's loads, for the choose page."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from results.prediction.observed import loads_of, reported_record, signed_record
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from leaderboard.read.archives import Archive
    from leaderboard.read.reported import Reported
    from results.prediction.observed import Observed

__all__ = ["reported_loads", "signed_loads"]

# Of a model with more signed results than these the newest speak.
_RESULTS = 100


def reported_loads(reported: Reported) -> Mapping[str, Sequence[Observed]]:
    """Return the loads of others' results that no law flags, by model; each by its row's page."""
    loads: defaultdict[str, list[Observed]] = defaultdict(list)
    for section in reported.sections:
        # AIConfigurator's rows are those that predictions learn from, faults left out.
        if section.publisher.kind == "aiconfigurator":
            continue
        for line in section.lines:
            model = known_as(line.result.model or "")
            record = None if line.flags else reported_record(line.source, line.result)
            if model and record:
                where = f"reported/{section.id}/#{line.anchor}"
                loads[model] += loads_of(replace(record, where=where))
    return loads


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
