"""`fenmark reported`: others' results as they ship with Fenmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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


@reported.command()
def fetch(
    sources: Annotated[
        list[str], typer.Argument(help="Folders, files, or http(s) addresses of files.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the reported results.")],
    kind: Annotated[
        str | None, typer.Option(help="Reader, such as aiconfigurator; else each is recognised.")
    ] = None,
    json_: _JSON = False,
) -> None:
    """Fetch and import tables that are too large to ship, such as AIConfigurator's kernel tables.

    A million rows pass file by file; each becomes one packed file of results, which `check`, `cost`
    and `site --reported` read. Exits 1 if a file gives no result, 2 if one cannot be had or read.

    Example: fenmark reported fetch ./aiconfigurator/systems --out kernels --kind aiconfigurator
    """
    from results.commands.imports import say_counts, unread
    from results.reported.fetching import tables
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal, complain, print_json

    told: list[dict[str, Any]] = []
    out.mkdir(parents=True, exist_ok=True)
    files: list[tuple[Path, str]] = []
    for source in sources:
        try:
            files += tables(source, out / "files")
        except UserError as error:
            complain(f"fenmark: {error}")
            told.append(unread(Path(source), error))
    for path, origin in files:
        try:
            told.append(_imported(path, origin, kind, out))
        except UserError as error:
            complain(f"fenmark: {error}")
            told.append(unread(path, error))
    if json_:
        print_json(told)
    else:
        for file in told:
            if file["kind"]:
                say_counts(Terminal(), file, f"in {file['written'] or 'no file'}")
    if not all(file["imported"] for file in told):
        raise typer.Exit(2 if any("error" in file for file in told) else 1)


def _imported(path: Path, origin: str, kind: str | None, out: Path) -> dict[str, Any]:
    from results.commands.imports import counts
    from results.reported import import_file
    from results.reported.shipping import pack, packed_name
    from suites.base.files import write_atomically

    imported = import_file(kind, path)
    about = imported.source.model_copy(update={"origin": origin})
    imported = imported.model_copy(update={"source": about})
    written = out / packed_name(imported) if imported.results else None
    if written:
        write_atomically(written, pack(imported))
    return {**counts(path, imported), "written": written and str(written)}
