"""FlagPerf (BAAI): cells of the result tables in its README files, in Chinese.

A cell without a unit has that of its table: compute is in TFLOPS, of integers in TOPS, whatever
stands behind the number of the latter; power is in watts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import Refused, SourceRow, figure, known, text
from results.reported.parts.fields import Field, factor
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.statement.reported import ReportedResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.reported.parts.reading import Document, MarkdownTable
    from suites.base.records import Label

__all__ = ["KIND"]

# Columns add in brackets, ASCII or full width, over how many chips a mean was taken.
_BRACKET = re.compile("[(\uff08]")
_VALUE = re.compile(r"^\s*(?P<number>-?\d[\d,]*(?:\.\d+)?)\s*(?P<unit>[A-Za-z/]*)\s*$")
_COMPUTE = re.compile(r"^(?P<dtype>\w+)算力测试值")
# What a column holds -> metric, unit of a cell without one, scope of an energy figure. "算力测试值"
# is attained compute, "主存储带宽测试值" memory bandwidth, "平均功耗" mean power.
_METRICS: tuple[tuple[str, str, str, str], ...] = (
    (r"^TFLOPS\(kernel clock\)", "compute_rate", "TFLOPS", ""),
    (r"^kerneltime$", "time", "", ""),
    (r"^INT\d+算力测试值", "integer_rate", "TOPS", ""),
    (r"^\w+算力测试值", "compute_rate", "TFLOPS", ""),
    (r"^主存储带宽测试值", "bandwidth", "", ""),
    (r"^单卡平均功耗", "power", "W", "chip"),
    (r"^系统平均功耗", "power", "W", "node"),
)
_FIELDS = (
    Field(
        theirs="<dtype>算力测试值",
        metric="compute_rate",
        unit="TFLOPS",
        definition="attained compute of one chip, mean over the chips that are named",
    ),
    Field(
        theirs="INT8算力测试值",
        metric="integer_rate",
        unit="TOPS",
        definition="likewise of integers, which are not floating-point operations",
    ),
    Field(
        theirs="TFLOPS(kernel clock)",
        metric="compute_rate",
        unit="TFLOPS",
        definition="of one operator by the time of its kernels",
    ),
    Field(
        theirs="kerneltime",
        metric="time",
        unit="as the cell states",
        definition="time of the kernels of one operator",
    ),
    Field(
        theirs="主存储带宽测试值",
        metric="bandwidth",
        unit="as the cell states",
        definition="attained bandwidth of memory",
    ),
    Field(theirs="单卡平均功耗", metric="power", unit="W", definition="mean power of one chip"),
    Field(theirs="系统平均功耗", metric="power", unit="W", definition="mean power of the node"),
    Field(
        theirs="标定值, 最大功耗, 占用, 温度, …",
        metric="",
        unit="",
        definition="not taken over: datasheet values, maxima, shares, temperatures",
    ),
)
_CASE = ("case", "dtype", "impl")
_NOTHING = {"/", "无", "-", "n/a", ""}
# Its Ascend tables without a chip's name are of the Atlas 800T A2, which holds the 910B.
_CHIPS = {("ascend", ""): "ascend-910b"}
_VENDOR = re.compile(r"^\s*[*-]\s*厂商\s*[\uff1a:]\s*(.+?)\s*$", re.MULTILINE)
_PRODUCT = re.compile(r"^\s*[*-]\s*产品名称\s*[\uff1a:]\s*(.+?)\s*$", re.MULTILINE)
_FIRST = {"评测项", "监控项"}


def _rows(document: Document) -> Sequence[Any]:
    if not document.tables:
        return document.rows
    vendor, product = _VENDOR.search(document.text), _PRODUCT.search(document.text)
    about = {
        "vendor": vendor[1].lower() if vendor else None,
        "product": product[1] if product else None,
        "file": document.name,
    }
    return [about | row for table in document.tables for row in _cells(table)]


def _cells(table: MarkdownTable) -> Iterator[SourceRow]:
    """Yield each cell of a table as a row, named as in BAAI's own collection of them."""
    if not table.columns or table.columns[0] not in _FIRST:
        return
    title = table.headings[-1] if table.headings else ""
    columns = [_COMPUTE.match(name) for name in table.columns]
    dtype = next((match["dtype"] for match in columns if match), None)
    for cells in table.cells:
        for name, cell in zip(table.columns[1:], cells[1:], strict=False):
            row: SourceRow = {"table": title, "impl": cells[0], "metric": name, "value": cell}
            yield row | ({"case": f"computation-{dtype}"} if dtype else {})


def _knows(row: SourceRow) -> bool:
    return {"metric", "value", "table", "impl"} <= row.keys()


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a cell.

    Raises:
        Refused: the column is none we know, or the cell no number with a unit.
    """
    column = text(row, "metric") or ""
    known_column = next((entry for entry in _METRICS if re.match(entry[0], column)), None)
    if known_column is None:
        raise Refused(f"column not taken over: {_BRACKET.split(column)[0] or 'no name'}")
    _, metric, unit, scope = known_column
    value = _value(text(row, "value") or "", metric, unit)
    vendor, model = text(row, "vendor") or "", text(row, "chip") or ""
    case = "/".join(filter(None, ("flagperf", *(text(row, name) for name in _CASE))))[:256]
    labels = known(row, "section", "kind", "case", "dtype", "impl", "table", "product", "file")
    if computed := _COMPUTE.match(column):
        labels["dtype"] = computed["dtype"]
    own: dict[str, Label] = {"scope": scope} if scope else {}
    product = text(row, "product") if not model else None
    return ReportedResult(
        id=f"{text(row, 'file')}/{column}"[:256],
        chip=chip(
            " ".join(filter(None, (vendor, model or product))) or None,
            None,
            _CHIPS.get((vendor.lower(), model)),
        ),
        precision=text(labels, "dtype"),
        url=_address(row),
        labels=labels | {"column": column},
        measurements=[figure("kernels", case, metric, value, labels=own)],
    )


def _address(row: SourceRow) -> str | None:
    file = text(row, "file") or ""
    return f"https://github.com/FlagOpen/FlagPerf/blob/main/{file}" if "/" in file else None


def _value(cell: str, metric: str, of_table: str) -> float:
    if cell.lower() in _NOTHING:
        raise Refused("the cell is empty")
    match = _VALUE.match(cell)
    if not match:
        raise Refused("the cell is not a number")
    unit = match["unit"] or of_table
    if not unit:
        raise Refused("neither the cell nor its table has a unit")
    scale = factor(metric, unit)
    if scale is None:
        raise Refused(f"the cell has the unit {unit}")
    value = float(match["number"].replace(",", "")) * scale
    if value < 0:
        raise Refused("the cell is negative")
    return value


KIND = SourceKind(
    name="flagperf",
    title="FlagPerf (BAAI), results in its README tables",
    licence="Apache-2.0",
    footnote="Each cell of a table is one row; measured by the vendor or by BAAI.",
    formats="a `README.md` with its tables, or the cells of several as CSV",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
