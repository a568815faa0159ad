"""Reported results as files: one row a figure, with where it was published; derived costs too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from leaderboard.base.text import clean
from leaderboard.output.downloads import encoded
from leaderboard.words import Words
from results.economy.economics import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from leaderboard.read.reported import ReportedLine
    from results.economy.costs import CostRow
    from results.statement.reported import ReportedMeasurement

__all__ = ["COLUMNS", "KINDS", "SCHEMA", "files"]

# Each row says whose it is and how to cite them: packed, that takes a thirtieth.
KINDS = ("csv.gz", "parquet")

_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    {
        **dict.fromkeys(
            (
                *("publisher", "view", "licence", "file", "file_sha256", "importer_version"),
                *("evidence", "origin", "cite", "id", "flags", "url", "date"),
            ),
            _TEXT,
        ),
        **dict.fromkeys(("chip", "chip_name"), _TEXT),
        "chips": pa.int64(),
        **dict.fromkeys(("system", "model", "precision", "engine", "load", "suite", "case"), _TEXT),
        **dict.fromkeys(("metric", "statistic", "tokens", "energy_scope", "unit"), _TEXT),
        **dict.fromkeys(("value", "low", "high"), pa.float64()),
        "n": pa.int64(),
        **dict.fromkeys(("method", "basis", "price_sheet"), _TEXT),
    }
)
_DERIVED = "derived by Fenmark from reported figures"
_ENGLISH = Words.load("en")
COLUMNS = tuple(SCHEMA.names)
# Which tokens a metric counts; the accounting of an energy is in its label.
_TOKENS = {
    "output_throughput": "output",
    "decode_throughput": "output",
    "interactivity": "output",
    "tpot": "output",
    "itl": "output",
    "input_throughput": "input",
    "prefill_throughput": "input",
    "total_throughput": "input and output",
}


def files(lines: Iterable[ReportedLine]) -> tuple[bytes, ...]:
    """Return every figure of some lines in each kind, in published order."""
    return encoded(SCHEMA, [row for line in lines for row in _rows(line)], KINDS)


def _rows(line: ReportedLine) -> Iterator[tuple[Any, ...]]:
    source, result = line.source, line.result
    origin = (source.title, source.view, source.licence, source.file, source.file_sha256)
    about = (
        *map(clean, (*origin, source.importer_version or "")),
        *(clean(text or "") for text in (source.evidence, source.origin, source.cite)),
        clean(result.id),
        "; ".join(line.flags),
        line.link,
        clean(result.date or source.date or ""),
        result.chip.catalog_id or "",
        clean(result.chip.name),
        result.chip.count,
        *(clean(text or "") for text in (result.system, result.model)),
        *(clean(text or "") for text in (result.precision, result.engine)),
        line.load(_ENGLISH),
    )
    for measurement in result.measurements:
        yield (*about, *_figure(measurement))
    for cost in line.costs:
        for row in _derived(cost):
            yield (*about, *row)


def _figure(measurement: ReportedMeasurement) -> tuple[Any, ...]:
    labels = {name: clean(str(value)) for name, value in measurement.labels.items()}
    return (
        *map(clean, (measurement.suite, measurement.case, measurement.metric)),
        labels.get("statistic", ""),
        labels.get("tokens", _TOKENS.get(measurement.metric, "")),
        labels.get("scope", ""),
        clean(measurement.unit),
        *(measurement.value, measurement.low, measurement.high, measurement.n, measurement.method),
        labels.get("meter", ""),
        "",
    )


def _derived(cost: CostRow) -> Iterator[tuple[Any, ...]]:
    """What Fenmark derives from the figures: no publisher has said it."""
    floor = None if cost.floor_usd is None else Span(cost.floor_usd, None, None)
    parts = (
        ("rental", "USD/Mtok", cost.rental_usd, cost.rental_kind),
        ("owned", "USD/Mtok", cost.owned.usd if cost.owned else None, _owned(cost)),
        ("energy", "kWh/Mtok", cost.energy_kwh, cost.energy_meter),
        ("floor", "USD/Mtok", floor, cost.floor_method),
    )
    for name, unit, span, basis in parts:
        if span:
            yield (
                *map(clean, (cost.suite, cost.case, name)),
                *("", cost.tokens, "", unit),
                *(span.value, span.low, span.high, 1, _DERIVED),
                clean(basis or ""),
                cost.price_sheet,
            )


def _owned(cost: CostRow) -> str:
    return f"{cost.owned.basis}, power {cost.owned.power}" if cost.owned else ""
