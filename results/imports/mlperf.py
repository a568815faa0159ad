"""MLPerf Inference: summary rows, and the latencies parsed from the runs' own logs.

Token rates count output tokens. Power is of the whole node at the wall, in watts (MLPerf power
rules), so that J/token = W ÷ (tokens/s).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from results.imports.building import Refused, Row, figure, figures, known, number, positive, text
from results.imports.names import chip
from results.imports.reported import ReportedResult

if TYPE_CHECKING:
    from results.imports.reported import ReportedChip, ReportedMeasurement

__all__ = ["read", "same_run"]

_METER = {"meter": "SPEC PTDaemon, wall", "scope": "wall", "tokens": "all energy, output tokens"}
_LATENCIES = {
    f"{metric}_{q}_ms": (metric, q, 1.0)
    for metric in ("ttft", "tpot", "e2e")
    for q in ("p50", "p90", "p95", "p99", "p99.9")
}
# The last part of "llama2-70b-99.9" is the accuracy target; both targets often share one run.
_TARGET = re.compile(r"-99(\.9)?$")
_MOST_CHIPS = 10**7
_MIXED = re.compile(r"\(x(\d+)\)")


def read(row: Row) -> ReportedResult:
    """Make a result of a row of either file.

    Raises:
        Refused: it is no token rate of a language model, or a field makes no sense.
    """
    row = _named_alike(row)
    unit = text(row, "Performance_Units")
    if unit != "Tokens/s":
        raise Refused(f"no token rate: {unit or 'no unit'}")
    rate = positive(row, "Performance_Result")
    model, scenario = text(row, "UsedModel"), text(row, "Scenario")
    case = f"mlperf/{text(row, 'Category')}/{model}/{scenario}"
    labels = known(row, "version", "Category", "Scenario", "Suite", "Submitter", "Availability")
    return ReportedResult(
        id=f"{text(row, 'ID') or text(row, 'version')}/{model}/{scenario}",
        chip=_chip(row),
        system=text(row, "System") or text(row, "Platform"),
        model=model,
        precision=text(row, "weight_data_types"),
        engine=text(row, "Software"),
        date=text(row, "version"),
        url=text(row, "Details"),
        labels=labels | {"token_rate": "output tokens"},
        measurements=[
            figure("serving", case, "output_throughput", rate),
            *figures(row, case, _LATENCIES),
            *_energy(row, case, rate),
        ],
    )


def same_run(row: Row) -> object:
    """Return what two rows of one run share: all but the accuracy target."""
    row = _named_alike(row)
    names = ("version", "Category", "Submitter", "Platform", "Scenario", "Performance_Result")
    model = _TARGET.sub("", str(row.get("UsedModel")))
    return (model, str(row.get("Power_Result")), *(str(row.get(name)) for name in names))


def _named_alike(row: Row) -> Row:
    """Give rows of the latency table the names of the summary."""
    if "official_units" not in row:
        platform = str(row.get("Location", "")).split("/")[3:4]
        return {"Platform": platform[0] if platform else "", **row}
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


def _chip(row: Row) -> ReportedChip:
    name = text(row, "Accelerator")
    if not name:
        # A CPU's share of a price is by core, which a count of sockets does not give.
        return chip(text(row, "Processor"), None)
    mixed = [int(count) for count in _MIXED.findall(name)]
    if mixed:
        return chip(name, sum(mixed))
    per_node, nodes = number(row, "a#"), number(row, "Nodes") or 1.0
    if per_node and abs(per_node * nodes) > _MOST_CHIPS:
        raise Refused("a# and Nodes are no number of chips")
    return chip(name, round(per_node * nodes) if per_node else None)


def _energy(row: Row, case: str, rate: float) -> list[ReportedMeasurement]:
    watts = number(row, "Power_Result")
    if watts is None:
        return []
    if text(row, "Power_Units") != "Watts":
        raise Refused("power is not in watts")
    return [
        figure("serving", case, "power", watts, labels=_METER),
        figure("serving", case, "energy_per_output_token", watts / rate, labels=_METER),
    ]
