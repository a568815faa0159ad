"""MLPerf Inference: summary rows, latencies of the runs, and the runs' own log summaries.

Token rates count output tokens. Power is of the whole node at the wall, in watts (MLPerf power
rules), so that J/token = W ÷ (tokens/s).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import (
    Refused,
    SourceRow,
    conditions,
    count,
    figure,
    known,
    number,
    positive,
    text,
)
from results.reported.parts.fields import Field, measured
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made
from results.statement.reported import ReportedResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.reported.parts.reading import Document
    from results.statement.reported import ReportedChip, ReportedMeasurement
    from suites.base.records import Label

__all__ = ["KIND"]

_METER: dict[str, Label] = {
    "meter": "SPEC PTDaemon, wall", "scope": "wall", "tokens": "all energy, output tokens",
}  # fmt: skip
_SUMMARY = (
    Field(
        theirs="Performance_Result",
        metric="output_throughput",
        unit="tokens/s",
        definition="output tokens ÷ time, where the unit is Tokens/s; all others are refused",
    ),
    Field(
        theirs="Power_Result",
        metric="power",
        unit="W",
        definition="mean of the whole node at the wall; divided by the rate it is J/token",
    ),
)
_LATENCIES = (
    Field(theirs="ttft_{}_ms", metric="ttft", unit="ms", definition="sending to the first token"),
    Field(
        theirs="tpot_{}_ms",
        metric="tpot",
        unit="ms",
        definition="(latency − TTFT) ÷ (tokens − 1) of each request",
    ),
    Field(theirs="e2e_{}_ms", metric="e2e", unit="ms", definition="sending to the last token"),
)
_LOG = (
    Field(
        theirs="Completed tokens per second",
        metric="output_throughput",
        unit="tokens/s",
        definition="of the log summary; `Tokens per second` offline",
    ),
    Field(
        theirs="Tokens per second",
        metric="output_throughput",
        unit="tokens/s",
        definition="of the log summary of an offline run",
    ),
    Field(
        theirs="Completed samples per second",
        metric="request_throughput",
        unit="1/s",
        definition="of the log summary; `Samples per second` offline",
    ),
    Field(
        theirs="Samples per second",
        metric="request_throughput",
        unit="1/s",
        definition="of the log summary of an offline run",
    ),
    Field(
        theirs="{} latency (ns)", metric="e2e", unit="ns", definition="sending to the last token"
    ),
    Field(
        theirs="{} first token latency (ns)",
        metric="ttft",
        unit="ns",
        definition="sending to the first token",
    ),
    Field(
        theirs="{} time to output token (ns)",
        metric="tpot",
        unit="ns",
        definition="(latency − TTFT) ÷ (tokens − 1) of each request",
    ),
)
_PARAMETERS = (
    "target_qps", "samples_per_query", "min_duration (ms)", "min_query_count", "ttft_latency (ns)",
    "tpot_latency (ns)", "SUT name", "Scenario", "Mode", "Result is", "max_async_queries",
    "qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed", "target_latency (ns)",
    "loadgen_version",
)  # fmt: skip
# The last part of "llama2-70b-99.9" is the accuracy target; both targets often share one run.
_TARGET = re.compile(r"-99(\.9)?$")
_MOST_CHIPS = 10**7
_MIXED = re.compile(r"\(x(\d+)\)")
_KEPT = (
    "version", "Category", "Scenario", "Suite", "Submitter", "Availability", "ID", "Platform",
    "Software", "Nodes", "Processor", "host_processors_per_node", "Notes", "Accuracy", "compliance",
    "Location", "source_path", "in_official_summary", "valid", "target_qps", "samples_per_s",
    "min_duration_ms", "min_query_count",
)  # fmt: skip


# Lines of the detailed log -> those of its summary, by which one table reads both. LoadGen's
# `result_token_throughput` divides by nanoseconds, and is left out.
_DETAIL = {
    "result_validity": "Result is",
    "result_completed_tokens_per_second": "Completed tokens per second",
    "result_tokens_per_second": "Tokens per second",
    "result_completed_samples_per_sec": "Completed samples per second",
    "result_samples_per_second": "Samples per second",
    "effective_scenario": "Scenario",
    "effective_test_mode": "Mode",
    "effective_target_qps": "target_qps",
    "effective_samples_per_query": "samples_per_query",
    "effective_min_duration_ms": "min_duration (ms)",
    "effective_min_query_count": "min_query_count",
    "effective_max_async_queries": "max_async_queries",
    "effective_target_latency_ns": "target_latency (ns)",
    "effective_qsl_rng_seed": "qsl_rng_seed",
    "effective_sample_index_rng_seed": "sample_index_rng_seed",
    "effective_schedule_rng_seed": "schedule_rng_seed",
    "requested_server_ttft_latency": "ttft_latency (ns)",
    "requested_server_tpot_latency": "tpot_latency (ns)",
    "sut_name": "SUT name",
    "loadgen_version": "loadgen_version",
}
_LATENCY_OF = re.compile(
    r"result_(?P<of>first_token_|time_per_output_token_|time_to_output_token_)?"
    r"(?P<word>min|max|mean|\d\d\.\d\d_percentile)(?:_latency)?(?:_ns)?"
)
_OF = {
    None: "latency (ns)",
    "first_token_": "first token latency (ns)",
    "time_per_output_token_": "time to output token (ns)",
    "time_to_output_token_": "time to output token (ns)",
}
_MLLOG = ":::MLLOG "


def _rows(document: Document) -> Sequence[Any]:
    """Read a log as one row of its lines; other files have rows of their own."""
    if document.text[:4096].lstrip().startswith(_MLLOG):
        return [_detail(document.text)]
    if "MLPerf Results Summary" not in document.text[:4096]:
        return document.rows
    fields: SourceRow = {"log": True}
    for line in document.text.split("\n"):
        name, mark, value = line.rpartition(":")
        if mark and value.strip():
            # "Mean First Token latency (ns)" and "50.00 percentile first token latency (ns)".
            name = re.sub(
                r"(?i)(first token latency|time to output token) \(ns", _lower, name.strip()
            )
            fields.setdefault(name, value.strip())
    return [fields]


def _detail(content: str) -> SourceRow:
    """Read a detailed log under the names of its summary."""
    fields: SourceRow = {"log": True}
    for line in content.split("\n"):
        try:
            entry = json.loads(line.removeprefix(_MLLOG)) if line.startswith(_MLLOG) else {}
        except (ValueError, RecursionError):
            continue  # cut short
        key, value = (entry.get("key"), entry.get("value")) if isinstance(entry, dict) else ("", "")
        latency = _LATENCY_OF.fullmatch(key) if isinstance(key, str) else None
        if latency:
            word = latency["word"].replace("_", " ").capitalize()
            fields.setdefault(f"{word} {_OF[latency['of']]}", value)
        elif isinstance(key, str) and key in _DETAIL:
            fields.setdefault(_DETAIL[key], value)
    return fields


def _lower(word: re.Match[str]) -> str:
    return word[0].lower()


def _knows(row: SourceRow) -> bool:
    return bool(row.keys() & {"log", "Performance_Units", "official_units"}) or {
        "submitter", "scenario", "chips", "metric", "value",
    } <= row.keys() or {"accelerator_model_name", "Result", "Units"} <= row.keys()  # fmt: skip


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a row of any of the files.

    Raises:
        Refused: it is not a token rate of a language model, or a field makes no sense.
    """
    if row.get("log") is True:
        return _log(row)
    row = _named_alike(row)
    unit = text(row, "Performance_Units")
    if (unit or "").lower() != "tokens/s":
        raise Refused(f"no token rate: {unit or 'no unit'}")
    rate = positive(row, "Performance_Result")
    model, scenario = text(row, "UsedModel"), text(row, "Scenario")
    case = f"mlperf/{text(row, 'Category')}/{model}/{scenario}"[:256]
    return ReportedResult(
        id=f"{text(row, 'ID') or text(row, 'version')}/{model}/{scenario}"[:256],
        chip=_chip(row),
        system=text(row, "System") or text(row, "Platform"),
        model=model,
        precision=text(row, "weight_data_types"),
        engine=text(row, "Software"),
        date=text(row, "version"),
        url=text(row, "Details"),
        labels=known(row, *_KEPT) | {"token_rate": "output tokens"},
        measurements=[
            figure("serving", case, "output_throughput", rate),
            *measured(row, case, _LATENCIES),
            *_energy(row, case, rate),
        ],
    )


def _log(row: SourceRow) -> ReportedResult:
    """Make a result of a log summary.

    Raises:
        Refused: the run is not valid, or no performance run of a language model.
    """
    if text(row, "Result is") != "VALID":
        raise Refused(f"the run is {text(row, 'Result is') or 'without a result'}")
    if not number(row, "Completed tokens per second") and not number(row, "Tokens per second"):
        raise Refused("no token rate")
    table = tuple(
        field for field in _LOG if field.theirs != "Tokens per second"
        or "Completed tokens per second" not in row
    )  # fmt: skip
    return made(
        row,
        tool="mlperf",
        table=table,
        labels=known(row, *_PARAMETERS) | _offered(row) | {"token_rate": "output tokens"},
        model=None,
    )


def _offered(row: SourceRow) -> dict[str, Label]:
    """Say what a server was sent: queries of a Poisson process."""
    if text(row, "Scenario") != "Server":
        return {}
    return conditions(row, {"rate": "target_qps"}) | {"arrival": "poisson"}


def _same_run(row: SourceRow) -> object:
    """Return what two rows of one run share: all but the accuracy target."""
    if row.get("log") is True:
        return id(row)
    row = _named_alike(row)
    names = ("version", "Category", "Submitter", "Platform", "Scenario", "Performance_Result")
    model = _TARGET.sub("", str(row.get("UsedModel")))
    return (model, str(row.get("Power_Result")), *(str(row.get(name)) for name in names))


def _named_alike(row: SourceRow) -> SourceRow:
    """Give rows of the other tables the names of the summary."""
    if "official_units" in row:
        return {
            **row,
            "Category": row.get("division"),
            "Submitter": row.get("submitter"),
            "Platform": row.get("platform"),
            "UsedModel": row.get("model"),
            "Scenario": row.get("scenario_dir"),
            "Accelerator": row.get("accelerator"),
            "a#": row.get("accel_per_node"),
            "Nodes": row.get("nodes"),
            "Software": row.get("software"),
            "weight_data_types": row.get("weight_dtype"),
            "Availability": row.get("availability"),
            "Suite": row.get("suite"),
            "Performance_Result": row.get("official_result"),
            "Performance_Units": row.get("official_units"),
            "Power_Result": row.get("power_result"),
            "Power_Units": row.get("power_units"),
        }
    if "metric" in row and "submitter" in row:
        return {
            "Submitter": row.get("submitter"),
            "Accelerator": row.get("system"),
            "a#": row.get("chips"),
            "UsedModel": row.get("model"),
            "Scenario": row.get("scenario"),
            "Performance_Result": row.get("value"),
            "Performance_Units": row.get("metric"),
            "Notes": row.get("note"),
            "version": row.get("version"),
        }
    if "accelerator_model_name" in row:
        return {
            **row,
            "Category": row.get("Division"),
            "Submitter": row.get("Organization"),
            "System": row.get("SystemName"),
            "UsedModel": row.get("Model"),
            "Accelerator": row.get("accelerator_model_name"),
            "a#": row.get("accelerators_per_node"),
            "Nodes": row.get("number_of_nodes"),
            "Processor": row.get("host_processor_model_name"),
            "Software": row.get("framework"),
            "Suite": row.get("SystemType"),
            "Performance_Result": row.get("Result"),
            "Performance_Units": row.get("Units"),
            "Notes": row.get("notes"),
        }
    platform = str(row.get("Location", "")).split("/")[3:4]
    return {"Platform": platform[0] if platform else "", **row}


def _chip(row: SourceRow) -> ReportedChip:
    name = text(row, "Accelerator")
    if not name:
        # A CPU's share of a price is by core, which a count of sockets does not give.
        return chip(text(row, "Processor"), None)
    mixed = [int(count) for count in _MIXED.findall(name)]
    if mixed:
        return chip(name, sum(mixed))
    if number(row, "a#") == 0:
        return chip(name, None)  # a system of CPUs
    per_node, nodes = count(row, "a#"), count(row, "Nodes") or 1
    if per_node and per_node * nodes > _MOST_CHIPS:
        raise Refused("a# and Nodes are not a number of chips")
    return chip(name, per_node * nodes if per_node else None)


def _energy(row: SourceRow, case: str, rate: float) -> list[ReportedMeasurement]:
    watts = number(row, "Power_Result")
    if watts is None:
        return []
    if text(row, "Power_Units") != "Watts":
        raise Refused("power is not in watts")
    return [
        figure("serving", case, "power", watts, labels=_METER),
        figure("serving", case, "energy_per_output_token", watts / rate, labels=_METER),
    ]


KIND = SourceKind(
    name="mlperf",
    title="MLPerf Inference, summary of results (MLCommons)",
    licence="Apache-2.0 (v4.1); the v5.1 repository states none",
    footnote="Results by ID and round, from the repositories of MLCommons. Token rates "
    "count output tokens. Energy and cost per token are derived by Fenmark: they are no "
    "official MLPerf results and not verified by MLCommons. The MLPerf name and logo are "
    "trademarks of the MLCommons Association in the United States and other countries.",
    formats="summary of results (JSON or CSV), latencies of the runs (CSV), "
    "`mlperf_log_summary.txt`, `mlperf_log_detail.txt`",
    fields=(*_SUMMARY, *_LATENCIES, *_LOG),
    knows=_knows,
    read=_read,
    rows=_rows,
    view="mlperf",
    same_run=_same_run,
)
