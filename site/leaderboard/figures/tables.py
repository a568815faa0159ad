"""Every figure of a result as one row of the downloads, with its provenance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from leaderboard.base.text import clean
from leaderboard.figures.figures import points_of
from leaderboard.figures.rows import FIGURES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from leaderboard.figures.figures import BoardPoint, Figure, Result

__all__ = ["COLUMNS", "MONEY", "SCHEMA", "Beside", "rows_of"]

_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    {
        **dict.fromkeys(("chip", "chip_name"), _TEXT),
        "chips": pa.int64(),
        **dict.fromkeys(("suite", "case", "metric", "unit"), _TEXT),
        **dict.fromkeys(("value", "low", "high"), pa.float64()),
        "n": pa.int64(),
        "method": _TEXT,
        **dict.fromkeys(("model", "precision", "weights", "engine", "engine_version"), _TEXT),
        **dict.fromkeys(("isl", "osl", "concurrency", "batch", "context"), pa.int64()),
        **dict.fromkeys(("profile", "meters", "trust", "measured_at", "runner", "keyid"), _TEXT),
        **dict.fromkeys(("log_index", "warnings", "flags"), pa.int64()),
        **dict.fromkeys(("suite_version", "statement_sha256"), _TEXT),
        **dict.fromkeys(("price_sheet", "rent_price"), _TEXT),
        **dict.fromkeys(
            (
                *("rent_usd_per_mtok", "owned_usd_per_mtok"),
                *("electricity_usd_per_mtok", "floor_usd_per_mtok"),
            ),
            pa.float64(),
        ),
    }
)
COLUMNS = tuple(SCHEMA.names)
# Columns of the board that are the last of `SCHEMA`.
MONEY = ("price_sheet", "rent_price", "rent_usd", "owned_usd", "electricity_usd", "floor_usd")
_NO_MONEY = ("", "", None, None, None, None)
_COSTED = FIGURES["throughput"]


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of a result beside its statement.

    Attributes:
        flags: how many laws have something against it.
        money: what output tokens cost, by suite and case: the columns of `MONEY`. It stands beside
            the rate that it is derived from.
    """

    flags: int = 0
    money: Mapping[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)


def rows_of(result: Result, known: Beside = Beside()) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a result, as `SCHEMA` has them.

    Raises:
        CheckError: a label that counts something is not a whole number.
    """
    before, after = _provenance(result, known.flags)
    for point in points_of(result):
        about = _about(point)
        for name, figure in point.figures.items():
            costed = known.money.get((point.suite, point.case)) if name in _COSTED else None
            yield (*before, *_figure(point, name, figure), *about, *after, *(costed or _NO_MONEY))


def _provenance(result: Result, flags: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    run = result.predicate.run
    meters = (f"{m.name} ({m.scope}, {m.method})" for m in result.predicate.meters)
    return (
        (
            result.chip_id,
            clean(result.predicate.machine.chip.name),
            result.predicate.machine.chip.count,
        ),
        (
            run.profile,
            "; ".join(map(clean, meters)),
            result.tier,
            run.finished_at,
            clean(result.runner),
            result.keyid,
            result.index,
            result.warned,
            flags,
            clean(run.suite_version),
            result.digest,
        ),
    )


def _about(point: BoardPoint) -> tuple[Any, ...]:
    engine = point.engine
    return (
        clean(point.model),
        clean(point.precision),
        engine.weights if engine else "",
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
