"""Witness cosignatures on checkpoints (C2SP tlog-cosignature, version 1 with Ed25519)."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from results.keys import ed25519
from results.proof import checkpoint
from suites.base import toml_file
from suites.base.errors import CheckError, UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from pathlib import Path

    from securesystemslib.signer import Signer

__all__ = ["Policy", "cosign", "cosigners", "read_policy"]

# C2SP signed-note: signature type identifier of timestamped Ed25519 cosignatures.
_COSIGNATURE = b"\x04"
_KEY_HASH, _TIME = 4, 8  # bytes

_Name = Annotated[str, Field(pattern=r"^[^\s+]{1,128}$")]


class _Witness(StrictModel):
    name: _Name
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Policy(StrictModel):
    """Whose cosignatures count, and how many a checkpoint needs."""

    quorum: Annotated[int, Field(ge=1)]
    witness: Annotated[list[_Witness], Field(min_length=1)]

    @property
    def keys(self) -> dict[str, str]:
        """Raw Ed25519 public keys in hexadecimal, by the witness's name."""
        return {witness.name: witness.public_key for witness in self.witness}

    def check(self, note: bytes, where: str) -> set[str]:
        """Return the names of the witnesses that cosigned a note.

        Raises:
            UserError: it is not a checkpoint.
            CheckError: fewer than the quorum did.
        """
        keys = {name: bytes.fromhex(key) for name, key in self.keys.items()}
        names = cosigners(note, keys, where)
        if len(names) < self.quorum:
            raise CheckError(
                f"is cosigned by {len(names)} of the policy's witnesses",
                where=where,
                expected=f"{self.quorum} of {', '.join(keys)}",
            )
        return names


def read_policy(path: Path) -> Policy:
    """Read a policy file: `quorum = 1` and a `[[witness]]` table for each.

    Raises:
        UserError: it is not a policy, or one that cannot be met.
    """
    expected = "quorum and [[witness]] with name, public_key"
    policy = toml_file.read_model(path, Policy, expected=expected)
    if policy.quorum > len({witness.public_key for witness in policy.witness}):
        raise UserError(
            f"asks for {policy.quorum}", where=f"{path}:quorum", expected="as many witnesses"
        )
    return policy


def cosign(note: bytes, name: str, signer: Signer, time_s: int) -> bytes:
    """Return the signature line of a witness that has checked a note.

    Args:
        time_s: POSIX time of the statement.
    """
    public = checkpoint.ed25519_bytes(signer.public_key.to_dict())
    signature = bytes.fromhex(signer.sign(_message(note, time_s)).signature)
    blob = _key_hash(name, public) + time_s.to_bytes(_TIME, "big") + signature
    return f"— {name} {base64.b64encode(blob).decode()}\n".encode()


def cosigners(note: bytes, keys: dict[str, bytes], where: str) -> set[str]:
    """Return the names whose cosignature on the note holds.

    Args:
        keys: raw Ed25519 public keys by name.

    Raises:
        UserError: it is not a checkpoint.
    """
    _checkpoint, lines = checkpoint.read(note, where)
    return {
        name
        for name, blob in lines
        if name in keys
        and blob[:_KEY_HASH] == _key_hash(name, keys[name])
        and _holds(note, keys[name], blob[_KEY_HASH:])
    }


def _holds(note: bytes, key: bytes, stamped: bytes) -> bool:
    message = _message(note, int.from_bytes(stamped[:_TIME], "big"))
    return ed25519.holds(key, stamped[_TIME:], message)


def _message(note: bytes, time_s: int) -> bytes:
    text = note.rpartition(b"\n\n")[0] + b"\n"
    return b"cosignature/v1\ntime %d\n" % time_s + text


def _key_hash(name: str, public: bytes) -> bytes:
    digest = hashlib.sha256(name.encode() + b"\n" + _COSIGNATURE + public)
    return digest.digest()[:_KEY_HASH]
