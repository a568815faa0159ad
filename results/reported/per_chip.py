"""Reported rates by chip, model and concurrency: the best of each, for `standing`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from suites import models
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from results.statement.reported import ReportedFile, ReportedResult

__all__ = ["per_chip"]

_Key = tuple[str, str, float, float, float]


def per_chip(imported: Iterable[ReportedFile]) -> bytes:
    """Return the table as JSON: output tokens/s per chip where chip, count and model are known."""
    best: dict[_Key, float] = {}
    for file in imported:
        if file.source.view == "general":
            for result in file.results:
                for key, rate in _rates(result):
                    best[key] = max(rate, best.get(key, 0.0))
    names = ("chip", "model", "parameters", "active_parameters", "concurrency")
    rows = [
        {**dict(zip(names, key, strict=True)), "tokens_per_s": float(f"{rate:.6g}")}
        for key, rate in sorted(best.items())
    ]
    return ("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n").encode()


def _rates(result: ReportedResult) -> Iterator[tuple[_Key, float]]:
    chip, sizes = result.chip, _sizes(result)
    streams = result.labels.get("concurrency")
    if not (chip.catalog_id and chip.count and result.model and sizes and streams):
        return
    if result.labels.get("disaggregated"):
        return  # chips that only read prompts would be charged
    for figure in result.measurements:
        if figure.metric == "output_throughput":
            key = (chip.catalog_id, result.model, *sizes, float(streams))
            yield key, figure.value / chip.count


def _sizes(result: ReportedResult) -> tuple[float, float] | None:
    """All parameters and active ones: as published, or of the geometry that the name means."""
    stated = [result.labels.get(f"{name}_params_billions") for name in ("total", "activated")]
    if all(stated):
        total, active = (float(value or 0) * 1e9 for value in stated)
        return total, active
    known = known_as(result.model or "")
    if known is None:
        return None
    geometry = models.load(known)
    return float(geometry.parameters()), float(geometry.active_parameters())
