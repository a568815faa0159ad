"""The runner's signing key: made on first use, readable by its owner alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from results.keys import keyfile
from results.keys.identity import read_key_file, read_runner, runner_id, runner_toml
from results.keys.keyless import GITHUB, Caller, KeylessKey, KeylessSigner
from results.proof import envelope, notice
from suites.base import files, user_folders
from suites.base.errors import UserError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, Signer

__all__ = [
    "RunnerKey",
    "create",
    "default_path",
    "in_use",
    "keyless_key",
    "load",
    "load_or_create",
    "registration",
    "rotate",
]


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
    workflow this runs in, and the key signs the local log alone. Where `$FENMARK_LOG_KEY` names a
    file, the key in it signs the local log, and is made if it is not there: jobs that share a
    key would each begin a log of the same name.

    Raises:
        UserError: the file is not a key, or others may read it, or it cannot be written; or what
            the variable names is not a keyless runner's, or the extra is not installed.
    """
    place = path or default_path()
    key = load(place) if place.exists() else create(place)
    own = os.environ.get("FENMARK_LOG_KEY")
    if own:
        log_key = Path(own)
        signer = keyfile.load(log_key) if log_key.exists() else keyfile.create(log_key)
        key = replace(key, log_signer=signer)
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


def keyless_key(identity: str, build_config: str, trusted_root: Path | None) -> KeylessKey:
    """Return the key of a GitHub workflow, under the root of trust in a file.

    Args:
        build_config: the workflow that is started, whose repository and ref the jobs must be of;
            empty: the one that signs.

    Raises:
        UserError: one of them is missing or is none, or the extra is not installed.
    """
    _caller("--keyless", identity)
    caller = _caller("--build-config", build_config or identity)
    if trusted_root is None:
        raise UserError("is missing", where="--trusted-root", expected="a trusted_root.json")
    text = files.read_text(trusted_root, expected="a trusted_root.json")
    key = KeylessKey(identity=identity, issuer=GITHUB, trusted_root=text, caller=caller)
    key.require()
    return key


def _caller(option: str, workflow: str) -> Caller:
    try:
        return Caller.of(workflow)
    except ValueError as error:
        raise UserError(
            str(error),
            where=option,
            expected="https://github.com/OWNER/REPOSITORY/.github/workflows/FILE@REF",
        ) from error


def rotate(path: Path) -> tuple[RunnerKey, RunnerKey]:
    """Put the key of a file aside, make a new one in its place; return old and new.

    Raises:
        UserError: the file is not a key, or one of that name was put aside before.
    """
    old = load(path)
    aside = path.with_name(f"{old.runner}.pem")
    if aside.exists():
        raise UserError("lies there already", where=str(aside), remedy="move it away first")
    path.rename(aside)
    return replace(old, path=aside), create(path)


def registration(
    path: Path,
    owner: str,
    contact: str,
    *,
    hardware: str = "",
    recovery: str = "",
    valid_until: str = "",
    replaces: Path | None = None,
    recovers: str = "",
) -> bytes:
    """Return a registration of a key, signed by it and by the key it is to replace.

    Args:
        path: of its private key.
        recovery: public part of the key that may revoke and replace it.
        replaces: private key that hands over: the old one, or the old one's recovery key.
        recovers: id of the runner that a recovery key speaks for; empty: `replaces` is its own.

    Where `$FENMARK_KEYLESS` names a workflow's key file, it is the workflow's.

    Raises:
        UserError: a file is not a key, or there is no owner; or see `load_or_create`.
    """
    if not owner.strip():
        raise UserError("is empty", where="--owner", expected="who runs this machine")
    key = in_use(path)
    old = load(replaces) if replaces else None
    public = key.signer.public_key
    text = runner_toml(
        public,
        owner=owner,
        contact=contact,
        hardware=hardware,
        recovery=recovery,
        valid_until=valid_until,
        replaces=recovers or (old.runner if old else ""),
    )
    runner = read_runner(text, "the registration")
    payload = notice.draft("registered", runner, datetime.now(UTC), key_file=text)
    signed = envelope.sign(payload, key.signer)
    return notice.countersign(signed, old.signer, str(replaces)) if old else signed


def in_use(path: Path) -> RunnerKey:
    """Load the key of a file, or what `$FENMARK_KEYLESS` puts in its place for results.

    Raises:
        UserError: see `load_or_create`.
    """
    key, workflow = load(path), os.environ.get("FENMARK_KEYLESS")
    return _as_workflow(key, Path(workflow)) if workflow else key


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
