"""Strangers' text in Markdown: shown as it is, whatever it says. Pure."""

from __future__ import annotations

from suites.base.printable import printable

__all__ = ["code"]


def code(text: str) -> str:
    """Return text as a code span, good in a heading, a list and a table's cell.

    Nothing in a code span is markup, HTML, a link or somebody's name to notify. What would end the
    span or the cell, or begin a command where a GitHub job prints it, is shown as an escape.
    """
    shown = printable(text).replace("`", r"\x60").replace("|", r"\x7c").replace("##[", r"#\x23[")
    return f"`{shown}`" if shown.strip() else ""
