"""AIConfigurator: measured kernel times by shape, and measured TTFT and TPOT of deployments."""

from __future__ import annotations

import math

from results.reported.building import Refused, Row, figure, known, number, positive, text
from results.reported.names import chip
from results.statement.reported import ReportedResult

__all__ = ["read"]

_PARTICULARS = {"framework", "version", "device", "op_name", "latency", "power", "power_w"}
_SERVED = {"silicon_ttft_ms": "ttft", "silicon_tpot_ms": "tpot"}


def read(row: Row) -> ReportedResult:
    """Make a result of a row of a kernel table or of the table of deployments.

    Raises:
        Refused: it is neither, or its time makes no sense.
    """
    if "latency" in row:
        return _kernel(row)
    if "silicon_tpot_ms" in row:
        return _deployment(row)
    raise Refused("neither a kernel time nor a measured deployment")


def _kernel(row: Row) -> ReportedResult:
    time_ms = positive(row, "latency")
    shape = known(row, *(name for name in row if name not in _PARTICULARS))
    operator = text(row, "op_name") or "kernel"
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
    gpus = number(row, "num_gpus")
    return ReportedResult(
        id=case[:200],
        chip=chip(text(row, "device"), round(gpus) if gpus else 1),
        engine=f"{row.get('framework')} {row.get('version')}"[:256],
        labels=shape,
        measurements=measurements,
    )


def _deployment(row: Row) -> ReportedResult:
    load = f"isl{row.get('isl')}/osl{row.get('osl')}"
    case = f"aiconfigurator/{row.get('model_path')}/{row.get('mode')}/{load}"
    found = [(metric, number(row, column)) for column, metric in _SERVED.items()]
    measurements = [figure("serving", case, metric, value) for metric, value in found if value]
    if not measurements:
        raise Refused("no measured time")
    return ReportedResult(
        id=(text(row, "id") or case)[:200],
        chip=chip(text(row, "system"), None),
        model=text(row, "model_path"),
        precision=text(row, "precision"),
        engine=f"{row.get('backend')} {row.get('backend_version')}"[:256],
        labels=known(row, "mode", "isl", "osl", "batch_size", "tp_size"),
        measurements=measurements,
    )
