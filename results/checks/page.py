"""The laws as a table of the documentation: `python -m results.checks.page` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.checks.laws import LAWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from results.checks.finding import Law

__all__ = ["table"]


def table(translate: Callable[[str], str] = str) -> str:
    """Return the table, in Markdown.

    Args:
        translate: English cell -> the cell in the table's language.
    """
    head = ("rule", "outcome", "what is held", "source", "tolerance")
    rows = [_cells(law, translate) for law in LAWS]
    lines = (map(translate, head), ("---",) * len(head), *rows)
    return "\n".join(map(_line, lines)) + "\n"


def _cells(law: Law, translate: Callable[[str], str]) -> tuple[str, ...]:
    others = (law.outcome, law.formula, law.source, law.tolerance)
    return (_name(law.name, translate(law.name)), *map(translate, others))


def _name(name: str, translated: str) -> str:
    """Keep the name that commands print beside what it means."""
    return name if name == translated else f"{translated} `{name}`"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(table(), end="")
