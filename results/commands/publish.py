"""`fenmark publish`: the store as an archive of plain files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["publish"]


def publish(
    data: Annotated[Path, typer.Option(help="Folder of `fenmark serve --data`.")],
    out: Annotated[Path, typer.Option(help="Archive to write, such as results/public.")],
    database_url: Annotated[
        str | None, typer.Option(envvar="FENMARK_DATABASE_URL", help="As given to `serve`.")
    ] = None,
) -> None:
    """Write every accepted result, the key files and the log as files; may run beside a server.

    Run twice it changes nothing. It extends the archive that stands there, or refuses: one that
    is newer, of another log or of another history is never overwritten. `fenmark verify` checks
    what it wrote.

    Example: fenmark publish --data server --out results/public
    """
    from results.service import publish as publishing
    from suites.base.terminal import Terminal

    size = publishing.publish(data, out, url=database_url)
    Terminal().say(f"{size} entries in {out}", whole=True)
