"""What signed and reported results say of a workload: options for `choose`, with their kind. Pure.

A figure counts where its model is the one asked for, its lengths are near, and its load, chips and
both times are stated; what served with speculation or apart is of another kind of deployment.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from results.checks import judge_reported
from results.prediction.choose import METRICS, Options, Setup, SetupOption, spread
from results.prediction.deployments import REPEATS, near
from results.prediction.plan import Layout
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from results.economy.economics import Measured
    from results.prediction.choose import Demand, FigureKind
    from results.statement.reported import ReportedFile, ReportedResult, ReportedSource
    from results.statement.statement import Predicate
    from suites.base.records import Label

__all__ = [
    "Observed",
    "Record",
    "loads_of",
    "observed",
    "options_of",
    "reported_record",
    "reported_records",
    "signed_record",
]

# What publishers call a percentile.
_STATISTICS = {"mean": 0.0, "median": 50.0}
_ATTESTED = "attested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One result, as far as a choice needs it.

    Attributes:
        chip: id of the catalogue. count: chips that worked together.
        model: as it is named there. where: digest or id.
        labels: of the whole result.
    """

    kind: FigureKind
    where: str
    chip: str
    count: int
    model: str
    engine: str
    precision: str
    labels: Mapping[str, Label]
    measurements: Sequence[Measured]


def signed_record(predicate: Predicate, digest: str) -> Record | None:
    """Of a signed result of one engine on a listed chip; else None."""
    chip = predicate.machine.chip
    engines = {(own.name, own.model, own.precision) for own in predicate.engines}
    if chip.catalog_id is None or len(engines) != 1:
        return None
    ((engine, model, precision),) = engines
    rows = predicate.measurements
    attested = any(row.suite == _ATTESTED for row in rows)
    return Record(
        kind="attested" if attested else "measured",
        where=digest,
        chip=chip.catalog_id,
        count=chip.count,
        model=model,
        engine=engine.lower(),
        precision=precision.lower(),
        labels={},
        measurements=rows,
    )


def reported_records(file: ReportedFile, names: Collection[str]) -> Iterator[Record]:
    """Of an import's results of some models, as `reported_record` has each.

    Args:
        names: ids of geometries.
    """
    for result in file.results:
        if known_as(result.model or "") in names:
            record = reported_record(file.source, result)
            if record and not judge_reported(result).findings:
                yield record


def reported_record(source: ReportedSource, result: ReportedResult) -> Record | None:
    """Of a reported result that was measured on a listed chip; else None. No law is asked.

    None is of a view of its own, simulated, or claimed by a vendor.
    """
    chip = result.chip
    if source.view != "general" or source.evidence not in {None, "measured"}:
        return None
    if chip.catalog_id is None or chip.count is None:
        return None
    return Record(
        kind="reported",
        where=result.id,
        chip=chip.catalog_id,
        count=chip.count,
        model=result.model or "",
        engine=(result.engine or "").lower(),
        precision=(result.precision or "").lower(),
        labels=result.labels,
        measurements=result.measurements,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One load of a record.

    Attributes:
        ttft, tpot: mean milliseconds, each with the ends of its interval.
        at: metric -> percentile, 0 for the mean -> milliseconds, of what is stated.
    """

    option: SetupOption
    isl: float
    osl: float
    ttft: tuple[float, float, float]
    tpot: tuple[float, float, float]
    at: Mapping[str, Mapping[float, float]]


def observed(
    records: Iterable[Record], model: str, demand: Demand, percentile: float | None = None
) -> Options:
    """Options of records.

    Args:
        model: id of a geometry.
        percentile: that is limited, taken from figures that state it.
    """
    loads = (
        load
        for record in records
        if known_as(record.model) == model or record.model == model
        for load in loads_of(record)
    )
    return options_of(loads, demand, percentile)


def options_of(
    loads: Iterable[Observed], demand: Demand, percentile: float | None = None
) -> Options:
    """Options of the loads whose lengths are near to those asked for; else as `observed`."""
    seen = [load for load in loads if near(load.isl, demand.isl) and near(load.osl, demand.osl)]
    tail = [
        [load.at[metric].get(percentile or 0.0, float("nan")) for metric in METRICS]
        for load in seen
    ]
    return Options(
        [load.option for load in seen],
        np.array([load.tpot for load in seen], dtype=float).reshape(len(seen), 3).T,
        np.array([load.ttft for load in seen], dtype=float).reshape(len(seen), 3).T,
        np.array(tail, dtype=float).reshape(len(seen), 2).T,
    )


def loads_of(record: Record) -> Iterator[Observed]:
    """Every load of a record whose lengths and both times are stated."""
    cases: dict[str, list[Measured]] = defaultdict(list)
    for row in record.measurements:
        if row.metric in METRICS and row.value > 0:
            cases[row.case].append(row)
    for rows in cases.values():
        labels = {**record.labels, **rows[0].labels}
        load, isl, osl = (_count(labels.get(name)) for name in ("concurrency", "isl", "osl"))
        if load is None or isl is None or osl is None or _of_another_kind(labels):
            continue
        ttft, tpot = (_mean(rows, metric) for metric in METRICS)
        if ttft and tpot:
            yield Observed(
                option=SetupOption(
                    setup=Setup(record.chip, record.engine, record.precision, _layout(record)),
                    concurrency=load,
                    kind=record.kind,
                    basis=record.where,
                ),
                isl=isl,
                osl=osl,
                ttft=ttft,
                tpot=tpot,
                at={metric: _stated(rows, metric) for metric in METRICS},
            )


def _of_another_kind(labels: Mapping[str, Label]) -> bool:
    """Whether it served apart, with speculation, or is not valid."""
    if labels.get("disaggregated") is True or labels.get("valid") is False:
        return True
    return labels.get("speculation", "none") not in {"none", False, None}


def _layout(record: Record) -> Layout:
    """TP as it is said, else of all chips; the rest are groups with sequences of their own."""
    tp = _count(record.labels.get("tensor_parallel")) or record.count
    ep = _count(record.labels.get("expert_parallel")) or 1
    if record.count % tp:
        return Layout(record.count, 1, record.count, 1)
    return Layout(int(tp), int(record.count // tp), max(1, int(record.count // ep)), int(ep))


def _mean(rows: Sequence[Measured], metric: str) -> tuple[float, float, float] | None:
    """A mean with its interval; of a median what its mean would usually be."""
    own = {_percentile(row): row for row in rows if row.metric == metric}
    for percentile in (0.0, 50.0):
        row = own.get(percentile)
        if row is not None:
            scale = 1 / spread(metric, percentile or None)
            low, high = row.low or row.value / REPEATS**0.5, row.high or row.value * REPEATS**0.5
            return row.value * scale, low * scale, high * scale
    return None


def _stated(rows: Sequence[Measured], metric: str) -> dict[float, float]:
    """Times by percentile; of two of one percentile the first."""
    times: dict[float, float] = {}
    for row in rows:
        percentile = _percentile(row)
        if row.metric == metric and percentile is not None:
            times.setdefault(percentile, row.value)
    return times


def _percentile(row: Measured) -> float | None:
    """Percentile of a time, 0 for a mean; None where its statistic is another."""
    percentile, statistic = row.labels.get("percentile"), row.labels.get("statistic")
    if isinstance(percentile, int | float) and not isinstance(percentile, bool):
        return float(percentile)
    name = str(statistic) if statistic is not None else "mean"
    if name in _STATISTICS:
        return _STATISTICS[name]
    digits = name.removeprefix("p")
    return float(digits) if name.startswith("p") and digits.replace(".", "", 1).isdigit() else None


def _count(value: Label | None) -> float | None:
    """A label as a count above zero; others' labels may be anything."""
    if isinstance(value, bool | str | None) or not 1 <= value < 1e9:
        return None
    return float(value)
