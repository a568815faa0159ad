"""The runner's signing key: made on first use, readable by its owner alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from results import keyfile
from results.identity import runner_id
from suites.errors import UserError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, Signer

__all__ = ["RunnerKey", "create", "default_path", "load", "load_or_create", "rotate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerKey:
    """A signing key and where it lies.

    Attributes:
        runner: id of its public key file.
        created: it was made just now.
    """

    signer: Signer
    path: Path
    runner: str
    created: bool


def default_path() -> Path:
    """Where the key lies: `$FENMARK_HOME/key.pem`, else the user's configuration folder."""
    home = os.environ.get("FENMARK_HOME")
    base = Path(home) if home else Path.home() / ".config" / "fenmark"
    return base / "key.pem"


def load_or_create(path: Path | None = None) -> RunnerKey:
    """Load the key, or make one.

    Raises:
        UserError: the file is no key, or others may read it, or it cannot be written.
    """
    place = path or default_path()
    return load(place) if place.exists() else create(place)


def load(path: Path) -> RunnerKey:
    """Load the key of a file.

    Raises:
        UserError: see `load_or_create`.
    """
    return _named(keyfile.load(path), path, created=False)


def create(path: Path) -> RunnerKey:
    """Make an Ed25519 key in a new file.

    Raises:
        UserError: a file is there already, or it cannot be written.
    """
    return _named(keyfile.create(path), path, created=True)


def rotate(path: Path) -> tuple[RunnerKey, RunnerKey]:
    """Put the key of a file aside, make a new one in its place; return old and new.

    Raises:
        UserError: the file is no key, or one of that name was put aside before.
    """
    old = load(path)
    aside = path.with_name(f"{old.runner}.pem")
    if aside.exists():
        raise UserError("lies there already", where=str(aside), remedy="move it away first")
    path.rename(aside)
    return replace(old, path=aside), create(path)


def _named(signer: CryptoSigner, path: Path, *, created: bool) -> RunnerKey:
    return RunnerKey(signer=signer, path=path, runner=runner_id(signer.public_key), created=created)
