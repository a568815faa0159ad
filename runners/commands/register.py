"""`fenmark register`: ask a board to register this machine's key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["register"]


def register(
    to: Annotated[str, typer.Option(help="Base URL of the submission API.")],
    owner: Annotated[
        str,
        typer.Option(
            envvar="FENMARK_OWNER",
            help="Who runs this machine; shown beside its results. Without it: what became of the "
            "registration that was sent last.",
        ),
    ] = "",
    contact: Annotated[
        str, typer.Option(help="Where questions go: told to the board's administrators alone.")
    ] = "",
    hardware: Annotated[str, typer.Option(help='What it is, in public, such as "8 × H200".')] = "",
    recovery: Annotated[
        Path | None,
        typer.Option(
            help="Key that may revoke this one, and hand over from it when it is lost; made if it "
            "is not there. Keep it elsewhere."
        ),
    ] = None,
    replaces: Annotated[
        Path | None,
        typer.Option(help="Private key that hands over: the old one, or its recovery key."),
    ] = None,
    recovers: Annotated[
        str, typer.Option(metavar="RUNNER", help="With a recovery key in --replaces: of whom.")
    ] = "",
    path: Annotated[
        Path | None, typer.Option("--path", help="Key file; default: in the configuration folder.")
    ] = None,
    valid_until: Annotated[
        str, typer.Option(help="When the key ends, such as 2027-11-01T00:00:00Z; empty: open.")
    ] = "",
    id_token: Annotated[
        Path | None,
        typer.Option(
            help="File of an OpenID identity token that names this key: where the board lists its "
            "issuer and organization, no administrator has to decide."
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Ask for a registration, signed with the key itself; an administrator decides.

    The key is made if there is none. Owner, hardware and key are public once it is accepted; the
    contact never is. Asked again, it says what became of it. Exits 1 if it was refused. The owner
    may stand in FENMARK_OWNER.

    Examples:
      fenmark register --to https://log.example --owner "Example Lab" --contact bench@example.org
      fenmark register --to URL --owner "Example Lab" --recovery /media/stick/recovery.pem
      fenmark register --to URL --owner "Example Lab" --replaces old.pem
      fenmark register --to URL --owner "Example Lab" --replaces recovery.pem --recovers RUNNER
      fenmark register --to URL --owner "Example Lab" --id-token token.jwt
    """
    from runners.submit.register import ask
    from suites.base.terminal import Terminal, print_json

    told = ask(
        to,
        path,
        owner=owner,
        contact=contact,
        hardware=hardware,
        recovery=recovery,
        replaces=replaces,
        recovers=recovers,
        valid_until=valid_until,
        id_token=id_token,
    )
    if json_:
        print_json(told)
    else:
        _tell(told, Terminal())
    raise typer.Exit(1 if told["state"] == "refused" else 0)


def _tell(told: dict[str, Any], terminal: Any) -> None:
    reason = f": {told['reason']}" if told.get("reason") else ""
    terminal.say(
        f"{told['state']}  {told['runner']}  registration {told['id']}{reason}", whole=True
    )
    if told["state"] == "pending":
        terminal.say("the same command, sent again, says what became of it", indent=2)
