"""Private keys as files: PKCS#8 PEM, readable by their owner alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner

from suites.base import files
from suites.base.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["create", "load"]

_OWNER_ONLY = 0o600
_MOST_BYTES = 2**16  # a key takes a few hundred


def load(path: Path) -> CryptoSigner:
    """Load a PKCS#8 PEM private key, Ed25519 or ECDSA P-256.

    Raises:
        UserError: the file is not a key, cannot be read, or others may read it.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        mode = path.stat().st_mode & 0o777
        data = files.read_limited(path, most=_MOST_BYTES)
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
        return CryptoSigner(load_pem_private_key(data, None))
    except (ValueError, TypeError) as error:
        raise UserError(
            "is not a private key", where=str(path), expected="PKCS#8 PEM without a passphrase"
        ) from error


def create(path: Path) -> CryptoSigner:
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
            remedy="name a folder you may write",
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(signer.private_bytes)
        file.flush()
        os.fsync(file.fileno())
    return signer
