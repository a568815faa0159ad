"""`fenmark show`: a signed result as the table its run ended with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from results.statement import Predicate

__all__ = ["show"]

# Wide enough for a row of the tables without a break.
_TABLE_COLUMNS = 112


def show(
    path: Annotated[Path, typer.Argument(help="A *.dsse.json, or an archive folder of them.")],
    svg: Annotated[Path | None, typer.Option(help="Draw the table into this file too.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="The statements, on stdout.")] = False,
) -> None:
    """Show verified results: speed, energy and what a million tokens cost.

    Exits 1 if one does not verify, or a key file is broken; the others are shown all the same.

    Example: fenmark show results/public
    """
    import json

    from results import archive
    from suites.errors import CheckError, UserError

    broken: list[UserError] = []
    if path.is_dir():
        files = archive.envelopes(path)
        opened = list(archive.open_each(files, broken.append))
        broken += archive.broken_keys(path)
    else:
        files = [path]
        opened = [archive.open_result(path)]
    if not files:
        raise UserError("holds no result", where=str(path), expected="*.dsse.json")
    if json_:
        print(json.dumps([item.statement.to_json() for item in opened]))
    else:
        _print([item.predicate for item in opened], svg)
    for error in broken:
        typer.echo(f"fenmark: {error}", err=True)
    if broken:
        raise CheckError(f"left out broken files: {len(broken)}", where=str(path))


def _print(results: list[Predicate], svg: Path | None) -> None:
    import sys

    from rich.console import Console

    from runners.report import print_result

    wide = svg is not None or not sys.stdout.isatty()
    console = Console(record=svg is not None, width=_TABLE_COLUMNS if wide else None)
    for result in results:
        print_result(result, console)
    if svg:
        console.save_svg(str(svg), title="fenmark")
