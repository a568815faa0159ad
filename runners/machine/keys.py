"""The runner's signing key: made on first use, readable by its owner alone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from results.keys import keyfile
from results.keys.identity import read_key_file, read_runner, runner_id
from results.keys.keyless import GITHUB, KeylessKey, KeylessSigner
from suites.base import files, user_folders
from suites.base.errors import UserError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, Signer

__all__ = ["RunnerKey", "create", "default_path", "keyless_key", "load", "load_or_create", "rotate"]

_WORKFLOW = r"https://github\.com/[^/]+/[^/]+/\.github/workflows/[^/@]+@refs/.+"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerKey:
    """A signing key and where it lies.

    Attributes:
        signer: of results.
        log_signer: of the local log; another one where a workflow's identity signs results.
        path: of the private key, which the log's signer always has.
        runner: id of the public key file of who signs results.
        created: it was made just now.
    """

    signer: Signer
    log_signer: Signer
    path: Path
    runner: str
    created: bool


def default_path() -> Path:
    """Where the key lies: `$FENMARK_HOME/key.pem`, else the user's configuration folder."""
    return user_folders.home() / "key.pem"


def load_or_create(path: Path | None = None) -> RunnerKey:
    """Load the key, or make one.

    Where `$FENMARK_KEYLESS` names the key file of a keyless runner, results are signed as the
    workflow this runs in, and the key signs the local log alone.

    Raises:
        UserError: the file is no key, or others may read it, or it cannot be written; or what
            the variable names is no keyless runner's, or the extra is not installed.
    """
    place = path or default_path()
    key = load(place) if place.exists() else create(place)
    workflow = os.environ.get("FENMARK_KEYLESS")
    return _as_workflow(key, Path(workflow)) if workflow else key


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


def keyless_key(identity: str, trusted_root: Path | None) -> KeylessKey:
    """Return the key of a GitHub workflow, under the root of trust in a file.

    Raises:
        UserError: one of them is missing or is none, or the extra is not installed.
    """
    if not re.fullmatch(_WORKFLOW, identity):
        raise UserError(
            f"{identity!r} is no workflow",
            where="--keyless",
            expected="https://github.com/OWNER/REPOSITORY/.github/workflows/FILE@REF",
        )
    if trusted_root is None:
        raise UserError("is missing", where="--trusted-root", expected="a trusted_root.json")
    text = files.read_text(trusted_root, expected="a trusted_root.json")
    key = KeylessKey(identity=identity, issuer=GITHUB, trusted_root=text)
    key.require()
    return key


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
    return RunnerKey(
        signer=signer,
        log_signer=signer,
        path=path,
        runner=runner_id(signer.public_key),
        created=created,
    )


def _as_workflow(key: RunnerKey, path: Path) -> RunnerKey:
    where = f"FENMARK_KEYLESS={path}"
    runner = read_runner(read_key_file(path), where)
    if not isinstance(runner.key, KeylessKey):
        raise UserError(
            "is the file of a key", where=where, expected="one of `fenmark keys new --keyless`"
        )
    runner.key.require()
    return replace(key, signer=KeylessSigner(runner.key), runner=runner.id)
