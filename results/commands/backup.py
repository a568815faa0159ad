"""`fenmark backup` and `fenmark restore`: a store as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from results.service.backup import Manifest

__all__ = ["backup", "restore"]

_Url = Annotated[
    str | None, typer.Option(envvar="FENMARK_DATABASE_URL", help="As given to `serve`.")
]
_Json = Annotated[bool, typer.Option("--json", help="Say it as JSON.")]


def backup(
    data: Annotated[Path, typer.Option(help="Folder of `fenmark serve --data`.")],
    out: Annotated[Path, typer.Option(help="File to write; it must not be there yet.")],
    database_url: _Url = None,
    json_: _Json = False,
) -> None:
    """Write a store into one file; may run beside a server.

    Rows, log, key files, notices and raw samples of one moment; every receipt given before it
    began is honoured by what is restored from it. The log's private key, log.pem, is not in it:
    keep that apart. The file is whole or not there.

    Example: fenmark backup --data server --out backup-$(date +%F).tar.gz
    """
    from results.service import backup as backups

    _say(backups.back_up(data, out, url=database_url), f"in {out}", as_json=json_)


def restore(
    file: Annotated[Path, typer.Argument(help="What `fenmark backup` wrote.")],
    data: Annotated[Path, typer.Option(help="Folder to restore; a server must not have it open.")],
    archive: Annotated[
        Path | None,
        typer.Option(help="What was published from the store; an older backup is refused."),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(envvar="FENMARK_DATABASE_URL", help="Empty database for the rows."),
    ] = None,
    json_: _Json = False,
) -> None:
    """Put a backup back, in one step: a kill leaves the old folder or the new one.

    Everything is checked first: each file, the log's signature and every tile, the rows against
    the log, and that all goes on from what stands in --data and --archive. What would forget or
    fork the log is refused with exit 1. The old folder stays beside the new one, as DATA.before-….
    Where --data has no log.pem, put the log's key there before `fenmark serve`.

    Examples:
      fenmark restore backup-2026-11-28.tar.gz --data server --archive results/public
      fenmark restore backup.tar.gz --data server --database-url postgresql+psycopg://host/fenmark
    """
    from results.service import backup as backups

    manifest = backups.restore(file, data, url=database_url, archive=archive)
    _say(manifest, f"in {data}", as_json=json_)
    if not (data / "log.pem").exists() and not json_:
        from suites.base.terminal import Terminal

        place = data / "log.pem"
        Terminal().say(f"  put the log's private key at {place} before serving", whole=True)


def _say(manifest: Manifest, where: str, *, as_json: bool) -> None:
    from suites.base.terminal import Terminal, print_json

    if as_json:
        print_json(manifest.model_dump(exclude={"files"}))
        return
    Terminal().say(
        f"{manifest.entries} entries of {manifest.origin}, {len(manifest.files)} files, {where}",
        whole=True,
    )
