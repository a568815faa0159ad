"""`fenmark keys`: the key that signs this machine's results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from runners.machine.keys import RunnerKey

__all__ = ["keys"]

keys = typer.Typer(
    help="The key that signs this machine's results. Example: fenmark keys show",
    no_args_is_help=True,
)
_Path = Annotated[
    Path | None, typer.Option("--path", help="Key file; default: in the configuration folder.")
]


@keys.command()
def new(
    path: _Path = None,
    owner: Annotated[str, typer.Option(help="Who runs this machine.")] = "",
    contact: Annotated[str, typer.Option(help="Where questions about its results go.")] = "",
    keyless: Annotated[
        str,
        typer.Option(
            metavar="WORKFLOW",
            help="No key: a GitHub workflow signs, https://github.com/OWNER/REPOSITORY/"
            ".github/workflows/FILE@REF, by its identity with Sigstore.",
        ),
    ] = "",
    build_config: Annotated[
        str,
        typer.Option(
            metavar="WORKFLOW",
            help="With --keyless: the workflow that is started and calls it, if it is another; "
            "only jobs of its repository and ref sign.",
        ),
    ] = "",
    trusted_root: Annotated[
        Path | None, typer.Option(help="With --keyless: Sigstore's trusted_root.json, to pin.")
    ] = None,
) -> None:
    """Make a key, and print the file to put into a pull request.

    Example: fenmark keys new --owner "Example Lab" --contact bench@example.org
    """
    from runners.machine.keys import create, default_path, keyless_key

    if keyless or build_config or trusted_root:
        _print_public(keyless_key(keyless, build_config, trusted_root), owner, contact)
    else:
        _print(create(path or default_path()), owner, contact)


@keys.command()
def show(
    path: _Path = None,
    owner: Annotated[str, typer.Option(help="Who runs this machine.")] = "",
    contact: Annotated[str, typer.Option(help="Where questions about its results go.")] = "",
) -> None:
    """Print the public key file of the key in use.

    Example: fenmark keys show > results/catalog/runners/ID.toml
    """
    from runners.machine.keys import default_path, load

    _print(load(path or default_path()), owner, contact)


@keys.command()
def rotate(
    path: _Path = None,
    owner: Annotated[str, typer.Option(help="Who runs this machine.")] = "",
    contact: Annotated[str, typer.Option(help="Where questions about its results go.")] = "",
) -> None:
    """Make a new key that takes over from the one in use, and print its public key file.

    The old key is put aside beside it, and signs that the new one takes over. What it signed
    stays valid; once the new key is registered the log takes nothing more from the old one.

    Example: fenmark keys rotate > results/catalog/runners/ID.toml
    """
    from runners.machine.keys import default_path
    from runners.machine.keys import rotate as change
    from suites.base.terminal import complain

    old, new = change(path or default_path())
    complain(f"old private key: {old.path}")
    _print(new, owner, contact, old)


@keys.command()
def revoke(
    file: Annotated[Path, typer.Argument(help="Public key file, as in results/catalog/runners.")],
    reason: Annotated[str, typer.Option(help="Why, in public: stolen, lost, retired.")],
) -> None:
    """Write into a public key file that its key must not sign any more.

    Needs no private key: it may be the one that was lost. What counts is when the log says so,
    which it does once the pull request with the file is merged.

    Example: fenmark keys revoke results/catalog/runners/ID.toml --reason stolen
    """
    from datetime import UTC, datetime

    from results.keys.identity import read_key_file, revoked_toml
    from suites.base.files import write_atomically
    from suites.base.terminal import complain

    text = read_key_file(file)
    write_atomically(file, revoked_toml(text, str(file), reason, datetime.now(UTC)).encode())
    complain(f"revoked: {file}")


@keys.command()
def register(
    owner: Annotated[str, typer.Option(help="Who runs this machine; shown beside its results.")],
    contact: Annotated[str, typer.Option(help="Where questions about its results go.")] = "",
    path: _Path = None,
    valid_until: Annotated[
        str, typer.Option(help="When the key ends, such as 2027-11-01T00:00:00Z; empty: open.")
    ] = "",
    replaces: Annotated[
        Path | None, typer.Option(help="Private key that the one in use takes over from.")
    ] = None,
) -> None:
    """Print a registration of the key in use, signed with it, for a log's administrator.

    With --replaces the old key signs it too. Nothing is sent anywhere. Where $FENMARK_KEYLESS names
    a workflow's key file, the workflow registers itself.

    Example: fenmark keys register --owner "Example Lab" > registration.dsse.json
    """
    from runners.machine.keys import default_path, registration
    from suites.base.terminal import print_whole

    made = registration(
        path or default_path(), owner, contact, valid_until=valid_until, replaces=replaces
    )
    print_whole(made.decode())


@keys.command()
def accept(
    file: Annotated[
        Path, typer.Argument(help="A registration, as `fenmark keys register` prints.")
    ],
    by: Annotated[Path, typer.Option(help="Private key of an administrator of the log.")],
    into: Annotated[
        Path, typer.Option(help="Data folder of `fenmark serve`, or an archive of your own.")
    ],
) -> None:
    """Sign a registration as an administrator, and lay it where its log takes it from.

    A server enters it at the next submission, an archive with the next result added to it. Look
    first whether owner and contact are who they say: the signature is your word for that.

    Example: fenmark keys accept registration.dsse.json --by admin.pem --into server
    """
    from results.archive.archive import read
    from results.keys import keyfile
    from results.proof import notice

    signed = notice.countersign(read(file), keyfile.load(by), str(file))
    _lay(signed, into, str(file))


@keys.command(name="notice")
def notice_(
    action: Annotated[Literal["revoked", "reinstated"], typer.Argument(help="What it is now.")],
    file: Annotated[Path, typer.Argument(help="Public key file of the key it is about.")],
    reason: Annotated[str, typer.Option(help="Why, in public: stolen, lost, retired.")],
    by: Annotated[
        Path,
        typer.Option(help="Private key: the key's own, its recovery key, or an administrator's."),
    ],
    into: Annotated[
        Path | None,
        typer.Option(help="Data folder of `fenmark serve`, or an archive of your own."),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Base URL of the submission API.")] = None,
    since: Annotated[
        int | None,
        typer.Option(
            "--from",
            min=0,
            help="Entry of the log from which on it holds; an administrator's may reach back.",
        ),
    ] = None,
) -> None:
    """Say in the log that a key is revoked, or good again after all.

    Its owner may revoke a key from now on, also with its recovery key; an administrator also from
    the entry where it is thought to have been stolen, and reinstate it.

    Examples:
      fenmark keys notice revoked ID.toml --reason stolen --by admin.pem --into server
      fenmark keys notice revoked ID.toml --reason lost --by recovery.pem --to https://log.example
    """
    from datetime import UTC, datetime

    from results.archive.archive import read
    from results.keys import keyfile
    from results.keys.identity import read_runner
    from results.proof import envelope, notice
    from runners.submit.submit import connect
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal

    runner = read_runner(read(file).decode(errors="replace"), str(file))
    payload = notice.draft(action, runner, datetime.now(UTC), reason=reason, since=since)
    signed = envelope.sign(payload, keyfile.load(by))
    if (into is None) == (to is None):
        raise UserError("goes to one log", expected="--into FOLDER or --to URL")
    if into:
        _lay(signed, into, str(file))
        return
    assert to is not None
    with connect(to) as log:
        log.notice(signed)
    Terminal().say(f"{action}: {runner.key.keyid}")


def _lay(data: bytes, into: Path, where: str) -> None:
    from results.proof import notice
    from suites.base.terminal import Terminal

    told = notice.read(data, where)
    place = notice.lay(into, data)
    whose = f", {told.runner.owner!r} {told.runner.contact!r}" if told.runner else ""
    terminal = Terminal()
    terminal.say(f"{told.action}: {told.keyid}{whose}")
    terminal.say(f"to be entered: {place}", whole=True)


def _print(key: RunnerKey, owner: str, contact: str, old: RunnerKey | None = None) -> None:
    from suites.base.terminal import complain

    complain(f"private key: {key.path}")
    _print_public(key.signer.public_key, owner, contact, old)


def _print_public(key: Key, owner: str, contact: str, old: RunnerKey | None = None) -> None:
    from results.keys.identity import endorse, runner_id, runner_toml
    from suites.base.terminal import complain, print_whole

    handed_over = {"replaces": old.runner, "endorsement": endorse(old.signer, key)} if old else {}
    text = runner_toml(key, owner=owner, contact=contact, **handed_over)
    complain(f"public key file: results/catalog/runners/{runner_id(key)}.toml")
    print_whole(text)
