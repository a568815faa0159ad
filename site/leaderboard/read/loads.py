"""What signed and reported results say of each model's loads, for the choose page."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from leaderboard.read import cache
from results.prediction.choose import Setup, SetupOption
from results.prediction.observed import Observed, loads_of, reported_record, signed_record
from results.prediction.plan import Layout
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    import pandas as pd

    from leaderboard.read.archives import Archive
    from leaderboard.read.reported import Reported, ReportedLine, Section

__all__ = ["ReportedLoads", "signed_loads"]

# Of a model with more signed results than these the newest speak.
_RESULTS = 100


class ReportedLoads:
    """The loads of others' results, by model; the laws are asked of a model when it is."""

    def __init__(self, reported: Reported) -> None:
        self._reported = reported

    def of_model(self, model: str) -> Iterator[Observed]:
        """Yield the loads of a geometry that no law flags; each by its row's page."""
        made = cache.kept(f"loads-{model}", self._reported.made_of, partial(self._packed, model))
        return map(_unpacked, json.loads(made))

    def _packed(self, model: str) -> bytes:
        return json.dumps([asdict(load) for load in self._read(model)]).encode()

    @cached_property
    def _lines(self) -> Mapping[str, Sequence[tuple[Section, ReportedLine]]]:
        lines: defaultdict[str, list[tuple[Section, ReportedLine]]] = defaultdict(list)
        for section in self._reported.sections:
            # AIConfigurator's rows are those that predictions learn from, faults left out.
            if section.publisher.kind == "aiconfigurator":
                continue
            for line in section.lines:
                model = known_as(line.result.model or "")
                if model:
                    lines[model].append((section, line))
        return lines

    def _read(self, model: str) -> Iterator[Observed]:
        for section, line in self._lines.get(model, ()):
            record = None if line.flags else reported_record(line.source, line.result)
            if record:
                where = f"reported/{section.id}/#{line.anchor}"
                yield from loads_of(replace(record, where=where))


def _unpacked(told: dict[str, Any]) -> Observed:
    option = told["option"]
    setup = option["setup"] | {"layout": Layout(**option["setup"]["layout"])}
    return Observed(
        option=SetupOption(**option | {"setup": Setup(**setup)}),
        isl=told["isl"],
        osl=told["osl"],
        ttft=tuple(told["ttft"]),
        tpot=tuple(told["tpot"]),
        at={
            metric: {float(percentile): ms for percentile, ms in own.items()}
            for metric, own in told["at"].items()
        },
    )


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
