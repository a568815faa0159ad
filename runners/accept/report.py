"""A test as people read it: a table for the terminal, one page of HTML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from rich.table import Table

from runners.accept.judging import grade
from runners.measure.provenance import tool_version
from suites.base.printable import printable
from suites.base.terminal import styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runners.accept.figures import FigureValue, Graded

__all__ = ["page", "table"]

_WHOLE = 1000  # numbers from here on are shown without a fraction


def table(graded: Sequence[Graded]) -> Table:
    """Return what was found, a line for each figure and one for each cause."""
    shown = Table(box=None, pad_edge=False)
    for column in ("figure", "value", "expected", "verdict"):
        shown.add_column(column, overflow="fold")
    for row in graded:
        style = "green" if row.verdict == "as expected" else "dim" if row.passed else "red"
        expected = f"{_number(row.expected)} ({row.basis})" if row.expected is not None else ""
        shown.add_row(row.figure, _number(row.value), expected, styled(row.verdict, style))
        if row.cause:
            shown.add_row("", "", "", styled(row.cause, "dim"))
    return shown


def page(graded: Sequence[Graded], absent: Sequence[str], *, machine: str, when: str) -> str:
    """Return one page that needs no other file; every string in it is escaped.

    Args:
        absent: what could not be measured, a line each.
        when: the time of the test.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=_shown)
    environment.filters["number"] = _number
    text = (Path(__file__).parent / "page.html").read_text()
    return environment.from_string(text).render(
        rows=graded,
        absent=absent,
        grade=grade(graded),
        machine=machine,
        when=when,
        version=tool_version(),
    )


def _number(value: FigureValue | None) -> str:
    if value is None:
        return ""
    return (
        value
        if isinstance(value, str)
        else f"{value:,.0f}"
        if abs(value) >= _WHOLE
        else f"{value:.4g}"
    )


def _shown(value: object) -> object:
    return printable(value) if isinstance(value, str) else value
