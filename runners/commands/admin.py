"""`fenmark admin`: signed notices about results, for a log's administrators and for signers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from results.proof.moderation import Action

__all__ = ["admin"]

admin = typer.Typer(
    help="Say in a log what became of a result. Example: fenmark admin withdraw DIGEST --reason …",
    no_args_is_help=True,
)
_Digest = Annotated[str, typer.Argument(metavar="DIGEST", help="Digest of the result.")]
_Reason = Annotated[str, typer.Option(help="Why, in public; at most 1,000 characters.")]
_By = Annotated[Path | None, typer.Option(help="Private key; by default this machine's.")]
_Into = Annotated[
    Path | None,
    typer.Option(help="Data folder of `fenmark serve`, or an archive of one's own."),
]
_To = Annotated[str | None, typer.Option(help="Base URL of the submission API.")]
_Url = Annotated[
    str | None, typer.Option(envvar="FENMARK_DATABASE_URL", help="As given to `serve`.")
]


@admin.command()
def withdraw(
    digest: _Digest, reason: _Reason, by: _By = None, into: _Into = None, to: _To = None
) -> None:
    """Take back a result of one's own: it stays in the log and ranks no more.

    Example: fenmark admin withdraw DIGEST --reason "the fan was broken" --to https://log.example
    """
    _enter(_signed("withdrawn", digest, by, reason=reason), by, into, to)


@admin.command()
def dispute(
    digest: _Digest,
    reason: _Reason,
    evidence: Annotated[str, typer.Option(help="What speaks against it: a text or an address.")],
    by: _By = None,
    into: _Into = None,
    to: _To = None,
) -> None:
    """Dispute a result, or appeal against a removal: it keeps the mark until it is resolved.

    Example: fenmark admin dispute DIGEST --reason "not this chip" --evidence URL --to URL
    """
    _enter(_signed("disputed", digest, by, reason=reason, evidence=evidence), by, into, to)


@admin.command()
def resolve(
    digest: _Digest, reason: _Reason, by: _By = None, into: _Into = None, to: _To = None
) -> None:
    """Close the disputes about a result, as an administrator of the log.

    Example: fenmark admin resolve DIGEST --reason "measured again" --by admin.pem --into server
    """
    _enter(_signed("resolved", digest, by, reason=reason), by, into, to)


@admin.command()
def supersede(
    digest: _Digest,
    newer: Annotated[str, typer.Argument(metavar="NEWER", help="Digest of the newer result.")],
    reason: _Reason,
    by: _By = None,
    into: _Into = None,
    to: _To = None,
) -> None:
    """Put a newer result of the same signer in the place of an older one.

    Example: fenmark admin supersede DIGEST NEWER --reason "newer driver" --to https://log.example
    """
    _enter(_signed("superseded", digest, by, reason=reason, newer=newer), by, into, to)


@admin.command()
def remove(
    digest: _Digest,
    reason: _Reason,
    by: _By = None,
    into: _Into = None,
    to: _To = None,
    database_url: _Url = None,
) -> None:
    """Take a result off the board, as an administrator: digest and reason stay, the rest goes.

    Its envelope and raw samples are deleted when the notice is entered, and from the published
    archive with the next `fenmark publish`. That cannot be undone.

    Example: fenmark admin remove DIGEST --reason "court order 12/26" --by admin.pem --into server
    """
    keyid = _keyid(digest, into, to, database_url)
    _enter(_signed("removed", digest, by, reason=reason, keyid=keyid), by, into, to)


def _signer(by: Path | None) -> Signer:
    from results.keys import keyfile
    from runners.machine.keys import default_path

    return keyfile.load(by or default_path())


def _signed(action: Action, digest: str, by: Path | None, **said: Any) -> bytes:
    from datetime import UTC, datetime

    from results.proof import envelope, moderation

    payload = moderation.draft(action, digest, datetime.now(UTC), **said)
    return envelope.sign(payload, _signer(by))


def _enter(data: bytes, by: Path | None, into: Path | None, to: str | None) -> None:
    from results.archive import archive
    from results.proof import moderation, notice
    from results.proof.ledger import Ledger
    from runners.submit.submit import connect
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal

    if (into is None) == (to is None):
        raise UserError("goes to one log", expected="--into FOLDER or --to URL")
    terminal = Terminal()
    told = moderation.read(data, "the notice")
    if to:
        with connect(to) as log:
            log.notice(data)
        terminal.say(f"{told.action}: {told.result}")
        return
    assert into is not None
    place = notice.lay(into, data)
    signer = _signer(by)
    if Ledger(into / "log").unverified().origin == archive.log_origin(signer):
        try:
            archive.enter_notices(into, signer)
        except UserError:
            if moderation.entry(told.digest) not in Ledger(into / "log").entries():
                place.unlink(missing_ok=True)
            raise
        terminal.say(f"{told.action}: {told.result}")
    else:
        terminal.say(f"{told.action}: to be entered: {place}", whole=True)


def _keyid(digest: str, into: Path | None, to: str | None, url: str | None) -> str:
    """Find out which key signed a result: of a removed one nothing else tells it.

    Raises:
        UserError: the log does not hold the result.
    """
    from results.archive import archive
    from results.service.store import keyid_of
    from runners.submit.submit import connect
    from suites.base.errors import UserError

    if to:
        with connect(to) as log:
            return log.keyid_of(digest)
    keyid = archive.signer_of(into, digest) or keyid_of(into, digest, url) if into else None
    if keyid is None:
        raise UserError("holds no result of this digest", where=str(into or digest))
    return keyid
