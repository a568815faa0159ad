"""The runner's signing key: made on first use, readable by its owner alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner

from results.identity import runner_id
from suites.errors import UserError

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

__all__ = ["RunnerKey", "create", "default_path", "load", "load_or_create"]

_OWNER_ONLY = 0o600


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
    """Load a PKCS#8 PEM private key, Ed25519 or ECDSA P-256.

    Raises:
        UserError: see `load_or_create`.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        mode = path.stat().st_mode & 0o777
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if mode & 0o077:
        raise UserError(
            f"is readable by others (mode {mode:o})",
            where=str(path),
            expected="mode 600",
            remedy=f"chmod 600 {path}",
        )
    try:
        signer = CryptoSigner(load_pem_private_key(data, None))
    except (ValueError, TypeError) as error:
        raise UserError(
            "is no private key", where=str(path), expected="PKCS#8 PEM without a passphrase"
        ) from error
    return _named(signer, path, created=False)


def create(path: Path) -> RunnerKey:
    """Make an Ed25519 key in a new file.

    Raises:
        UserError: a file is there already, or it cannot be written.
    """
    signer = CryptoSigner.generate_ed25519()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Never readable by others, not even for the moment between creation and chmod.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except FileExistsError as error:
        raise UserError(
            "a key lies there already",
            where=str(path),
            remedy="move it away first; results it signed stay valid",
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            remedy="set FENMARK_HOME to a folder you may write",
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(signer.private_bytes)
        file.flush()
        os.fsync(file.fileno())
    return _named(signer, path, created=True)


def _named(signer: CryptoSigner, path: Path, *, created: bool) -> RunnerKey:
    return RunnerKey(signer=signer, path=path, runner=runner_id(signer.public_key), created=created)
