"""`fenmark show`: a signed result as the table its run ended with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["show"]

# Wide enough for a row of the tables without a break.
_TABLE_COLUMNS = 112


def show(
    path: Annotated[Path, typer.Argument(help="A *.dsse.json, or an archive folder of them.")],
    svg: Annotated[Path | None, typer.Option(help="Draw the table into this file too.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="The statements, on stdout.")] = False,
) -> None:
    """Show verified results: speed, energy and what a million tokens cost.

    Example: fenmark show results/public
    """
    import json
    import sys

    from rich.console import Console

    from results import archive
    from results.checks import judge
    from runners.report import print_findings, print_result
    from suites.errors import UserError

    files = archive.envelopes(path) if path.is_dir() else [path]
    if not files:
        raise UserError("holds no result", where=str(path), expected="*.dsse.json")
    opened = [archive.open_result(file) for file in files]
    if json_:
        print(json.dumps([item.statement.to_json() for item in opened]))
        return
    wide = svg is not None or not sys.stdout.isatty()
    console = Console(record=svg is not None, width=_TABLE_COLUMNS if wide else None)
    for item in opened:
        print_result(item.statement.predicate, console)
        print_findings(judge(item.statement), console)
    if svg:
        console.save_svg(str(svg), title="fenmark")
