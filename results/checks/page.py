"""The laws as a table of the documentation: `python -m results.checks.page` prints it."""

from __future__ import annotations

from results.checks.laws import LAWS

__all__ = ["table"]


def table() -> str:
    """Return the table, in Markdown."""
    rows = [(law.name, law.outcome, law.formula, law.source, law.tolerance) for law in LAWS]
    head = ("rule", "outcome", "what is held", "source", "tolerance")
    return "\n".join(map(_line, (head, ("---",) * len(head), *rows))) + "\n"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(table(), end="")
