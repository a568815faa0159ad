"""GuideLLM 0.2 to 0.8: a report of several benchmarks, each of which is a row.

Its `inter_token_latency_ms` is (last token - first token) ÷ (tokens - 1) of a request, which is
our TPOT; from 0.4 on, requests weigh by their tokens. Its rates are distributions over time, of
which the mean is the rate.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import SourceRow, block, conditions, flat, named, number, text
from results.reported.parts.fields import Field
from results.reported.parts.guidellm_csv import benchmarks
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.results import made

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedResult
    from suites.base.records import Label

__all__ = ["KIND"]

_OF = "successful"
_FIELDS = (
    Field(
        theirs=f"output_tokens_per_second.{_OF}.mean",
        metric="output_throughput",
        unit="tokens/s",
        definition="mean over the time of the benchmark",
    ),
    Field(
        theirs=f"prompt_tokens_per_second.{_OF}.mean",
        metric="input_throughput",
        unit="tokens/s",
        definition="mean over the time of the benchmark",
    ),
    Field(
        theirs=f"tokens_per_second.{_OF}.mean",
        metric="total_throughput",
        unit="tokens/s",
        definition="input and output; left out where it is not requests/s × tokens, as in 0.2 "
        "and 0.3, which count prompts at once",
    ),
    Field(
        theirs=f"requests_per_second.{_OF}.mean",
        metric="request_throughput",
        unit="1/s",
        definition="mean over the time of the benchmark",
    ),
    Field(
        theirs=f"time_to_first_token_ms.{_OF}.{{}}",
        metric="ttft",
        unit="ms",
        definition="sending to the first token",
    ),
    Field(
        theirs=f"inter_token_latency_ms.{_OF}.{{}}",
        metric="tpot",
        unit="ms",
        definition="(last token − first token) ÷ (tokens − 1) of each request",
    ),
    Field(
        theirs=f"request_latency.{_OF}.{{}}",
        metric="e2e",
        unit="s",
        definition="sending to the last token",
    ),
    Field(
        theirs=f"time_per_output_token_ms.{_OF}.{{}}",
        metric="",
        unit="ms",
        definition="not taken over: the first token's wait is in it (latency ÷ tokens from 0.4 on)",
    ),
)
_CONDITIONS = {
    "isl": f"metrics.prompt_token_count.{_OF}.mean",
    "osl": f"metrics.output_token_count.{_OF}.mean",
    "requests": f"metrics.request_latency.{_OF}.count metrics.request_totals.{_OF} "
    f"scheduler_metrics.requests_made.{_OF} run_stats.requests_made.{_OF}",
    "failed_requests": "metrics.request_totals.errored scheduler_metrics.requests_made.errored "
    "run_stats.requests_made.errored",
    "streaming": "config.backend.stream",
}
_STRATEGIES = ("config.strategy", "args.strategy")
_ARRIVALS = {"constant": "constant", "poisson": "poisson"}
_NEAR = 0.1


def _rows(document: Document) -> Sequence[Any]:
    of_csv = benchmarks(document.text)
    if of_csv is not None:
        return of_csv
    rows: list[Any] = []
    for report in document.rows:
        inside = report.get("benchmarks") if isinstance(report, dict) else None
        if isinstance(inside, list):
            about = {name: report.get(name) for name in ("metadata", "args", "config")}
            rows += [
                {"report": about, **part} if isinstance(part, dict) else part for part in inside
            ]
        else:
            rows.append(report)
    return rows


def _knows(row: SourceRow) -> bool:
    metrics = row.get("metrics")
    return isinstance(metrics, dict) and any(
        isinstance(inside, dict) and _OF in inside for inside in metrics.values()
    )


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of one benchmark of a report.

    Raises:
        Refused: it holds no figure of successful requests.
    """
    figures = flat(block(row, "metrics"))
    # A report holds every request too; those are lists, and stay behind.
    about = flat({name: value for name, value in row.items() if name != "metrics"})
    about |= {f"metrics.{name}": value for name, value in figures.items()}
    labels = conditions(about, _CONDITIONS) | _strategy(about)
    if version := text(about, "report.metadata.guidellm_version"):
        labels["tool_version"] = version
    if not _total_is_a_rate(figures, labels):
        figures.pop(f"tokens_per_second.{_OF}.mean", None)
    requests = labels.get("requests")
    return made(
        figures,
        tool="guidellm",
        table=_FIELDS,
        labels=labels | _data(row),
        model=named(
            about,
            "config.backend.model",
            "worker.backend_model",
            "report.args.model",
            "report.config.spec.backend.model",
        ),
        date=text(about, "scheduler_metrics.start_time") or text(about, "run_stats.start_time"),
        n=requests if isinstance(requests, int) and requests else 1,
    )


def _strategy(about: Mapping[str, Any]) -> dict[str, Label]:
    """Say how requests were sent; a limit no loop was asked to hold is none of its conditions."""
    home = next((home for home in _STRATEGIES if text(about, f"{home}.type_")), "")
    kind = text(about, f"{home}.type_") or ""
    labels: dict[str, Label] = {"strategy": kind} if kind else {}
    if kind == "synchronous":
        labels["concurrency"] = 1
    elif kind == "concurrent":
        labels |= conditions(about, {"concurrency": f"{home}.streams {home}.max_concurrency"})
    elif kind in _ARRIVALS:
        labels |= conditions(about, {"rate": f"{home}.rate"}) | {"arrival": _ARRIVALS[kind]}
    elif kind == "throughput":
        labels |= conditions(about, {"concurrency": f"{home}.max_concurrency"})
    return labels


def _data(row: SourceRow) -> dict[str, Label]:
    """Name the prompts: two benchmarks of other data are not repeats of each other."""
    data = block(row, "report", "args").get("data") or block(row, "request_loader").get("data")
    data = data or block(row, "report", "config", "spec").get("data")
    if not data:
        return {}
    return {
        "dataset": text({"data": data if isinstance(data, str) else json.dumps(data)[:256]}, "data")
        or ""
    }


def _total_is_a_rate(figures: Mapping[str, Any], labels: Mapping[str, Label]) -> bool:
    rate = number(figures, f"requests_per_second.{_OF}.mean")
    total = number(figures, f"tokens_per_second.{_OF}.mean")
    put_in, out = number(labels, "isl"), number(labels, "osl")
    if not rate or not total or not put_in or not out:
        return True
    return math.isclose(total, rate * (put_in + out), rel_tol=_NEAR)


KIND = SourceKind(
    name="guidellm",
    title="GuideLLM",
    licence=TOOL,
    footnote="Successful requests only. The file does not say what it ran on.",
    formats="report in JSON or YAML, or its CSV, 0.2 to 0.8; each benchmark is a row",
    fields=tuple(replace(field, theirs=f"metrics.{field.theirs}") for field in _FIELDS),
    knows=_knows,
    read=_read,
    rows=_rows,
)
