"""`fenmark submit`: send signed results, keep what cannot be sent, verify what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from runners.submit.submit import Accepted

__all__ = ["submit"]


def submit(
    to: Annotated[str, typer.Option(help="Base URL of the submission API.")],
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Archives or *.dsse.json; none: the outbox alone.")
    ] = None,
    attempts: Annotated[int, typer.Option(min=1, help="Tries before it goes to the outbox.")] = 5,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Send results and print receipts, each verified against the log's key and history.

    What was kept in the outbox is sent too. Exits 1 if the log refuses a result, cannot be
    reached, or is found with two histories.

    Example: fenmark submit --to https://log.example.org out/results
    """
    from runners.submit.submit import connect, envelopes_of
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal, complain, print_json

    files = envelopes_of(paths or [])
    accepted: list[Accepted] = []
    refused: list[tuple[Path, UserError]] = []
    with connect(to, attempts=attempts) as log:
        waiting = log.outbox()
        if not files and not waiting:
            raise UserError("nothing to send", expected="an archive, or results in the outbox")
        known = {path.name for path in files}
        for path in [*files, *(path for path in waiting if path.name not in known)]:
            try:
                accepted.append(log.submit(path))
            except UserError as error:
                refused.append((path, error))
    if json_:
        errors = [{"path": str(path), "error": str(reason)} for path, reason in refused]
        receipts = [receipt.to_json() for receipt in accepted]
        print_json({"ok": not refused, "receipts": receipts, "errors": errors})
    else:
        for receipt in accepted:
            receipt.tell(Terminal())
    for path, reason in refused:
        complain(f"fenmark: {path.name}: {reason}")
    raise typer.Exit(1 if refused else 0)
