"""The figures as files: CSV, JSON and Parquet with provenance in every row."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from leaderboard.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from leaderboard.archives import Archive
    from leaderboard.figures import Figure, Point

__all__ = ["LISTING", "files", "frame", "proofs"]

LISTING = (
    ("points.csv", "every figure, one row each, with provenance"),
    ("points.json", "the same as JSON records"),
    ("points.parquet", "the same as Parquet"),
)
# A spreadsheet runs what begins like a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    "chip", "chip_name", "suite", "case", "metric", "unit", "value", "low", "high", "n", "method",
    "model", "precision", "engine", "engine_version", "isl", "osl", "concurrency", "batch",
    "context", "profile", "meters", "trust", "measured_at", "runner", "keyid", "log_index",
    "suite_version", "statement_sha256",
)  # fmt: skip


def frame(points: Sequence[Point]) -> pd.DataFrame:
    """Return all figures of the points, one row each, sorted as the archive is."""
    rows = [_row(point, name, figure) for point in points for name, figure in point.figures.items()]
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    whole = ("n", "isl", "osl", "concurrency", "batch", "context", "log_index")
    return table.astype(
        dict.fromkeys(whole, "Int64") | dict.fromkeys(("value", "low", "high"), float)
    )


def files(points: Sequence[Point]) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every download."""
    table = frame(points)
    texts = table.select_dtypes(include=["object", "string"]).columns
    safe = table.assign(**{name: table[name].map(_inert) for name in texts})
    yield "points.csv", safe.to_csv(index=False, lineterminator="\n").encode()
    yield "points.json", _json(table)
    parquet = io.BytesIO()
    table.to_parquet(parquet, index=False, compression="zstd")
    yield "points.parquet", parquet.getvalue()


def proofs(archive: Archive) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of what the verify page looks up: keys, and each result's place.

    Places are split by the first two digits of the digest, so that a new result changes one
    small file.
    """
    yield "proofs/keys.json", json.dumps(archive.keys, sort_keys=True).encode()
    shards: dict[str, dict[str, list[str | int]]] = {f"{n:02x}": {} for n in range(256)}
    for result in archive.results:
        if result.index is not None:
            shards[result.digest[:2]][result.digest] = [result.log, result.index]
    for prefix, places in shards.items():
        yield f"proofs/{prefix}.json", json.dumps(places, sort_keys=True).encode()


def _row(point: Point, name: str, figure: Figure) -> dict[str, Any]:
    predicate, engine = point.result.predicate, point.engine
    whole = {
        label: value if isinstance(value := point.labels.get(label), int) else None
        for label in ("isl", "osl", "concurrency", "batch", "context")
    }
    return {
        "chip": point.result.chip_id,
        "chip_name": clean(predicate.machine.chip.name),
        "suite": clean(point.suite),
        "case": clean(point.case),
        "metric": clean(name),
        "unit": clean(figure.unit),
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "n": figure.n,
        "method": figure.method,
        "model": clean(point.model),
        "precision": clean(point.precision),
        "engine": clean(engine.name) if engine else "",
        "engine_version": clean(engine.version) if engine else "",
        **whole,
        "profile": predicate.run.profile,
        "meters": "; ".join(clean(f"{m.name} ({m.scope}, {m.method})") for m in predicate.meters),
        "trust": point.result.tier,
        "measured_at": predicate.run.finished_at,
        "runner": clean(predicate.run.runner),
        "keyid": point.result.keyid,
        "log_index": point.result.index,
        "suite_version": clean(predicate.run.suite_version),
        "statement_sha256": point.result.digest,
    }


def _inert(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _json(table: pd.DataFrame) -> bytes:
    # 15 digits: a double survives to within a part in 10^14; the Parquet file is exact.
    text = table.to_json(orient="records", force_ascii=False, double_precision=15)
    return str(text).encode()
