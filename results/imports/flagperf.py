"""FlagPerf: cells of the result tables in its README files, in Chinese, units in the cells."""

from __future__ import annotations

import re

from results.imports.building import Refused, Row, figure, known, text
from results.imports.names import chip
from results.imports.reported import ReportedResult

__all__ = ["read"]

# Columns add in brackets, ASCII or full width, over how many chips a mean was taken.
_BRACKET = re.compile("[(\uff08]")
_VALUE = re.compile(r"^\s*(?P<number>-?\d[\d,]*(?:\.\d+)?)\s*(?P<unit>[A-Za-z/]*)\s*$")
# What a column holds -> (metric, unit -> factor, scope of an energy figure). "算力测试值" is
# attained compute, "主存储带宽测试值" memory bandwidth, "平均功耗" mean power.
_TERA = {"TFLOPS": 1.0, "TOPS": 1.0, "GFLOPS": 1e-3}
_METRICS: tuple[tuple[str, str, dict[str, float], str], ...] = (
    (r"^TFLOPS\(kernel clock\)$", "compute_rate", _TERA, ""),
    (r"^kerneltime$", "time", {"us": 1e-3, "ms": 1.0, "s": 1e3}, ""),
    (r"^\w+算力测试值", "compute_rate", _TERA, ""),
    (r"^主存储带宽测试值", "bandwidth", {"GB/s": 1.0, "TB/s": 1e3}, ""),
    (r"^单卡平均功耗", "power", {"W": 1.0}, "chip"),
    (r"^系统平均功耗", "power", {"W": 1.0}, "node"),
)


_CASE = ("case", "dtype", "impl")


def read(row: Row) -> ReportedResult:
    """Make a result of a cell.

    Raises:
        Refused: the column is none we know, or the cell no number with a unit.
    """
    column = text(row, "metric") or ""
    known_column = next((entry for entry in _METRICS if re.match(entry[0], column)), None)
    if known_column is None:
        raise Refused(f"column not taken over: {_BRACKET.split(column)[0] or 'no name'}")
    _, metric, units, scope = known_column
    value = _value(text(row, "value") or "", units)
    vendor = text(row, "vendor") or "not named"
    case = "/".join(filter(None, ("flagperf", *(text(row, name) for name in _CASE))))[:256]
    labels = known(row, "section", "kind", "dtype", "impl", "table")
    return ReportedResult(
        id=f"{text(row, 'file')}/{column}",
        chip=chip(f"{vendor} {text(row, 'chip') or ''}".strip(), None),
        precision=text(row, "dtype"),
        url=f"https://github.com/FlagOpen/FlagPerf/blob/main/{text(row, 'file')}",
        labels=labels | {"column": column},
        measurements=[
            figure("kernels", case, metric, value, labels={"scope": scope} if scope else {}),
        ],
    )


def _value(cell: str, units: dict[str, float]) -> float:
    found = _VALUE.match(cell)
    if not found:
        raise Refused("the cell is no number")
    if found["unit"] not in units:
        raise Refused(f"the cell has {'the unit ' + found['unit'] if found['unit'] else 'no unit'}")
    value = float(found["number"].replace(",", "")) * units[found["unit"]]
    if value < 0:
        raise Refused("the cell is negative")
    return value
