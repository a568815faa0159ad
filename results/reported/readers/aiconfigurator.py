"""AIConfigurator (NVIDIA): measured kernel times by shape, and measured TTFT and TPOT."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

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
from results.reported.parts.fields import Field
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made
from results.statement.reported import ReportedResult

if TYPE_CHECKING:
    from suites.base.records import Label

__all__ = ["KIND"]

_KERNEL = (
    Field(
        theirs="latency",
        metric="time",
        unit="ms",
        definition="time of one call; of `compute_scale` the difference of two, and refused",
    ),
    Field(
        theirs="m, n, k, latency",
        metric="compute_rate",
        unit="TFLOP/s",
        definition="of a product: 2·m·n·k ÷ latency, derived",
    ),
    Field(theirs="power", metric="power", unit="W", definition="of the chip while it ran"),
)
_SERVED = (
    Field(
        theirs="silicon_ttft_ms",
        metric="ttft",
        unit="ms",
        definition="measured, never the model's; as its source measures",
    ),
    Field(
        theirs="silicon_tpot_ms",
        metric="tpot",
        unit="ms",
        definition="measured, never the model's; as its source measures",
    ),
)
_PARTICULARS = {"framework", "version", "device", "op_name", "latency", "power", "power_w"}
# Compilers of these tables took one kernel's time from another's: no kernel takes the rest.
_DIFFERENCES = {"compute_scale"}
_CONDITIONS = {
    "isl": "isl",
    "osl": "osl",
    "batch": "batch_size",
    "tensor_parallel": "tp_size",
    "pipeline_parallel": "pp_size",
    "data_parallel": "attention_dp_size",
    "expert_parallel": "moe_ep_size",
}
_KEPT = (
    "mode", "gemm_quant_mode", "moe_quant_mode", "moe_tp_size", "silicon_data_source",
)  # fmt: skip
_POOL = (
    "batch_size",
    "num_workers",
    "tp_size",
    "pp_size",
    "attention_dp_size",
    "moe_tp_size",
    "moe_ep_size",
)
# Rows taken from elsewhere say in their name how they ran: "…_c64_tp4_ep4_1392".
_GROUP = re.compile(r"_tp(\d{1,4})(?:_0)?_ep(\d{1,4})(?:_0)?_")
# An HGX board has no more chips, and its aggregated engines stay on one.
_BOARD = 8
_CONCURRENCY = re.compile(r"silicon_concurrency=(\d{1,7})\b")
_MEASURED = re.compile(r"measured=([0-9TZ:.-]{10,32})")


def _knows(row: SourceRow) -> bool:
    return ("latency" in row and "op_name" in row) or "silicon_tpot_ms" in row


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a row of a kernel table or of the table of deployments.

    Raises:
        Refused: it is neither, or its time makes no sense.
    """
    if "silicon_tpot_ms" in row:
        return _deployment(row)
    if "latency" in row:
        return _kernel(row)
    raise Refused("neither a kernel time nor a measured deployment")


def _kernel(row: SourceRow) -> ReportedResult:
    operator = text(row, "op_name") or "kernel"
    if operator in _DIFFERENCES or "_minus_" in (text(row, "kernel_source") or ""):
        raise Refused("the difference of two kernels' times, not a time")
    time_ms = positive(row, "latency")
    shape = known(row, *(name for name in row if name not in _PARTICULARS))
    case = f"{operator}/{'/'.join(f'{name}={value}' for name, value in shape.items())}"[:256]
    measurements = [figure("kernels", case, "time", time_ms)]
    if operator == "gemm":
        # A product of M×K by K×N takes 2·M·N·K operations.
        operations = 2 * math.prod(positive(row, name) for name in ("m", "n", "k"))
        measurements.append(
            figure("kernels", case, "compute_rate", operations / time_ms * 1e3 / 1e12)
        )
    watts = number(row, "power")
    if watts:
        measurements.append(figure("kernels", case, "power", watts, labels={"scope": "chip"}))
    return ReportedResult(
        id=case[:200],
        chip=chip(text(row, "device"), count(row, "num_gpus") or 1),
        engine=" ".join(filter(None, (text(row, "framework"), text(row, "version")))) or None,
        labels=shape,
        measurements=measurements,
    )


def _deployment(row: SourceRow) -> ReportedResult:
    mode = text(row, "mode") or "agg"
    source = text(row, "silicon_data_source") or ""
    # Sizes are of one worker; in a disaggregated one they stand by pool.
    labels = known(row, *_KEPT) | conditions(row, _CONDITIONS)
    if served := _CONCURRENCY.search(source):
        labels["concurrency"] = int(served[1])
    if mode == "disagg":
        pools = {pool: _chips(row, f"{pool}_") for pool in ("prefill", "decode")}
        labels |= {"disaggregated": True}
        for pool, own in pools.items():
            labels[f"{pool}_pool"] = _made_of(row, pool)
            labels |= {f"{pool}_chips": own} if own else {}
        counts = list(pools.values())
    else:
        counts = [_of_one_node(row, _chips(row, ""))]
        labels |= {"disaggregated": False}
    chips = sum(filter(None, counts)) if all(counts) else None
    measured_at = _MEASURED.search(source)
    return made(
        row,
        tool="aiconfigurator",
        table=_SERVED,
        labels=_told_apart(row, labels),
        model=text(row, "model_path"),
        precision=text(row, "precision"),
        engine=" ".join(filter(None, (text(row, "backend"), text(row, "backend_version")))) or None,
        date=measured_at[1] if measured_at else None,
        ran_on=chip(text(row, "system"), chips),
    )


def _told_apart(row: SourceRow, labels: dict[str, Label]) -> dict[str, Label]:
    name = text(row, "id")
    return labels | ({"row": name} if name else {})


def _chips(row: SourceRow, pool: str) -> int | None:
    """Count the chips of a pool: workers × TP × PP × attention DP; experts lie on the same."""
    tensor = count(row, f"{pool}tp_size")
    if tensor is None:
        return None
    sizes = ("num_workers", "pp_size", "attention_dp_size")
    return tensor * math.prod(_size(row, f"{pool}{name}") for name in sizes)


def _of_one_node(row: SourceRow, product: int | None) -> int | None:
    """Correct a product into which experts were multiplied: they lie on the chips of the group.

    The row's own name tells; where it does not, a board holds at most 8, and nobody can say which
    of the factors is the wrong one.
    """
    named = _GROUP.search(f"{text(row, 'id') or ''}_")
    if product and named and int(named[2]) > 1:
        group = int(named[1]) * _size(row, "pp_size")
        if group and product in {group * int(named[2]), group * group}:
            return group
    spread = _size(row, "moe_ep_size") > 1
    on_board = (text(row, "system") or "").endswith("_sxm")
    return None if product and product > _BOARD and spread and on_board else product


def _same_run(row: SourceRow) -> object:
    """Return what two rows of one run share.

    Two equal times of one shape are two measurements. Two deployments under one load whose figures
    are equal to the last digit are one run from two dumps, which date it differently.
    """
    if "silicon_tpot_ms" not in row:
        return id(row)
    source = text(row, "silicon_data_source") or ""
    load = _CONCURRENCY.search(source)
    own = sorted((name, str(row[name])) for name in row if name not in _OF_THE_DUMP)
    return (*own, load[1] if load else "")


_OF_THE_DUMP = {"id", "silicon_data_source"}


def _size(row: SourceRow, name: str) -> int:
    value = number(row, name)
    return 1 if value is None or value == 0 else count(row, name) or 1


def _made_of(row: SourceRow, pool: str) -> str:
    parts = ((name, number(row, f"{pool}_{name}")) for name in _POOL)
    return ", ".join(f"{name} {value:g}" for name, value in parts if value) or "not said"


KIND = SourceKind(
    name="aiconfigurator",
    title="NVIDIA AIConfigurator, measured kernel and serving times",
    licence="Apache-2.0",
    footnote="Kernel times by shape; attained rates are derived from them.",
    formats="kernel tables (Parquet, CSV) and the table of measured deployments (CSV)",
    fields=(*_KERNEL, *_SERVED),
    knows=_knows,
    read=_read,
    same_run=_same_run,
)
