"""`fenmark serve`: the submission API over one folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from securesystemslib.signer import Key

    from results.service.store import Store
    from results.service.vouching import Vouching

__all__ = ["serve"]


def serve(
    data: Annotated[Path, typer.Option(help="Folder of the database, the log and its key.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
    runners: Annotated[
        Path | None,
        typer.Option(help="Folder of key files of those who may submit, besides the catalogue."),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(envvar="FENMARK_DATABASE_URL", help="PostgreSQL instead of SQLite."),
    ] = None,
    witness: Annotated[
        list[str] | None, typer.Option(help="URL of a witness to ask for cosignatures; repeatable.")
    ] = None,
    per_minute: Annotated[
        float,
        typer.Option(help="Requests of an address, submissions of a key; 0: no limit.", min=0),
    ] = 6000,
    mib_per_minute: Annotated[
        float,
        typer.Option(
            help="MiB to and from an address, of submissions of a key; 0: no limit.", min=0
        ),
    ] = 256,
    connections: Annotated[int, typer.Option(help="Open at once, of all.", min=1)] = 8192,
    connections_of_address: Annotated[
        int, typer.Option(help="Open at once, of one address or IPv6 /64.", min=1)
    ] = 2048,
    processes: Annotated[
        int,
        typer.Option(
            help="That read, verify and check, beside the one that orders; 0: it does all itself. "
            "Limits of addresses and keys count in each.",
            min=0,
            max=64,
        ),
    ] = 0,
    public_name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="By which clients reach it, with a port that is not the usual one; repeatable. "
            "Registrations and administrators' requests are signed for it.",
        ),
    ] = None,
    per_owner_day: Annotated[
        int, typer.Option(help="Results of an owner in a day of UTC; 0: no limit.", min=0)
    ] = 10_000,
    mib_per_owner_day: Annotated[
        int, typer.Option(help="MiB of them; 0: no limit.", min=0)
    ] = 16_384,
    accept_organization: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="https://github.com/OWNER whose workflows are registered by their identity; "
            "repeatable.",
        ),
    ] = None,
    trusted_root: Annotated[
        Path | None,
        typer.Option(help="With it: Sigstore's trusted_root.json, which has to vouch for them."),
    ] = None,
    issuers: Annotated[
        Path | None,
        typer.Option(
            help="TOML table of OpenID issuers and organizations whose identity tokens register "
            "runners."
        ),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CIDR",
            help="Network of proxies whose X-Forwarded-For names the client; repeatable.",
        ),
    ] = None,
) -> None:
    """Take signed results, log them, hand out receipts; one line on stdout when it listens.

    The log goes to stderr, a JSON line for each request and each error. SIGTERM finishes what was
    accepted, settles the log on the disk and ends with 0. It does not start where another server
    has the folder or the database, nor where the two are of different backups.

    Who sends or reads slowly is cut off; when an address has all the connections it may, the one
    waited for longest gives way. Without --trusted-proxy no header says whose a request is.

    Examples:
      fenmark serve --port 8000 --data server --runners keys/
      fenmark serve --data server --trusted-proxy 10.0.0.0/8 --public-name board.example.org
      fenmark serve --data server --per-minute 600 --mib-per-minute 64
    """
    from results.keys import keyfile
    from results.keys.identity import REGISTERED
    from results.service.addresses import read_network
    from results.service.api import SenderLimits, create_app
    from results.service.api.problems import SAFETY
    from results.service.api.processes import FrontSettings, serve_behind
    from results.service.challenge import Challenges
    from results.service.connections import bound, listen
    from results.service.desk import Daily
    from results.service.logs import write_line
    from results.service.store import open_store
    from results.service.submission_check import Intake
    from suites.base.errors import UserError

    if runners and not runners.is_dir():
        raise UserError(
            "is not a folder", where=str(runners), expected="runners' key files, *.toml"
        )
    limits = SenderLimits(
        per_minute=per_minute,
        bytes_per_minute=mib_per_minute * 2**20,
        connections=connections,
        connections_of_address=connections_of_address,
        trusted=tuple(map(read_network, trusted_proxy or ())),
    )
    place = data / "log.pem"
    signer = keyfile.load(place) if place.exists() else keyfile.create(place)
    with open_store(data, signer, url=database_url) as store:
        intake = Intake(
            folders=[folder for folder in (REGISTERED, runners) if folder],
            challenges=Challenges.of_key(signer.private_bytes),
            store=store,
        )
        _keep_key_file(data, signer.public_key)
        intake.runners()  # a broken key file is said now, not at the first submission
        app = create_app(
            intake,
            signer.public_key,
            limits=limits,
            write_log=write_line,
            witnesses=witness or [],
            daily=Daily(submissions=per_owner_day, bytes=mib_per_owner_day * 2**20),
            vouching=_vouching(store, accept_organization or [], trusted_root, issuers),
            names=public_name or (),
        )
        behind = FrontSettings(data=data, url=database_url, folders=intake.folders, limits=limits)
        with bound(host, port) as (listener, url):
            if processes:
                serve_behind(app, processes, behind, listener, url)
            else:
                listen(app, listener, url, limits, SAFETY)


def _vouching(
    store: Store, organizations: Sequence[str], trusted_root: Path | None, issuers: Path | None
) -> Vouching | None:
    from results.service.id_tokens import IdTokens
    from results.service.issuers import read_issuers
    from results.service.vouching import Vouching
    from suites.base.errors import UserError
    from suites.base.files import read_text

    if not (organizations or issuers):
        return None
    for organization in organizations:
        if not re.fullmatch(r"https://github\.com/[\w.-]+", organization):
            raise UserError(
                f"{organization!r} is not an organization",
                where="--accept-organization",
                expected="https://github.com/OWNER",
            )
    if organizations and trusted_root is None:
        raise UserError("is missing", where="--trusted-root", expected="a trusted_root.json")
    signer = store.own_administrator
    if signer is None:
        raise UserError(
            "needs the log's own key among its administrators",
            where="--accept-organization" if organizations else "--issuers",
            expected="a log whose catalogue entry names no others, or that key too",
        )
    return Vouching(
        signer=signer,
        organizations=tuple(organizations),
        trusted_root=read_text(trusted_root, expected="a trusted_root.json")
        if trusted_root
        else "",
        tokens=IdTokens(read_issuers(issuers)) if issuers else None,
    )


def _keep_key_file(data: Path, key: Key) -> None:
    from results.keys.identity import runner_id, runner_toml
    from suites.base.files import write_atomically

    (data / "runners").mkdir(exist_ok=True)
    text = runner_toml(key, owner="log").encode()
    write_atomically(data / "runners" / f"{runner_id(key)}.toml", text)
