"""InferenceX serving points: per-GPU rates of a deployment, some with measured GPU power."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from results.imports.building import (
    Refused,
    Row,
    figure,
    figures,
    known,
    load,
    number,
    positive,
    text,
)
from results.imports.names import chip
from results.imports.reported import ReportedMeasurement, ReportedResult

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read"]

# `std_intvty` is not a standard deviation of interactivity and is left out.
_SECONDS = {
    f"{statistic}_{theirs}": (ours, statistic, 1e3)
    for theirs, ours in (("ttft", "ttft"), ("tpot", "tpot"), ("itl", "itl"), ("e2el", "e2e"))
    for statistic in ("median", "mean", "p90", "p99", "p99.9")
} | {"median_intvty": ("interactivity", "median", 1.0)}
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
}
# The rates of the two pools must add up to the rate per GPU; published ones do within 0.3%.
_TOLERANCE = 0.01
_SCOPE = {"meter": "GPU power by the driver", "scope": "chip"}


def read(row: Row) -> ReportedResult:
    """Make a result of a row.

    Raises:
        Refused: a rate is missing, or the GPU counts contradict the rates.
    """
    hardware = text(row, "hardware") or ""
    prefill, decode, count = _pools(row)
    at = f"isl{row.get('isl')}/osl{row.get('osl')}/c{row.get('conc')}"
    case = f"inferencex/{row.get('model')}/{row.get('precision')}/{at}"
    return ReportedResult(
        id=f"{case}/{hardware}/{row.get('framework')}",
        chip=chip(hardware, count, _CHIPS.get(hardware)),
        model=text(row, "model"),
        precision=text(row, "precision"),
        engine=text(row, "framework"),
        date=text(row, "date"),
        url=text(row, "run_url"),
        labels=known(row, "isl", "osl", "conc", "disagg", "spec_method", "image")
        | {"prefill_chips": prefill, "decode_chips": decode},
        measurements=[
            *_rates(row, case, prefill, decode, count),
            *figures(row, case, _SECONDS),
            *_energy(row, case, count),
        ],
    )


def _rates(
    row: Row, case: str, prefill: int, decode: int, count: int
) -> Iterator[ReportedMeasurement]:
    """Give the rates of the whole deployment; early rows have no more than their sum."""
    labels = load(row, isl="isl", osl="osl", concurrency="conc")
    for metric, column, chips in (
        ("output_throughput", "output_tput_per_gpu", decode),
        ("input_throughput", "input_tput_per_gpu", prefill),
        ("total_throughput", "tput_per_gpu", count),
    ):
        rate = number(row, column)
        if rate is not None:
            yield figure("serving", case, metric, rate * chips, labels=labels)


def _pools(row: Row) -> tuple[int, int, int]:
    """Count prefill GPUs, decode GPUs and all GPUs.

    Some rows give all GPUs in both counts. Their pools follow from the published rates, which
    are per GPU of a pool and per GPU of all: in·p + out·(N - p) = all·N.

    Raises:
        Refused: the counts contradict the rates, or no whole number of GPUs fits them.
    """
    decode = positive(row, "num_decode_gpu")
    if text(row, "disagg") in {None, "False", "false"}:
        return round(decode), round(decode), round(decode)
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


def _energy(row: Row, case: str, count: int) -> list[ReportedMeasurement]:
    """J/token is W ÷ rate, of all GPUs, or of each pool where pools have meters of their own.

    Raises:
        Refused: the published joules are not that.
    """
    watts = number(row, "avg_power_w")
    if watts is None:
        return []
    found = [figure("serving", case, "power", watts * count, labels=_SCOPE)]
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
        found.append(figure("serving", case, f"energy_per_{tokens}_token", joules, labels=labels))
    return found
