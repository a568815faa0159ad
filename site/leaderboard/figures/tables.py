"""Every figure of a result as one row of the downloads, with its provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from leaderboard.base.text import clean
from leaderboard.figures.figures import points_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaderboard.figures.figures import BoardPoint, Figure, Result

__all__ = ["COLUMNS", "SCHEMA", "rows_of"]

_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    {
        **dict.fromkeys(("chip", "chip_name", "suite", "case", "metric", "unit"), _TEXT),
        **dict.fromkeys(("value", "low", "high"), pa.float64()),
        "n": pa.int64(),
        "method": _TEXT,
        **dict.fromkeys(("model", "precision", "engine", "engine_version"), _TEXT),
        **dict.fromkeys(("isl", "osl", "concurrency", "batch", "context"), pa.int64()),
        **dict.fromkeys(("profile", "meters", "trust", "measured_at", "runner", "keyid"), _TEXT),
        "log_index": pa.int64(),
        **dict.fromkeys(("suite_version", "statement_sha256"), _TEXT),
    }
)
COLUMNS = tuple(SCHEMA.names)


def rows_of(result: Result) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a result, as `SCHEMA` has them.

    Raises:
        CheckError: a label that counts something is no whole number.
    """
    before, after = _provenance(result)
    for point in points_of(result):
        about = _about(point)
        for name, figure in point.figures.items():
            yield (*before, *_figure(point, name, figure), *about, *after)


def _provenance(result: Result) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    run = result.predicate.run
    meters = (f"{m.name} ({m.scope}, {m.method})" for m in result.predicate.meters)
    return (
        (result.chip_id, clean(result.predicate.machine.chip.name)),
        (
            run.profile,
            "; ".join(map(clean, meters)),
            result.tier,
            run.finished_at,
            clean(result.runner),
            result.keyid,
            result.index,
            clean(run.suite_version),
            result.digest,
        ),
    )


def _about(point: BoardPoint) -> tuple[Any, ...]:
    engine = point.engine
    return (
        clean(point.model),
        clean(point.precision),
        clean(engine.name) if engine else "",
        clean(engine.version) if engine else "",
        *map(point.count, ("isl", "osl", "concurrency", "batch", "context")),
    )


def _figure(point: BoardPoint, name: str, figure: Figure) -> tuple[Any, ...]:
    texts = (point.suite, point.case, name, figure.unit)
    return (
        *map(clean, texts),
        figure.value,
        figure.low,
        figure.high,
        figure.n,
        figure.method,
    )
