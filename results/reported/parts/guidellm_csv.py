"""GuideLLM's CSV as the benchmarks of its report: one shape for all that its reader reads.

From 0.4 on three lines name a column (group, status and unit, statistic); before that one does.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

from results.reported.parts.reading import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.reported.parts.building import SourceRow

__all__ = ["benchmarks"]

_GROUPS = ("Run Info,", "Runtime Info,")
_LINE = "Type,Run Id,Id,Name,"
_OF = "successful"
# (group, unit) of the newer files -> the report's metric.
_METRICS = {
    ("Request Latency", "Sec"): "request_latency",
    ("Time to First Token", "ms"): "time_to_first_token_ms",
    ("Inter Token Latency", "ms"): "inter_token_latency_ms",
    ("Server Throughput", "Requests/Sec"): "requests_per_second",
    ("Token Metrics", "Input Tokens"): "prompt_token_count",
    ("Token Metrics", "Output Tokens"): "output_token_count",
    ("Token Throughput", "Input Tokens/Sec"): "prompt_tokens_per_second",
    ("Token Throughput", "Output Tokens/Sec"): "output_tokens_per_second",
    ("Token Throughput", "Total Tokens/Sec"): "tokens_per_second",
}
# Columns that are JSON -> where the report has them.
_JSON = {
    ("Run Info", "Profile"): ("profile",),
    ("Run Info", "Backend"): ("config", "backend"),
    ("Run Info", "Requests"): ("requests",),
    ("Runtime Info", "Metadata"): ("report", "metadata"),
    ("Runtime Info", "Arguments"): ("report", "args"),
}
_WORDS = {"mean": "mean", "median": "median", "std dev": "std_dev"}
_RANKS = ("min", "p001", "p01", "p05", "p10", "p25", "p75", "p90", "p95", "p99", "max")
_OLD = re.compile(
    r"Successful (?P<metric>[A-Z][a-z ]+?) "
    r"(?P<word>mean|median|std dev|\[min, 0\.1, 1, 5, 10, 25, 75, 90, 95, 99, max\])"
)


def benchmarks(content: str) -> list[Any] | None:
    """Return the benchmarks of a CSV; None where it is none of GuideLLM's."""
    start = content.lstrip("\ufeff\r\n")
    if start.startswith(_GROUPS):
        heads, read = 3, _newer
    elif start.startswith(_LINE):
        heads, read = 1, _older
    else:
        return None
    try:
        lines = list(csv.reader(io.StringIO(start, newline="")))
    except csv.Error as error:
        return [Broken(f"is not CSV: {error}")]
    names = list(zip(*lines[:heads], strict=False))
    return [_row(names, cells, read) for cells in lines[heads:] if any(cells)]


def _row(names: Sequence[tuple[str, ...]], cells: Sequence[str], read: Any) -> Any:
    if len(cells) != len(names):
        return Broken(f"has {len(cells)} cells under {len(names)} names")
    row: SourceRow = {"metrics": {}}
    for path, value in read(dict(zip(names, cells, strict=True))):
        inside = row
        for name in path[:-1]:
            inside = inside.setdefault(name, {})
        inside[path[-1]] = value
    return row


def _newer(cells: dict[tuple[str, ...], str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for (group, unit, word), cell in cells.items():
        metric = _METRICS.get((group, unit.removeprefix("Successful ")))
        if metric and word:
            yield from _statistic(metric, word.lower(), cell)
        elif place := _JSON.get((group, unit)):
            yield place, _loaded(cell)
    settings = {key[:2]: cell for key, cell in cells.items()}
    yield ("config", "strategy"), _strategy(settings)
    for status in ("Successful", "Errored"):
        if count := settings.get(("Request Counts", status)):
            yield ("metrics", "request_totals", status.lower()), count
    if began := settings.get(("Timings", "Start Time")):
        yield ("scheduler_metrics", "start_time"), began


def _strategy(cells: dict[tuple[str, ...], str]) -> SourceRow:
    """Say how requests were sent: of a profile of several loads, the one of this benchmark."""
    kind, at = cells.get(("Benchmark", "Strategy"), ""), cells.get(("Run Info", "Run Index"), "")
    strategy: SourceRow = {"type_": kind}
    profile = _loaded(cells.get(("Run Info", "Profile"), ""))
    for name in ("streams", "rate", "max_concurrency"):
        value = profile.get(name) if isinstance(profile, dict) else None
        if isinstance(value, list):
            value = value[int(at)] if at.isdecimal() and int(at) < len(value) else None
        strategy |= {} if value is None else {name: value}
    return strategy


def _older(cells: dict[tuple[str, ...], str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for (name,), cell in cells.items():
        if match := _OLD.fullmatch(name):
            metric = match["metric"].lower().replace(" ", "_")
            word = "percentiles" if match["word"].startswith("[") else match["word"]
            yield from _statistic(metric, word, cell)
        elif name in {"Args", "Worker"}:
            yield (name.lower(),), _loaded(cell)
        elif name in {"Successful Requests", "Errored Requests"}:
            yield ("metrics", "request_totals", name.partition(" ")[0].lower()), cell
        elif name == "Start Time":
            yield ("run_stats", "start_time"), cell


def _statistic(metric: str, word: str, cell: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    if word in _WORDS:
        yield ("metrics", metric, _OF, _WORDS[word]), cell
    elif word == "percentiles":
        ranks = _loaded(cell)
        if isinstance(ranks, list) and len(ranks) == len(_RANKS):
            for name, value in zip(_RANKS, ranks, strict=True):
                yield ("metrics", metric, _OF, name), value


def _loaded(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None
