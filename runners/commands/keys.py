"""`fenmark keys`: the key that signs this machine's results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from runners.keys import RunnerKey

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
    from runners.keys import create, default_path, keyless_key

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
    from runners.keys import default_path, load

    _print(load(path or default_path()), owner, contact)


@keys.command()
def rotate(
    path: _Path = None,
    owner: Annotated[str, typer.Option(help="Who runs this machine.")] = "",
    contact: Annotated[str, typer.Option(help="Where questions about its results go.")] = "",
) -> None:
    """Make a new key that takes over from the one in use, and print its public key file.

    The old key is put aside beside it. What it signed stays valid; once the pull request with
    the new file is merged the log takes nothing more from it.

    Example: fenmark keys rotate > results/catalog/runners/ID.toml
    """
    from runners.keys import default_path
    from runners.keys import rotate as change

    old, new = change(path or default_path())
    typer.echo(f"old private key: {old.path}", err=True)
    _print(new, owner, contact, replaces=old.runner)


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

    from results.identity import revoked_toml
    from suites.child import write_atomically
    from suites.errors import UserError

    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot be read: {error}", where=str(file)) from error
    write_atomically(file, revoked_toml(text, str(file), reason, datetime.now(UTC)).encode())
    typer.echo(f"revoked: {file}", err=True)


def _print(key: RunnerKey, owner: str, contact: str, replaces: str = "") -> None:
    typer.echo(f"private key: {key.path}", err=True)
    _print_public(key.signer.public_key, owner, contact, replaces)


def _print_public(key: Key, owner: str, contact: str, replaces: str = "") -> None:
    from results.identity import runner_id, runner_toml

    text = runner_toml(key, owner=owner, contact=contact, replaces=replaces)
    typer.echo(f"public key file: results/catalog/runners/{runner_id(key)}.toml", err=True)
    typer.echo(text, nl=False)
