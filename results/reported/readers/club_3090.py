"""club-3090: benches of one prompt of prose and one of code on people's own machines, in tables.

A cell such as "69.8 / 89.8 (decode 70.6 / 92.0)" holds two prompts, each by the wall clock and
after its first token. What a cell says in words, or of several streams, is not guessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import Refused, SourceRow, known, text
from results.reported.parts.fields import Field
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.reported.parts.results import made

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.reported.parts.reading import Document, MarkdownTable
    from results.statement.reported import ReportedChip, ReportedResult
    from suites.base.records import Label

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="wall",
        metric="output_throughput",
        unit="tok/s",
        definition="output tokens ÷ time of the whole request, one at a time; of a cell that does "
        "not say otherwise too",
    ),
    Field(
        theirs="decode",
        metric="decode_throughput",
        unit="tok/s",
        definition="output tokens ÷ time after the first one, one request at a time",
    ),
)
_COLUMN = "Narr / Code TPS"
_PAIR = re.compile(r"(\d+(?:\.\d+)?) ?/ ?(\d+(?:\.\d+)?)")
_FIRST = re.compile(rf"{_PAIR.pattern}(?: wall)?(?P<rest> ?\(.*\)| single-stream)?\.?")
_DECODE = re.compile(rf"decode,? {_PAIR.pattern}")
_WALL = re.compile(rf"wall {_PAIR.pattern}")
_GPUS = re.compile(r"(\d{1,2})[×x] ?((?:RTX |Tesla )?(?:\d{4}|[VP]\d{2,3})(?: Ti)?)\b")
_WATTS = re.compile(r"\b(\d{2,3}) ?W\b")


def _rows(document: Document) -> Sequence[Any]:
    return [row for table in document.tables for row in _of_table(table)] or document.rows


def _of_table(table: MarkdownTable) -> Iterator[SourceRow]:
    if _COLUMN not in table.columns or "Rig" not in table.columns:
        return
    for cells in table.cells:
        row = dict(zip(table.columns, (_bare(cell) for cell in cells), strict=False))
        about: SourceRow = {"section": table.headings[-1] if table.headings else "", **row}
        for at, prompt in enumerate(("prose", "code")):
            yield {**about, "prompt": prompt, **_rates(row.get(_COLUMN, ""), at)}


def _bare(cell: str) -> str:
    return cell.replace("*", "").strip()


def _rates(cell: str, at: int) -> SourceRow:
    """Find the rates of one of the two prompts; none where the cell says something else too."""
    match = _FIRST.fullmatch(cell)
    if not match:
        return {}
    rest = match["rest"] or ""
    if "aggregate" in rest or "per-stream" in rest:
        return {}
    own = match[at + 1]
    decode, wall = _DECODE.search(rest), _WALL.search(rest)
    if decode:
        return {"wall": own, "decode": decode[at + 1]}
    if "decode" in rest:
        return {"decode": own} | ({"wall": wall[at + 1]} if wall else {})
    return {"wall": own}


def _knows(row: SourceRow) -> bool:
    return _COLUMN in row and "Rig" in row


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of one prompt of a row.

    Raises:
        Refused: its cell holds no two rates and nothing else.
    """
    if "wall" not in row and "decode" not in row:
        raise Refused("the cell is not two rates of one stream")
    labels: dict[str, Label] = {
        **known(
            row,
            "section",
            "prompt",
            "Compose",
            "Config",
            "Rig",
            "KV",
            "Quant",
            "Max ctx",
            "Date",
            "PP tok/s",
            "Notes",
        )
    }
    watts = set(_WATTS.findall(text(row, "Rig") or ""))
    if len(watts) == 1:
        labels["power_cap_w"] = float(watts.pop())
    cache = text(row, "KV")
    return made(
        row,
        tool="club-3090",
        table=_FIELDS,
        labels=labels | {"concurrency": 1} | ({"kv_cache": cache} if cache else {}),
        model=None,
        date=text(row, "Date"),
        ran_on=_chip(text(row, "Rig") or ""),
    )


def _chip(rig: str) -> ReportedChip:
    """Name the GPUs of a rig, where they are all of one kind."""
    cards = _GPUS.findall(rig)
    kinds = {name.removeprefix("RTX ") for _, name in cards}
    if len(kinds) != 1 or re.search(r"mixed|\+ (?:RTX )?\d{4}\b", rig, re.IGNORECASE):
        return chip(rig or None, None, "none")
    name = kinds.pop()
    return chip(name if name[0].isalpha() else f"RTX {name}", int(cards[0][0]))


KIND = SourceKind(
    name="club-3090",
    title="club-3090, benches of people's own machines",
    licence="Apache-2.0",
    footnote="One request at a time; each row is one person's machine, as they wrote it down.",
    formats="Markdown tables with a column `Narr / Code TPS`",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
