"""The one way to a terminal: every string is a stranger's, and what is styled is styled here.

No other module makes a console, reads markup or echoes a line; the linter holds them to it.
"""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.containers import Lines
from rich.padding import Padding
from rich.text import Text

from suites.base.printable import as_json, printable

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Terminal", "complain", "joined", "print_json", "print_whole", "styled"]

# Begins the lines into which a longer one was broken.
_GOES_ON = "↪ "


class _Broken(Text):
    """Text that says where it goes on: no part of it begins a line as one of ours begins."""

    def wrap(self, console: Console, width: int, **settings: Any) -> Lines:
        """Break into lines of `width` columns; figures alone go on without a mark."""
        lines = super().wrap(console, width, **settings)
        if len(lines) == 1 or not any(map(str.isalpha, self.plain)):
            return lines
        if width <= 2 * len(_GOES_ON):
            cut = settings | {"no_wrap": True, "overflow": "ellipsis"}
            return super().wrap(console, width, **cut)
        first, *others = super().wrap(console, width - len(_GOES_ON), **settings)
        return Lines([first, *(Text.assemble(_GOES_ON, line) for line in others)])


def styled(text: str, style: str) -> Text:
    """Return text in a style of Rich's; no markup is read from it."""
    return _Broken(_shown(text), style=style)


def joined(*parts: str | Text) -> Text:
    """Return one text of several, some of them styled."""
    texts = (styled(part, "") if isinstance(part, str) else part for part in parts)
    return _Broken.assemble(*texts, overflow="fold")


def complain(line: str) -> None:
    """Print a line on stderr."""
    Terminal(stderr=True).say(line)


def print_json(value: Any, **options: Any) -> None:
    """Print JSON on stdout: one line, exact for a program, harmless on a terminal.

    Args:
        options: of `json.dumps`.
    """
    sys.stdout.write(f"{as_json(value, **options)}\n")


def print_whole(text: str) -> None:
    """Print a file's text on stdout; its lines stay, and every character in them shows."""
    for line in text.rstrip("\n").split("\n"):
        sys.stdout.write(f"{printable(line, None)}\n")


class Terminal(Console):
    """A console that shows strings as they are, wherever they stand: in a line, a cell, a title.

    It reads no markup and no emoji code, and lets no character through that does not show.
    """

    def __init__(
        self,
        *,
        stderr: bool = False,
        piped: int | None = None,
        file: IO[str] | None = None,
        width: int | None = None,
        record: bool = False,
        force_terminal: bool | None = None,
    ) -> None:
        """Open a console.

        Args:
            piped: columns where stdout is not a terminal and has no width of its own.
            file, width, record, force_terminal: as Rich has them.
        """
        if piped and not sys.stdout.isatty():
            width = piped
        super().__init__(
            stderr=stderr, file=file, width=width, record=record, force_terminal=force_terminal
        )

    def render_str(self, text: str, **settings: Any) -> Text:
        """Make Rich's text of a string: Rich calls this for all it prints."""
        return _Broken(
            _shown(text),
            style=settings.get("style", ""),
            justify=settings.get("justify"),
            overflow=settings.get("overflow"),
        )

    def show(self, table: Table) -> None:
        """Print a table: nothing in it is cut; its headings are ours, and go on without a mark."""
        for column in table.columns:
            column.overflow = "fold"
            column.header = Text(_shown(str(column.header)))
        self.print(table)

    def say(self, *parts: str | Text, indent: int = 0, whole: bool = False) -> None:
        """Print one line: never broken in a pipe, broken with marks on a screen too narrow for it.

        Args:
            indent: columns before it.
            whole: it is ours and to be copied from, such as a path: a screen breaks it unmarked.
        """
        line = joined(*parts)
        if self.file.isatty() and not whole:
            self.print(Padding(line, (0, 0, 0, indent), expand=False))
        else:
            self.print(joined(" " * indent, line), soft_wrap=True)


def _shown(text: str) -> str:
    """In a GitHub job, a line that begins with `::` or holds `##[` is a command to its runner."""
    shown = printable(text)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        shown = shown.replace("::", r":\x3a").replace("##[", r"#\x23[")
    return shown
