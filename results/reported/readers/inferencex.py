"""InferenceX (SemiAnalysis): serving points of its CI, as CSV, API rows and result files.

Rates are per GPU of a pool, times in seconds. `std_intvty` and the other statistics of
interactivity than its median are not what their names say, and are left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from results.reported.parts.building import (
    Refused,
    SourceRow,
    conditions,
    figure,
    flat,
    known,
    named,
    number,
    positive,
    text,
)
from results.reported.parts.fields import Field
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import case_of, lengths, made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.statement.reported import ReportedMeasurement, ReportedResult
    from suites.base.records import Label

__all__ = ["KIND"]

_TIMES = (
    Field(theirs="{}_ttft", metric="ttft", unit="s", definition="sending to the first token"),
    Field(
        theirs="{}_tpot",
        metric="tpot",
        unit="s",
        definition="(latency − TTFT) ÷ (tokens − 1) of each request",
    ),
    Field(theirs="{}_itl", metric="itl", unit="s", definition="gaps between outputs"),
    Field(theirs="{}_e2el", metric="e2e", unit="s", definition="sending to the last token"),
    Field(
        theirs="median_intvty",
        metric="interactivity",
        unit="tok/s/user",
        definition="1 ÷ TPOT; its other statistics are not what they are called",
    ),
)
# A result file of one run, before its rates are divided by GPUs.
_WHOLE = (
    Field(
        theirs="output_throughput",
        metric="output_throughput",
        unit="tokens/s",
        definition="of the whole deployment",
    ),
    Field(
        theirs="input_throughput",
        metric="input_throughput",
        unit="tokens/s",
        definition="of the whole deployment",
    ),
    Field(
        theirs="request_throughput",
        metric="request_throughput",
        unit="1/s",
        definition="of the whole deployment",
    ),
)
_PER_GPU = (
    Field(
        theirs="output_tput_per_gpu",
        metric="output_throughput",
        unit="tokens/s",
        definition="× decode GPUs",
    ),
    Field(
        theirs="input_tput_per_gpu",
        metric="input_throughput",
        unit="tokens/s",
        definition="× prefill GPUs",
    ),
    Field(
        theirs="tput_per_gpu", metric="total_throughput", unit="tokens/s", definition="× all GPUs"
    ),
    Field(
        theirs="avg_power_w",
        metric="power",
        unit="W",
        definition="of one GPU by its driver; × GPUs",
    ),
    Field(
        theirs="joules_per_output_token",
        metric="energy_per_output_token",
        unit="J/token",
        definition="watts ÷ rate, of all GPUs or of the decode pool",
    ),
    Field(
        theirs="joules_per_input_token",
        metric="energy_per_input_token",
        unit="J/token",
        definition="watts ÷ rate, of all GPUs or of the prefill pool",
    ),
)
_CHIPS = {
    "h100": "h100-sxm",
    "h200": "h200-sxm",
    "b200": "b200-sxm",
    "b300": "b300-sxm",
    "gb200": "gb200",
    "gb300": "gb300",
    "mi300x": "instinct-mi300x",
    "mi325x": "instinct-mi325x",
    "mi355x": "instinct-mi355x",
    "rtx6000pro": "rtx-pro-6000-blackwell",
    "rtx5090": "rtx-5090",
}
_CONDITIONS = {
    "isl": "isl",
    "osl": "osl",
    "concurrency": "conc max_concurrency",
    "rate": "request_rate",
    "disaggregated": "disagg",
    "speculation": "spec_method spec_decoding",
    "image": "image",
    "tensor_parallel": "decode_tp tp",
    "pipeline_parallel": "decode_pp pp",
    "expert_parallel": "decode_ep ep",
    "requests": "completed",
    "dataset": "dataset_name",
}
_POOL = ("tp", "pp", "ep", "dp_attention", "num_workers")
_KEPT = ("is_multinode", "dp_attention", "decode_dp_attention", "runner_type", "mtp", "num_prompts")
# The rates of the two pools must add up to the rate per GPU; published ones do within 0.3%.
_TOLERANCE = 0.01
_SCOPE: dict[str, Label] = {"meter": "GPU power by the driver", "scope": "chip"}


def _knows(row: SourceRow) -> bool:
    inside = row.get("metrics")
    fields = row.keys() | (inside.keys() if isinstance(inside, dict) else set())
    per_gpu = fields & {"tput_per_gpu", "output_tput_per_gpu"}
    in_seconds = "output_throughput" in fields and "median_ttft" in fields
    return bool(per_gpu) or in_seconds


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a row.

    Raises:
        Refused: a rate is missing, or the GPU counts contradict the rates.
    """
    inside = row.get("metrics")
    row = flat({**row, **(inside if isinstance(inside, dict) else {}), "metrics": None})
    hardware = (named(row, "hardware", "hw") or "").lower()
    labels = known(row, *_KEPT) | conditions(row, _CONDITIONS)
    whole = "output_throughput" in row and "output_tput_per_gpu" not in row
    prefill, decode, chips = (0, 0, 0) if whole else _pools(row)
    if labels.get("disaggregated"):
        labels |= {"prefill_pool": _made_of(row, "prefill"), "decode_pool": _made_of(row, "decode")}
    if not whole:
        labels |= {"prefill_chips": prefill, "decode_chips": decode}
        stated = number(row, "num_decode_gpu") or number(row, "num_gpus")
        if not labels.get("disaggregated") and stated not in {None, chips}:
            labels["count_in_file"] = round(stated or 0)
    labels = (
        lengths(
            number(row, "total_input_tokens"),
            number(row, "total_output_tokens"),
            number(row, "completed"),
        )
        | labels
    )
    family = hardware.partition("-")[0]
    return made(
        row,
        tool="inferencex",
        table=(*_WHOLE, *_TIMES) if whole else _TIMES,
        labels=labels,
        model=named(row, "model", "model_id", "infmax_model_prefix"),
        precision=text(row, "precision"),
        engine=text(row, "framework"),
        date=text(row, "date"),
        url=text(row, "run_url"),
        ran_on=chip(hardware or None, chips or None, _CHIPS.get(family)),
        extra=[] if whole else _rates_and_energy(row, labels, prefill, decode, chips),
    )


def _rates_and_energy(
    row: SourceRow, labels: dict[str, Label], prefill: int, decode: int, chips: int
) -> Iterator[ReportedMeasurement]:
    """Give the rates of the whole deployment; early rows have no more than their sum."""
    case = case_of("inferencex", named(row, "model", "model_id", "infmax_model_prefix"), labels)
    load: dict[str, Label] = {
        name: labels[name] for name in ("isl", "osl", "concurrency") if name in labels
    }
    for metric, column, of in (
        ("output_throughput", "output_tput_per_gpu", decode),
        ("input_throughput", "input_tput_per_gpu", prefill),
        ("total_throughput", "tput_per_gpu", chips),
    ):
        rate = number(row, column)
        if rate is not None:
            yield figure("serving", case, metric, rate * of, labels=load)
    yield from _energy(row, case, chips)


def _pools(row: SourceRow) -> tuple[int, int, int]:
    """Count prefill GPUs, decode GPUs and all GPUs.

    Some rows give all GPUs in both counts. Their pools follow from the published rates, which
    are per GPU of a pool and per GPU of all: in·p + out·(N - p) = all·N.

    Raises:
        Refused: the counts contradict the rates, or no whole number of GPUs fits them.
    """
    if text(row, "disagg") in {None, "False", "false"}:
        chips = round(_without_experts(row))
        return chips, chips, chips
    decode = positive(row, "num_decode_gpu")
    prefill, rate = positive(row, "num_prefill_gpu"), positive(row, "tput_per_gpu")
    put_in, put_out = positive(row, "input_tput_per_gpu"), positive(row, "output_tput_per_gpu")
    total = prefill + decode
    if math.isclose(put_in * prefill + put_out * decode, rate * total, rel_tol=_TOLERANCE):
        return round(prefill), round(decode), round(total)
    if prefill == decode and put_in != put_out:
        solved = decode * (rate - put_out) / (put_in - put_out)
        whole = round(solved) if math.isfinite(solved) else 0
        if 0 < whole < decode and math.isclose(solved, whole, rel_tol=_TOLERANCE):
            return whole, round(decode) - whole, round(decode)
    raise Refused("the GPU counts contradict the rates")


def _without_experts(row: SourceRow) -> float:
    """Count chips as TP × PP: experts lie on those of the group, though some rows multiply them.

    Raises:
        Refused: neither the sizes nor a count of GPUs stand in the row.
    """
    sizes = [
        number(row, f"decode_{name}") or number(row, name) or 1.0 for name in ("tp", "pp", "ep")
    ]
    group = sizes[0] * sizes[1]
    stated = number(row, "num_decode_gpu") or number(row, "num_gpus")
    if stated is None:
        if number(row, "tp") is None and number(row, "decode_tp") is None:
            raise Refused("num_decode_gpu is missing")
        return group
    if stated <= 0:
        raise Refused("num_decode_gpu is not above 0")
    return group if stated == group * sizes[2] else stated


def _made_of(row: SourceRow, pool: str) -> str:
    """Say how a pool is made up, such as "tp 4, ep 4, num_workers 2"."""
    parts = ((name, text(row, f"{pool}_{name}")) for name in _POOL)
    return ", ".join(f"{name} {value}" for name, value in parts if value)[:256] or "not said"


def _energy(row: SourceRow, case: str, chips: int) -> list[ReportedMeasurement]:
    """J/token is W ÷ rate, of all GPUs, or of each pool where pools have meters of their own.

    Raises:
        Refused: the published joules are not that.
    """
    watts = number(row, "avg_power_w")
    if watts is None:
        return []
    figures = [figure("serving", case, "power", watts * chips, labels=_SCOPE)]
    for tokens, pool, rate in (
        ("output", "decode_avg_power_w", "output_tput_per_gpu"),
        ("input", "prefill_avg_power_w", "input_tput_per_gpu"),
    ):
        joules, pool_w = number(row, f"joules_per_{tokens}_token"), number(row, pool)
        if joules is None:
            continue
        expected = (pool_w or watts) / positive(row, rate)
        if not math.isclose(joules, expected, rel_tol=_TOLERANCE):
            raise Refused("joules per token are not watts over rate")
        share = f"{pool.partition('_')[0]} pool" if pool_w else "all energy"
        labels = {**_SCOPE, "tokens": f"{share}, {tokens} tokens"}
        figures.append(figure("serving", case, f"energy_per_{tokens}_token", joules, labels=labels))
    return figures


KIND = SourceKind(
    name="inferencex",
    title="InferenceX (SemiAnalysis), serving points of its CI runs",
    licence="GPL-3.0 repository; each row names its public CI run",
    footnote="Energy is of the GPUs alone, all of it divided by one kind of token, or by pool "
    "where prefill and decode GPUs have figures of their own. A disaggregated point charges "
    "both pools.",
    formats="CSV, API rows with or without nested `metrics`, aggregated and raw result JSON",
    fields=(*_PER_GPU, *_WHOLE, *_TIMES),
    knows=_knows,
    read=_read,
)
