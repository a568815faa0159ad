"""The append-only log: C2SP tlog-tiles as plain files, tiles first, checkpoint last.

An entry is a small record that holds an envelope's digest; envelopes lie content-addressed
beside the log, so that one can be erased without breaking the tree.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from hashlib import sha256
from typing import TYPE_CHECKING

from results.proof import checkpoint as notes
from results.proof import merkle, tiles
from results.proof.checkpoint import Checkpoint
from suites.base import files
from suites.base.errors import CheckError, UserError
from suites.base.files import flush, place_all, write_all, write_atomically

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from securesystemslib.signer import Signer

__all__ = ["Appended", "Ledger"]


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


@dataclass(slots=True)
class Ledger:
    """A log in a folder. One writer at a time: the caller holds the lock.

    Attributes:
        home: the folder with `checkpoint` and `tile/`.
        held: SHA-256 of every file that `verify` found to hold, by its path in the folder: the
            checkpoint, tiles and bundles of that size, nothing else.
    """

    home: Path
    held: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _growth: tiles.Growth = field(default_factory=tiles.Growth, repr=False, compare=False)
    _unsettled: set[Path] = field(default_factory=set, repr=False, compare=False)
    _tidied: int = field(default=0, repr=False, compare=False)  # size up to which `_tidy` went

    @property
    def checkpoint_file(self) -> Path:
        return self.home / "checkpoint"

    def exists(self) -> bool:
        return self.checkpoint_file.is_file()

    def unverified(self) -> Checkpoint:
        """Return the checkpoint, no matter who signed it; the empty log's where there is none."""
        if not self.exists():
            return Checkpoint(origin="", size=0, root=merkle.root([]))
        return notes.read(_bytes(self.checkpoint_file), str(self.checkpoint_file))[0]

    def promised(self) -> list[Checkpoint]:
        """Return what this log committed to, by growing size, no matter who signed it.

        The checkpoint, the one known to be on the disk, the cosigned one. What a power cut tore,
        so that it is not a checkpoint, says nothing.

        Raises:
            CheckError: one cannot be read.
        """
        kept = []
        for path in (self.checkpoint_file, self._settled_file, self.home / "cosigned"):
            note = _bytes(path) if path.is_file() else b""
            with suppress(UserError):
                kept.append(notes.read(note, str(path))[0])
        return sorted(kept, key=lambda checkpoint: checkpoint.size)

    def entries(self) -> Iterator[bytes]:
        """Read the entries the checkpoint covers, in order.

        Raises:
            CheckError: a bundle is missing or damaged.
        """
        return tiles.entries(self.tile, self.unverified().size)

    def append(self, entry: bytes, *, origin: str, signer: Signer) -> Appended:
        """Add an entry durably, or find the equal one already there; reads the whole log.

        Raises:
            UserError, CheckError: see `extend`.
        """
        index = next((at for at, item in enumerate(self.entries()) if item == entry), None)
        if index is None:
            index = self.extend([entry], origin=origin, signer=signer)
        return self.prove(index)

    def extend(
        self, entries: Sequence[bytes], *, origin: str, signer: Signer, settle: bool = True
    ) -> int:
        """Add entries under one checkpoint; return the index of the first.

        New tiles are written before the checkpoint that covers them, so a log that is killed in
        between opens at its last checkpoint. Reads the right edge of the tree alone.

        Args:
            settle: wait for the disk. Who does not must keep the entries elsewhere until
                `settle`, call `rewind` on opening, and add again what is missing then.

        Raises:
            UserError: an entry is too long, the origin is not a name, or the log has another.
            CheckError: the log on disk is damaged.
        """
        notes.check_origin(origin, "origin")
        longest = max(map(len, entries))
        if longest > tiles.MAX_ENTRY:
            raise UserError(f"entry of {longest} bytes", expected=f"at most {tiles.MAX_ENTRY}")
        before = self.unverified()
        if before.size and before.origin != origin:
            raise UserError(
                f"belongs to {before.origin}",
                where=str(self.checkpoint_file),
                expected=origin,
                remedy="a log has one writer's key: name another folder with --out",
            )
        growth = self._edge(before)
        grown = [tile for entry in entries for tile in growth.add(entry)]
        new = {self.home / path: content for path, content in [*grown, *growth.unfinished()]}
        after = Checkpoint(origin=origin, size=growth.size, root=growth.root())
        note = notes.write(after, signer)
        if settle:
            write_all(new)
            write_atomically(self.checkpoint_file, note)
            self._tidy(after.size)
        else:
            place_all(new)
            place_all({self.checkpoint_file: note})
            self._unsettled |= new.keys()
        return before.size

    @property
    def unsettled(self) -> int:
        """How many files the disk may not have yet."""
        return len(self._unsettled)

    def settle(self) -> None:
        """Wait until the disk has all of the log, and note that it does."""
        if not self.exists():
            return
        flush(self._unsettled)
        above = {folder for path in self._unsettled for folder in path.parents}
        flush(folder for folder in above if folder.is_relative_to(self.home))
        write_atomically(self._settled_file, self.checkpoint_file.read_bytes())
        self._unsettled.clear()
        self._tidy(self.unverified().size)

    def _tidy(self, size: int) -> None:
        """Remove partial tiles whose full ones are on the disk."""
        for folder in tiles.outgrown(self._tidied, size):
            with suppress(FileNotFoundError):
                shutil.rmtree(self.home / folder)
        self._tidied = size

    def rewind(self) -> None:
        """Go back to what the disk was known to have: power may have failed since.

        The caller has everything that the log held, see `promised`.
        """
        if self._settled_file.is_file():
            write_atomically(self.checkpoint_file, self._settled_file.read_bytes())
        else:
            self.checkpoint_file.unlink(missing_ok=True)

    @property
    def _settled_file(self) -> Path:
        return self.home / ".settled"

    def _edge(self, checkpoint: Checkpoint) -> tiles.Growth:
        """Where the log grows: kept from the last extension, or read where it is not that."""
        if (self._growth.size, self._growth.root()) != (checkpoint.size, checkpoint.root):
            self._growth = tiles.Growth.load(self.tile, checkpoint.size)
            if self._growth.root() != checkpoint.root:
                raise CheckError("tiles do not match the checkpoint", where=str(self.home))
        return self._growth

    def prove(self, index: int) -> Appended:
        """Return the inclusion proof of an entry against the checkpoint on disk.

        Raises:
            IndexError: the log has no such entry.
            CheckError: a tile is missing or damaged.
        """
        checkpoint = self.unverified()
        _root, [proof] = self.prove_at([index], checkpoint.size)
        return Appended(index=index, checkpoint=checkpoint, proof=proof)

    def prove_at(self, indexes: Sequence[int], size: int) -> tuple[bytes, list[list[bytes]]]:
        """Return the root and inclusion proofs as of an earlier checkpoint's size.

        Proofs of neighbours share most of their hashes: asking for many at once is cheap.

        Raises:
            IndexError: the log had no such entry at that size.
            CheckError: a tile is missing or damaged, or no checkpoint had that size.
        """
        hashed = cache(partial(tiles.range_hash, cache(self.tile), size))
        proofs = [
            [hashed(*part) for part in merkle.inclusion_ranges(index, size)] for index in indexes
        ]
        return hashed(0, size), proofs

    def prove_consistency(self, earlier: int, size: int) -> list[bytes]:
        """Return the proof that the log of `size` entries extends that of `earlier`.

        Raises:
            IndexError: `earlier` is not between 1 and `size`.
            CheckError: a tile is missing or damaged, or no checkpoint had that size.
        """
        ranges = merkle.consistency_ranges(earlier, size)
        return [tiles.range_hash(self.tile, size, *part) for part in ranges]

    def sizes_of(self, roots: Collection[str]) -> dict[str, int]:
        """Map roots in hexadecimal to the size of this log's tree with that root.

        Reads the whole log; roots that no tree of it had are left out.

        Raises:
            CheckError: a bundle is missing or damaged.
        """
        frontier, sizes = merkle.Frontier(), dict[str, int]()
        for entry in self.entries() if roots else ():
            frontier.add(merkle.leaf_hash(entry))
            root = frontier.root().hex()
            if root in roots:
                sizes[root] = frontier.size
        return sizes

    def verify(self, keys: Iterable[bytes], earlier: Sequence[Checkpoint] = ()) -> Checkpoint:
        """Check the checkpoint's signature and every tile against it.

        Args:
            keys: raw Ed25519 public keys that may sign this log.
            earlier: checkpoints of this log seen before, which it must extend.

        Raises:
            UserError: the checkpoint cannot be read.
            CheckError: a signature, an entry or a tile does not fit, or the log was rolled back
                or forked since `earlier`.
        """
        where = str(self.checkpoint_file)
        note = _bytes(self.checkpoint_file)
        checkpoint = notes.verify(note, keys, where)
        self.held = {self.checkpoint_file.name: sha256(note).hexdigest()}
        for promised in earlier:
            self._comparable(checkpoint, promised)
        roots = {(promised.size, promised.root) for promised in earlier}
        sizes = {promised.size for promised in earlier}
        growth = tiles.Growth()
        for entry in tiles.entries(self.tile, checkpoint.size):
            for path, expected in growth.add(entry):
                self._compare(path, expected)
            if growth.size in sizes and any(
                size == growth.size and root != growth.root() for size, root in roots
            ):
                raise CheckError(
                    f"was forked: its first {growth.size} entries are not those seen before",
                    where=where,
                )
        if growth.root() != checkpoint.root:
            raise CheckError("entries do not give the checkpoint's root", where=str(self.home))
        for path, expected in growth.unfinished():
            self._compare(path, expected)
        return checkpoint

    def _comparable(self, checkpoint: Checkpoint, earlier: Checkpoint) -> None:
        where = str(self.checkpoint_file)
        if checkpoint.origin != earlier.origin:
            raise CheckError(f"is of {checkpoint.origin}", where=where, expected=earlier.origin)
        if checkpoint.size < earlier.size:
            raise CheckError(
                f"was rolled back to {checkpoint.size} entries",
                where=where,
                expected=f"the {earlier.size} seen before, or more",
            )

    def _compare(self, path: str, expected: bytes) -> None:
        if self.tile(path) != expected:
            raise CheckError("tile does not match the entries", where=str(self.home / path))
        self.held[path] = sha256(expected).hexdigest()

    def tile(self, path: str) -> bytes:
        """Return a tile or bundle by its path; a partial one may have to be cut from the full one.

        Raises:
            CheckError: it cannot be read.
        """
        try:
            return _bytes(self.home / path)
        except CheckError:
            full = tiles.full_of(path)
            if full is None or not (self.home / full[0]).is_file():
                raise
            return tiles.beginning(full[0], _bytes(self.home / full[0]), full[1])


def _bytes(path: Path) -> bytes:
    try:
        return files.read_limited(path)
    except OSError as error:
        raise CheckError(f"cannot be read: {error.strerror}", where=str(path)) from error
