"""The laws as a table of the documentation: `python -m results.checks.page` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.checks.laws import LAWS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["table"]


def table(translate: Callable[[str], str] = str) -> str:
    """Return the table, in Markdown.

    Args:
        translate: English cell -> the cell in the table's language.
    """
    rows = [
        (_name(law.name, translate(law.name)), *map(translate, cells))
        for law in LAWS
        for cells in [(law.outcome, law.formula, law.source, law.tolerance)]
    ]
    head = map(translate, ("rule", "outcome", "what is held", "source", "tolerance"))
    return "\n".join(map(_line, (tuple(head), ("---",) * 5, *rows))) + "\n"


def _name(name: str, translated: str) -> str:
    """Keep the name that commands print beside what it means."""
    return name if name == translated else f"{translated} `{name}`"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(table(), end="")
