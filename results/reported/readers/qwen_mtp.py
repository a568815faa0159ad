"""qwen38-mtp: decoding with and without multi-token prediction, card by card and cap by cap."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from results import catalog
from results.reported.parts.building import Refused, SourceRow, conditions, known, number, text
from results.reported.parts.fields import Field
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.reported.parts.reading import Broken
from results.reported.parts.results import made

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.reported.parts.reading import Document, MarkdownTable
    from results.statement.reported import ReportedChip, ReportedResult
    from suites.base.records import Label

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="rate",
        metric="decode_throughput",
        unit="tok/s",
        definition="`Baseline`, `With flag` and `tok/s`: generated tokens ÷ time, one sequence",
    ),
)
_POWERED = (
    Field(
        theirs="Draw",
        metric="power",
        unit="W",
        definition="of the card by its driver, under the cap",
    ),
    Field(
        theirs="J/token",
        metric="energy_per_output_token",
        unit="J/token",
        definition="draw ÷ rate; refused where it is not that",
    ),
)
_CARD = ("Card", "Baseline", "With flag", "n-max")
_CAP = ("Cap", "Draw", "tok/s", "J/token")
_COUNT = re.compile(r"(\d{1,2})\s*[×x]\s*")
_WATTS = re.compile(r"(\d{2,4}) W")
_FILE = re.compile(r"sweeps/([a-z0-9-]+)\.md")
_SCOPE: dict[str, Label] = {"meter": "the card's driver", "scope": "chip"}
_NEAR = 0.02


def _rows(document: Document) -> Sequence[Any]:
    rows = [row for at, table in enumerate(document.tables, 1) for row in _of_table(table, at)]
    return rows or document.rows


def _of_table(table: MarkdownTable, at: int) -> Iterator[Any]:
    names = set(table.columns)
    if not (set(_CARD) <= names or set(_CAP) <= names):
        return
    for cells in table.cells:
        if len(cells) != len(table.columns):
            yield Broken(f"has {len(cells)} cells under {len(table.columns)} names", table.columns)
            continue
        row: SourceRow = {
            name: cell.replace("*", "").strip()
            for name, cell in zip(table.columns, cells, strict=True)
        }
        # Two tables of one heading differ in what no column says.
        row |= {"section": table.headings[-1] if table.headings else "", "table": at}
        if "Cap" in row:
            # Of which card, the file's own heading says.
            yield row | {"rate": row["tok/s"], "Card": _card_of(table.headings)}
        else:
            yield row | {"rate": row["Baseline"], "speculation": "none"}
            yield row | {"rate": row["With flag"], "speculation": "mtp"}


def _card_of(headings: Sequence[str]) -> str:
    """Name the card of a file such as "sweeps/rtx-5090.md"; empty where it is of several."""
    match = _FILE.fullmatch(headings[0]) if headings else None
    entry = catalog.chips().get(match[1]) if match else None
    return entry.name if entry else ""


def _knows(row: SourceRow) -> bool:
    return set(_CARD) <= row.keys() or set(_CAP) <= row.keys()


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of one rate of a row.

    Raises:
        Refused: it is a range or words, or joules are not watts over rate.
    """
    labels: dict[str, Label] = {
        **known(row, "section", "table", "Card", "Contributor"),
        **conditions(row, {"speculation": "speculation"}),
        "batch": 1,
    }
    if labels.get("speculation") == "mtp":
        labels |= conditions(row, {"draft_tokens": "n-max"}) | known(row, "Acceptance")
    table = _FIELDS
    if "Cap" in row:
        row = row | {"Draw": _watts(row, "Draw")}
        labels["power_cap_w"] = _watts(row, "Cap")
        rate, joules = number(row, "rate"), number(row, "J/token")
        if not rate or not joules or not math.isclose(joules, row["Draw"] / rate, rel_tol=_NEAR):
            raise Refused("joules per token are not watts over rate")
    result = made(
        row,
        tool="qwen-mtp",
        table=(*table, *_POWERED) if "Cap" in row else table,
        suite="inference",
        labels=labels,
        model=None,
        ran_on=_chip(text(row, "Card") or ""),
    )
    scoped = [
        figure if figure.unit == "tokens/s" else figure.model_copy(update={"labels": dict(_SCOPE)})
        for figure in result.measurements
    ]
    return result.model_copy(update={"measurements": scoped})


def _watts(row: SourceRow, name: str) -> float:
    match = _WATTS.fullmatch(text(row, name) or "")
    if not match:
        raise Refused(f"{name} is not in watts")
    return float(match[1])


def _chip(card: str) -> ReportedChip:
    match = _COUNT.match(card)
    name = card[match.end() :] if match else card
    alike = " + " not in name
    count = int(match[1]) if match else 1
    if not card:
        return chip(None, None)
    return chip(name, count) if alike else chip(card, None, "none")


KIND = SourceKind(
    name="qwen-mtp",
    title="qwen38-mtp, people's rates with and without multi-token prediction",
    licence="Apache-2.0",
    footnote="One sequence at a time; each row is one person's machine, as they wrote it down.",
    formats="Markdown tables by card (`Baseline`, `With flag`) and by power cap (`Cap`, `Draw`)",
    fields=(*_FIELDS, *_POWERED),
    knows=_knows,
    read=_read,
    rows=_rows,
)
