"""The one way to a terminal: every string is a stranger's, and what is styled is styled here.

No other module makes a console, reads markup or echoes a line; the linter holds them to it.
"""

from __future__ import annotations

import os
import sys
from typing import IO, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from suites.printable import as_json, printable

__all__ = ["Terminal", "complain", "joined", "print_json", "print_whole", "styled"]


def styled(text: str, style: str) -> Text:
    """Return text in a style of Rich's; no markup is read from it."""
    return Text(_shown(text), style=style)


def joined(*parts: str | Text) -> Text:
    """Return one text of several, some of them styled."""
    return Text.assemble(*(styled(part, "") if isinstance(part, str) else part for part in parts))


def complain(line: str) -> None:
    """Print a line on stderr, never broken."""
    sys.stderr.write(f"{_shown(line)}\n")


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
            piped: columns where stdout is no terminal and has no width of its own.
            file, width, record, force_terminal: as Rich has them.
        """
        if piped and not sys.stdout.isatty():
            width = piped
        super().__init__(
            stderr=stderr, file=file, width=width, record=record, force_terminal=force_terminal
        )

    def render_str(self, text: str, **settings: Any) -> Text:  # type: ignore[override]
        """Make Rich's text of a string: Rich calls this for all it prints."""
        kept = {name: settings.get(name) for name in ("justify", "overflow")}
        return Text(_shown(text), style=settings.get("style", ""), **kept)

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print as Rich does; what is neither text nor a table is a string."""
        told = (one if hasattr(one, "__rich_console__") else str(one) for one in objects)
        super().print(*told, **settings)

    def say(self, *parts: str | Text, indent: int = 0) -> None:
        """Print one line, whole in a pipe; on a terminal what does not fit stays indented.

        A stranger's text must not begin a line of the screen as ours do.
        """
        line = joined(*parts)
        line.overflow = "fold"
        if indent and self.is_terminal:
            self.print(Padding(line, (0, 0, 0, indent)))
        else:
            self.print(joined(" " * indent, line), soft_wrap=True)


def _shown(text: str) -> str:
    """In a GitHub job, a line that begins with `::` or holds `##[` is a command to its runner."""
    shown = printable(text)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        shown = shown.replace("::", r":\x3a").replace("##[", r"#\x23[")
    return shown
