"""The receipt of a submission: what a log promises, and how to hold it to that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from results.proof import checkpoint as notes
from results.proof import merkle
from results.statement import strict_json
from suites.base.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from results.proof.checkpoint import Checkpoint

__all__ = ["Receipt", "entered_flags", "plain_result", "result_entry"]


# Rules and their names are few and short; a log may be a stranger's.
_MOST_FLAGS, _LONGEST_FLAG = 32, 32
# As `result_entry` writes it.
_PLAIN_RESULT = re.compile(rb'\{"envelope":"([0-9a-f]{64})","type":"result"\}')


def result_entry(digest: str, flags: Sequence[str] = ()) -> bytes:
    """Return the log entry of an envelope, with the rules that its figures did not keep."""
    flagged = {"flags": list(flags)} if flags else {}
    return strict_json.canonical({"envelope": digest, "type": "result", **flagged})


def plain_result(entry: bytes) -> str | None:
    """Return the digest of an entry of a result and nothing more, as nearly all are, unparsed."""
    plain = _PLAIN_RESULT.fullmatch(entry)
    return plain[1].decode() if plain else None


def entered_flags(record: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return the rules that an entry or a receipt names."""
    flags = record.get("flags")
    named = flags[:_MOST_FLAGS] if isinstance(flags, list) else []
    return tuple(str(flag)[:_LONGEST_FLAG] for flag in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where a result stands in a log, with the proof.

    Attributes:
        digest: SHA-256 of the envelope's bytes, hex.
        index: of the entry, from 0.
        proof: audit path, leaf to root.
        note: the signed checkpoint the proof leads to.
        flags: rules that the log entered with the result.
    """

    digest: str
    index: int
    proof: list[bytes]
    note: bytes
    flags: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Hashes in hex, the checkpoint as text."""
        return {
            "digest": self.digest,
            "index": self.index,
            "proof": [item.hex() for item in self.proof],
            "checkpoint": self.note.decode(),
            "flags": list(self.flags),
        }

    @classmethod
    def from_json(cls, data: Any, where: str) -> Receipt:
        """Read what `to_json` wrote.

        Raises:
            UserError: it is not a receipt.
        """
        match data:
            case {
                "digest": str(digest),
                "index": int(index),
                "proof": list(proof),
                "checkpoint": str(note),
            }:
                return cls(
                    digest=digest,
                    index=index,
                    proof=hashes(proof, where),
                    note=note.encode(),
                    flags=entered_flags(data),
                )
            case _:
                raise UserError(
                    "is not a receipt", where=where, expected="digest, index, proof, checkpoint"
                )

    def verify(self, keys: Iterable[bytes], where: str) -> Checkpoint:
        """Check the checkpoint's signature and that it covers the entry.

        Args:
            keys: raw Ed25519 keys of the log.

        Raises:
            UserError: the checkpoint cannot be read.
            CheckError: the signature or the proof does not hold.
        """
        checkpoint = notes.verify(self.note, keys, where)
        if not 0 <= self.index < checkpoint.size:
            raise CheckError(
                f"is for entry {self.index} of a log of {checkpoint.size}", where=where
            )
        length = merkle.inclusion_length(self.index, checkpoint.size)
        if len(self.proof) != length:
            raise CheckError(
                f"its proof has {len(self.proof)} hashes",
                where=where,
                expected=f"{length} for entry {self.index} of {checkpoint.size}",
            )
        leaf = merkle.leaf_hash(result_entry(self.digest, self.flags))
        if not merkle.verify_inclusion(
            leaf, self.index, checkpoint.size, self.proof, checkpoint.root
        ):
            raise CheckError("its proof does not lead to its checkpoint", where=where)
        return checkpoint


def hashes(items: list[Any], where: str) -> list[bytes]:
    """Read hashes in hex.

    Raises:
        UserError: an item is none.
    """
    try:
        return [bytes.fromhex(item) for item in items]
    except (TypeError, ValueError) as error:
        raise UserError("holds no hash", where=where, expected="hashes in hex") from error
