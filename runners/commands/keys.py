"""`fenmark keys`: the key that signs this machine's results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
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
) -> None:
    """Make a key, and print the file to put into a pull request.

    Example: fenmark keys new --owner "Example Lab" --contact bench@example.org
    """
    from runners.keys import create, default_path

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


def _print(key: RunnerKey, owner: str, contact: str) -> None:
    from results.identity import runner_toml

    typer.echo(f"private key: {key.path}", err=True)
    typer.echo(f"public key file: results/catalog/runners/{key.runner}.toml", err=True)
    typer.echo(runner_toml(key.signer.public_key, owner=owner, contact=contact), nl=False)
