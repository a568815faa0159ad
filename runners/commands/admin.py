"""`fenmark admin`: what a log's administrators do over its API, and notices that signers write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from securesystemslib.signer import Signer

    from results.proof.moderation import ResultAction

__all__ = ["admin"]

admin = typer.Typer(
    help="Run a board: what waits, who is registered, quotas, notices about results. Example: "
    "fenmark admin queue --to https://log.example --by admin.pem",
    no_args_is_help=True,
)
_Digest = Annotated[str, typer.Argument(metavar="DIGEST", help="Digest of the result.")]
_Reason = Annotated[str, typer.Option(help="Why, in public; at most 1,000 characters.")]
_By = Annotated[Path | None, typer.Option(help="Private key; by default this machine's.")]
_Into = Annotated[
    Path | None,
    typer.Option(help="Data folder of `fenmark serve`, or an archive of your own."),
]
_To = Annotated[str | None, typer.Option(help="Base URL of the submission API.")]
_Url = Annotated[
    str | None, typer.Option(envvar="FENMARK_DATABASE_URL", help="As given to `serve`.")
]
_Board = Annotated[str, typer.Option("--to", help="Base URL of the submission API.")]
_Registration = Annotated[
    str, typer.Argument(metavar="ID", help="Of the registration, or its first characters.")
]
_Json = Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")]


@admin.command()
def withdraw(
    digest: _Digest, reason: _Reason, by: _By = None, into: _Into = None, to: _To = None
) -> None:
    """Take back a result of your own: it stays in the log and ranks no more.

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


@admin.command()
def queue(to: _Board, by: _By = None, json_: _Json = False) -> None:
    """Show what waits: registrations, disputes, flagged results; quotas and switches.

    Example: fenmark admin queue --to https://log.example --by admin.pem
    """
    from suites.base.terminal import Terminal, print_json

    told = _asked(to, by, "GET", "/v1/admin")
    if json_:
        print_json(told)
        return
    terminal = Terminal()
    for line in _queue_lines(told):
        terminal.say(line, whole=True)


@admin.command()
def register(identity: _Registration, to: _Board, by: _By = None) -> None:
    """Accept a registration: sign it, and have the log enter it.

    Look first whether owner and contact are who they say: the signature is your word for that.

    Example: fenmark admin register 3f2a… --to https://log.example --by admin.pem
    """
    from results.proof import notice
    from runners.submit.submit import connect
    from suites.base.terminal import Terminal

    waiting = _waiting(identity, to, by)
    signed = notice.countersign(waiting["notice"].encode(), _signer(by), "the registration")
    told = notice.read(signed, "the registration")
    with connect(to) as log:
        log.notice(signed)
    assert told.runner
    Terminal().say(f"registered: {told.runner.id}, {told.runner.owner!r}", whole=True)


@admin.command()
def refuse(identity: _Registration, reason: _Reason, to: _Board, by: _By = None) -> None:
    """Refuse a registration; who asked reads the reason, and the contact is deleted.

    Example: fenmark admin refuse 3f2a… --reason "no answer from the contact" --to URL
    """
    waiting = _waiting(identity, to, by)
    body = {"registration": waiting["id"], "reason": reason}
    _say(_asked(to, by, "POST", "/v1/admin/refuse", body))


@admin.command()
def quota(
    owner: Annotated[str, typer.Argument(help="As registered.")],
    to: _Board,
    submissions: Annotated[
        int | None, typer.Option(min=0, help="Results a day; 0: no limit.")
    ] = None,
    mib: Annotated[int | None, typer.Option(min=0, help="MiB a day; 0: no limit.")] = None,
    by: _By = None,
) -> None:
    """Give an owner a quota of their own; with neither option, everybody's again.

    Example: fenmark admin quota "Example Lab" --submissions 50000 --mib 4096 --to URL
    """
    amounts = {"submissions": submissions, "bytes": None if mib is None else mib * 2**20}
    given = {name: amount for name, amount in amounts.items() if amount is not None}
    _say(_asked(to, by, "POST", "/v1/admin/quota", {"owner": owner, **given}))


@admin.command(name="read-only")
def read_only(
    state: Annotated[Literal["on", "off"], typer.Argument(help="on: nothing new is taken.")],
    to: _Board,
    message: Annotated[str | None, typer.Option(help="What senders are told.")] = None,
    retry_after: Annotated[
        int | None, typer.Option(min=1, help="Seconds after which they may ask again.")
    ] = None,
    by: _By = None,
) -> None:
    """Take nothing new for a while: writes get 503 with Retry-After, reading goes on.

    Example: fenmark admin read-only on --message "moving until 14:00 UTC" --to URL --by admin.pem
    """
    changes = {"message": message, "retry_after_s": retry_after}
    given = {name: value for name, value in changes.items() if value is not None}
    body = {"read_only": state == "on", **given}
    _say(_asked(to, by, "POST", "/v1/admin/switches", body))


@admin.command()
def message(
    text: Annotated[str, typer.Argument(help="One line, in public; empty: none.")],
    to: _Board,
    by: _By = None,
) -> None:
    """Say something to everybody who asks for /healthz, such as a date of maintenance.

    Example: fenmark admin message "read-only on 2026-12-01 from 12:00 UTC" --to URL
    """
    _say(_asked(to, by, "POST", "/v1/admin/switches", {"message": text}))


@admin.command()
def login(to: _Board, by: _By = None) -> None:
    """Print a link to the page for administrators, good once within two minutes.

    Example: fenmark admin login --to https://log.example --by admin.pem
    """
    from suites.base.terminal import print_whole

    link = str(_asked(to, by, "POST", "/v1/admin/login")["link"])
    print_whole(f"{to.rstrip('/')}{link}\n")


@admin.command()
def acts(
    to: _Board,
    by: _By = None,
    cursor: Annotated[int, typer.Option(min=0, help="Behind which number.")] = 0,
    json_: _Json = False,
) -> None:
    """List what administrators did, in order; nothing is ever taken from that list.

    Example: fenmark admin acts --to https://log.example --by admin.pem
    """
    from suites.base.terminal import Terminal, print_json

    told = _asked(to, by, "GET", f"/v1/admin/acts?cursor={cursor}&limit=500")
    if json_:
        print_json(told)
        return
    terminal = Terminal()
    for act in told["acts"]:
        line = f"{act['at']}  {act['time']}  {act['by'][:12]}  {act['action']}  {act['subject']}"
        terminal.say(f"{line}  {act['detail']}", whole=True)


def _asked(
    to: str,
    by: Path | None,
    method: Literal["GET", "POST"],
    target: str,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    from runners.submit.submit import connect

    with connect(to) as board:
        return board.signed(_signer(by), method, target, body)


def _waiting(identity: str, to: str, by: Path | None) -> dict[str, Any]:
    """Find the one registration that waits and begins so.

    Raises:
        UserError: none does, or several.
    """
    from suites.base.errors import UserError

    matching: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"state=pending&limit=100&cursor={cursor.replace(' ', '%20')}"
        page = _asked(to, by, "GET", f"/v1/registrations?{query}")
        matching += [
            registration
            for registration in page["registrations"]
            if registration["id"].startswith(identity)
        ]
        cursor = page["next"]
    if len(matching) != 1:
        raise UserError(
            f"{len(matching)} registrations that wait begin so",
            where=identity[:64],
            expected="the id of one of `fenmark admin queue`",
        )
    return matching[0]


def _queue_lines(told: dict[str, Any]) -> Iterator[str]:
    switches = told["switches"]
    yield "read-only" if switches["read_only"] else "open for submissions"
    if switches["message"]:
        yield f"message: {switches['message']}"
    yield f"{told['registrations_pending']} registrations wait"
    for registration in told["registrations"]:
        who = f"{registration['owner']!r} {registration['contact']!r}"
        yield f"  {registration['id'][:16]}  {registration['received_at']}  {who}"
        for name, number in registration["alike"].items():
            known = name == registration["owner"]
            same = "registered already: ask them" if known else "reads the same"
            yield f"    {name!r} (runners: {number}): {same}"
    yield f"{len(told['disputes'])} disputes wait"
    for dispute in told["disputes"]:
        yield f"  {dispute['result'][:16]}  {dispute['reason']}"
    yield f"{len(told['flagged'])} flagged results of which nothing was said"
    for result in told["flagged"]:
        yield f"  {result['digest'][:16]}  {result['runner']}  {', '.join(result['flags'])}"
    for owner, daily in told["quotas"].items():
        yield f"quota of {owner!r}: {daily['submissions']} results, {daily['bytes']} bytes a day"


def _say(told: dict[str, Any]) -> None:
    from suites.base.terminal import Terminal

    Terminal().say(", ".join(f"{name}: {value}" for name, value in told.items()), whole=True)


def _signer(by: Path | None) -> Signer:
    from results.keys import keyfile
    from runners.machine.keys import default_path

    return keyfile.load(by or default_path())


def _signed(action: ResultAction, digest: str, by: Path | None, **details: Any) -> bytes:
    from datetime import UTC, datetime

    from results.proof import envelope, moderation

    payload = moderation.draft(action, digest, datetime.now(UTC), **details)
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
