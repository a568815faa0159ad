"""`fenmark reported`: others' results as they ship with Fenmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["reported"]

reported = typer.Typer(
    help="Others' results that ship with Fenmark. Example: fenmark reported list",
    no_args_is_help=True,
)
_JSON = Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")]


@reported.command("list")
def list_(json_: _JSON = False) -> None:
    """List what ships: by whom, under which licence, and how to cite it.

    Example: fenmark reported list --json
    """
    from results.reported.shipping import shipped_files
    from suites.base.terminal import Terminal, print_json

    shipped = [(file.source, len(file.results)) for file in shipped_files()]
    if json_:
        print_json(
            [{**source.model_dump(mode="json"), "results": count} for source, count in shipped]
        )
        return
    terminal = Terminal()
    for source, count in shipped:
        terminal.say(f"{source.publisher}: {count:,} results, {source.evidence}, {source.licence}")
        terminal.say(f"{source.cite}", indent=2)


@reported.command()
def build(
    source: Annotated[Path, typer.Option("--from", help="Folder with the publishers' files.")],
    out: Annotated[Path, typer.Option(help="Folder whose `data` is written.")] = Path(
        "results/reported"
    ),
    json_: _JSON = False,
) -> None:
    """Build what ships from the files of the publishers on record; equal files give equal bytes.

    Example: fenmark reported build --from data --out results/reported
    """
    from dataclasses import asdict

    from results.reported import shipping
    from suites.base.terminal import Terminal, print_json

    built = shipping.build(source, out)
    if json_:
        print_json([asdict(file) for file in built])
        return
    terminal = Terminal()
    for file in built:
        terminal.say(
            f"{file.file}: {file.imported:,} of {file.rows:,} rows, {file.folded:,} folded, "
            f"{file.refused:,} refused, {file.packed_bytes:,} bytes"
        )
        for rule, results in file.flagged.items():
            terminal.say(f"{results} flagged: {rule}", indent=2)
    size = sum(file.packed_bytes for file in built)
    terminal.say(f"{sum(file.imported for file in built):,} results, {size:,} bytes: {out}/data")
