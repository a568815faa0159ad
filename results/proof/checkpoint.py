"""Signed checkpoints: C2SP tlog-checkpoint in a C2SP signed note, with Ed25519."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.keys import ed25519
from suites.base.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from securesystemslib.signer import Signer

__all__ = ["Checkpoint", "check_origin", "ed25519_bytes", "read", "verify", "write"]

# C2SP signed-note: signature type identifier of Ed25519.
_ED25519 = b"\x01"
_HASH_BYTES = 32
# C2SP signed-note: a key's name, which a log's is too, has neither spaces nor a plus.
_NAME = re.compile(r"[^\s+]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log commits to.

    Attributes:
        origin: the log's name.
        size: number of entries.
        root: Merkle root over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return the note's text, with its final newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


def check_origin(origin: str, where: str) -> None:
    """Make sure that a log's name can stand on a line of its own and before a signature.

    Raises:
        UserError: it cannot.
    """
    if not _NAME.fullmatch(origin):
        raise UserError(
            f"names its log {origin[:80]!r}",
            where=where,
            expected="a name without spaces or +, as C2SP signed notes ask for",
        )


def write(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Sign a checkpoint; the signature's name is the origin.

    Raises:
        UserError: the origin is not a name, or the key is not an Ed25519 key.
    """
    check_origin(checkpoint.origin, "origin")
    public = ed25519_bytes(signer.public_key.to_dict())
    signature = bytes.fromhex(signer.sign(checkpoint.text()).signature)
    blob = base64.b64encode(_key_hash(checkpoint.origin, public) + signature).decode()
    return checkpoint.text() + f"\n— {checkpoint.origin} {blob}\n".encode()


def read(note: bytes, where: str) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """Parse a note into its checkpoint and its (name, key hash + signature) lines.

    Raises:
        UserError: it is not a checkpoint.
    """
    try:
        text, _, signatures = note.decode().rpartition("\n\n")
        origin, size, root_text, *_extensions = text.split("\n")
        check_origin(origin, where)
        checkpoint = Checkpoint(
            origin=origin, size=int(size), root=base64.b64decode(root_text, validate=True)
        )
        lines = [_signature_line(line) for line in signatures.splitlines()]
    except (ValueError, binascii.Error) as error:
        raise UserError(
            f"is not a checkpoint: {error}", where=where, expected="a signed note (C2SP)"
        ) from error
    if len(checkpoint.root) != _HASH_BYTES or str(checkpoint.size) != size or not lines:
        raise UserError(
            "is not a checkpoint", where=where, expected="origin, size, root, signatures"
        )
    return checkpoint, lines


def verify(note: bytes, keys: Iterable[bytes], where: str) -> Checkpoint:
    """Return the checkpoint if one of the raw Ed25519 public keys signed it.

    Raises:
        UserError: it is not a checkpoint.
        CheckError: no key verifies it.
    """
    checkpoint, lines = read(note, where)
    text = note.rpartition(b"\n\n")[0] + b"\n"
    for key in keys:
        expected_hash = _key_hash(checkpoint.origin, key)
        for name, blob in lines:
            named = name == checkpoint.origin and blob[:4] == expected_hash
            if named and ed25519.holds(key, blob[4:], text):
                return checkpoint
    raise CheckError(
        "no signature verifies the checkpoint",
        where=where,
        expected="a signature by a key in runners/ or in the catalogue",
    )


def ed25519_bytes(key: dict[str, object]) -> bytes:
    """Return the 32 raw bytes of a securesystemslib Ed25519 key.

    Raises:
        UserError: the key is of another type.
    """
    match key:
        case {"keytype": "ed25519", "keyval": {"public": str(public)}}:
            return bytes.fromhex(public)
        case _:
            raise UserError("cannot sign a checkpoint", where="key", expected="an Ed25519 key")


def _key_hash(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _signature_line(line: str) -> tuple[str, bytes]:
    dash, name, blob = line.split(" ")
    if dash != "—":
        raise ValueError("a signature line begins with an em dash")
    return name, base64.b64decode(blob, validate=True)
