"""The append-only log: C2SP tlog-tiles as plain files, tiles first, checkpoint last.

An entry is a small record that holds an envelope's digest; envelopes lie content-addressed
beside the log, so that one can be erased without breaking the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results import checkpoint as notes
from results.checkpoint import Checkpoint
from results.merkle import Frontier, inclusion_proof, leaf_hash, root
from suites.child import write_atomically
from suites.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from securesystemslib.signer import Signer

__all__ = ["Appended", "Ledger"]

_WIDTH = 256  # hashes in a full tile
_MAX_ENTRY = 65_535  # an entry's length is two bytes in a bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Where an entry stands, and the proof that it does.

    Attributes:
        index: position in the log, from 0.
        checkpoint: what the log commits to now.
        proof: audit path of RFC 6962, leaf to root.
    """

    index: int
    checkpoint: Checkpoint
    proof: list[bytes]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A log in a folder. One writer at a time: the caller holds the lock.

    Attributes:
        home: the folder with `checkpoint` and `tile/`.
    """

    home: Path

    @property
    def checkpoint_file(self) -> Path:
        return self.home / "checkpoint"

    def exists(self) -> bool:
        return self.checkpoint_file.is_file()

    def unverified(self) -> Checkpoint:
        """Return the checkpoint, whoever signed it; the empty log's where there is none."""
        if not self.exists():
            return Checkpoint(origin="", size=0, root=root([]))
        return notes.read(self.checkpoint_file.read_bytes(), str(self.checkpoint_file))[0]

    def entries(self) -> Iterator[bytes]:
        """Read the entries the checkpoint covers, in order.

        Raises:
            CheckError: a bundle is missing or damaged.
        """
        size = self.unverified().size
        for number in range(-(-size // _WIDTH)):
            width = min(_WIDTH, size - number * _WIDTH)
            path = self._tile("entries", number, width)
            yield from _unbundle(_read(path), width, str(path))

    def append(self, entry: bytes, *, origin: str, signer: Signer) -> Appended:
        """Add an entry durably, or find the equal one already there.

        New tiles are written before the checkpoint that covers them, so a log that is killed in
        between opens at its last checkpoint.

        Raises:
            UserError: the entry is too long, or the log has another origin.
            CheckError: the log on disk is damaged.
        """
        if len(entry) > _MAX_ENTRY:
            raise UserError(f"entry of {len(entry)} bytes", expected=f"at most {_MAX_ENTRY}")
        before = self.unverified()
        if before.size and before.origin != origin:
            raise UserError(
                f"belongs to {before.origin}",
                where=str(self.checkpoint_file),
                expected=origin,
                remedy="a log has one writer's key: name another folder with --out",
            )
        entries = list(self.entries())
        leaves = [leaf_hash(item) for item in entries]
        if root(leaves) != before.root:
            raise CheckError("tiles do not match the checkpoint", where=str(self.home))
        if entry in entries:
            return self._appended(entries.index(entry), before, leaves)
        entries.append(entry)
        leaves.append(leaf_hash(entry))
        self._write_tiles(entries, leaves)
        after = Checkpoint(origin=origin, size=len(leaves), root=root(leaves))
        write_atomically(self.checkpoint_file, notes.write(after, signer))
        return self._appended(len(leaves) - 1, after, leaves)

    def verify(self, keys: Iterable[bytes]) -> Checkpoint:
        """Check the checkpoint's signature and every tile against it.

        Args:
            keys: raw Ed25519 public keys that may sign this log.

        Raises:
            UserError: the checkpoint cannot be read.
            CheckError: a signature, an entry or a tile does not fit.
        """
        where = str(self.checkpoint_file)
        checkpoint = notes.verify(_read(self.checkpoint_file), keys, where)
        frontier = Frontier()
        level: list[bytes] = []
        for entry in self.entries():
            level.append(leaf_hash(entry))
            frontier.add(level[-1])
        if frontier.size != checkpoint.size or frontier.root() != checkpoint.root:
            raise CheckError("entries do not give the checkpoint's root", where=str(self.home))
        for path, expected in _tiles(level, self._tile):
            if _read(path) != expected:
                raise CheckError("tile does not match the entries", where=str(path))
        return checkpoint

    def _write_tiles(self, entries: list[bytes], leaves: list[bytes]) -> None:
        last = (len(entries) - 1) // _WIDTH
        bundle = entries[last * _WIDTH :]
        _write_new(self._tile("entries", last, len(bundle)), _bundle(bundle))
        for path, content in _tiles(leaves, self._tile):
            _write_new(path, content)

    def _appended(self, index: int, checkpoint: Checkpoint, leaves: list[bytes]) -> Appended:
        return Appended(index=index, checkpoint=checkpoint, proof=inclusion_proof(leaves, index))

    def _tile(self, level: int | str, number: int, width: int) -> Path:
        """Path of a tile: number in groups of three digits, all but the last marked with x."""
        groups = [f"{number % 1000:03d}"]
        while number := number // 1000:
            groups.insert(0, f"x{number % 1000:03d}")
        path = self.home.joinpath("tile", str(level), *groups)
        return path if width == _WIDTH else path.with_name(f"{path.name}.p") / str(width)


def _tiles(
    leaves: list[bytes], path_of: Callable[[int, int, int], Path]
) -> Iterator[tuple[Path, bytes]]:
    """Every tile a tree of these leaf hashes has, level by level."""
    level, hashes = 0, leaves
    while hashes:
        for number in range(-(-len(hashes) // _WIDTH)):
            part = hashes[number * _WIDTH : (number + 1) * _WIDTH]
            yield path_of(level, number, len(part)), b"".join(part)
        full = len(hashes) // _WIDTH
        hashes = [root(hashes[i * _WIDTH : (i + 1) * _WIDTH]) for i in range(full)]
        level += 1


def _write_new(path: Path, content: bytes) -> None:
    """Write a tile unless it lies there already: published tiles never change."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


def _bundle(entries: list[bytes]) -> bytes:
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def _unbundle(data: bytes, width: int, where: str) -> list[bytes]:
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(data) or len(entries) != width:
        raise CheckError(f"holds {len(entries)} whole entries", where=where, expected=str(width))
    return entries


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckError(f"cannot be read: {error.strerror}", where=str(path)) from error
