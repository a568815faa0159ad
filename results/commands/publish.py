"""`fenmark publish`: the store as an archive of plain files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["publish"]


def publish(
    data: Annotated[Path, typer.Option(help="Folder of `fenmark serve --data`.")],
    out: Annotated[Path, typer.Option(help="Archive to write, such as results/public.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="s3://BUCKET/PREFIX", help="Object storage to bring up to it."),
    ] = None,
    s3_endpoint: Annotated[
        str | None,
        typer.Option(envvar="AWS_ENDPOINT_URL", help="URL of a server that is not Amazon's."),
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(envvar="FENMARK_DATABASE_URL", help="As given to `serve`.")
    ] = None,
) -> None:
    """Write every accepted result, the key files and the log as files; may run beside a server.

    Run twice it changes nothing. It extends the archive that stands there, or refuses: one that
    is newer, of another log or of another history is never overwritten. `fenmark verify` checks
    what it wrote. With --to the archive goes to object storage too, under the same rules;
    credentials are read from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION.

    Examples:
      fenmark publish --data server --out results/public
      fenmark publish --data server --out archive --to s3://board/archive --s3-endpoint http://…
    """
    from results.service import publish as publishing
    from suites.base.terminal import Terminal

    terminal = Terminal()
    size = publishing.publish(data, out, url=database_url)
    terminal.say(f"{size} entries in {out}", whole=True)
    if to:
        from results.proof.ledger import Ledger
        from results.service import object_store
        from results.service.store import removed

        store = object_store.opened(to, s3_endpoint)
        gone = removed(data, database_url)
        done = object_store.mirror(out, Ledger(data / "log"), store, gone, to)
        told = f"{done.written} objects written, {done.deleted} deleted"
        terminal.say(f"{done.entries} entries in {to}: {told}", whole=True)
