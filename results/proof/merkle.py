"""RFC 6962 Merkle trees: hashes, roots, inclusion and consistency proofs. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Frontier",
    "consistency_ranges",
    "inclusion_length",
    "inclusion_ranges",
    "leaf_hash",
    "node_hash",
    "root",
    "verify_consistency",
    "verify_inclusion",
]


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf: SHA-256 of 0x00 and the entry (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256 of 0x01 and both children (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes; the empty tree's is the hash of nothing (RFC 6962, 2.1)."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root()


class Frontier:
    """The right edge of a growing tree: log(n) hashes that give the root at every size."""

    def __init__(self) -> None:
        """Begin with the empty tree."""
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        peak, size = leaf, self.size
        while size % 2:  # a full subtree of this height stands at its left: join them
            peak = node_hash(self._peaks.pop(), peak)
            size //= 2
        self._peaks.append(peak)
        self.size += 1

    def descend(self, levels: int) -> None:
        """Count what was added as subtrees of 2^levels leaves; finer hashes may follow."""
        self.size <<= levels

    def root(self) -> bytes:
        """Return the root of the tree so far."""
        if not self._peaks:
            return hashlib.sha256().digest()
        peaks = iter(reversed(self._peaks))
        digest = next(peaks)
        for peak in peaks:
            digest = node_hash(peak, digest)
        return digest


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Return the audit path of a leaf as [start, end) ranges of leaves (RFC 6962, 2.1.1).

    Raises:
        IndexError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of a tree of {size}")
    start, end, path = 0, size, list[tuple[int, int]]()
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append((split, end))
            end = split
        else:
            path.append((start, split))
            start = split
    return path[::-1]


def inclusion_length(index: int, size: int) -> int:
    """Count the hashes of a leaf's audit path (RFC 9162, 2.1.3.1).

    One a level below where its path parts from the last leaf's, and one for each left subtree
    above.

    Raises:
        IndexError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of a tree of {size}")
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> bool:
    """Check an audit path of the one length there is for this leaf (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or len(proof) != inclusion_length(index, size):
        return False
    digest, node, last = leaf, index, size - 1
    for sibling in proof:
        if node % 2 or node == last:
            digest = node_hash(sibling, digest)
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        node, last = node >> 1, last >> 1
    return digest == expected_root


def consistency_ranges(earlier: int, size: int) -> list[tuple[int, int]]:
    """Return the proof that `earlier` leaves are a prefix of `size`, as ranges (2.1.2).

    Raises:
        IndexError: `earlier` is not between 1 and `size`.
    """
    if not 1 <= earlier <= size:
        raise IndexError(f"size {earlier} of a tree of {size}")
    start, end, path = 0, size, list[tuple[int, int]]()
    while earlier < end:
        split = start + _split(end - start)
        if earlier <= split:
            path.append((split, end))
            end = split
        else:
            path.append((start, split))
            start = split
    if start:  # the earlier root itself is known to the verifier and left out
        path.append((start, end))
    return path[::-1]


def verify_consistency(
    earlier: int, earlier_root: bytes, size: int, later_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Check a consistency proof (RFC 9162, 2.1.4.2)."""
    if not 1 <= earlier <= size:
        return False
    if earlier == size:
        return not proof and earlier_root == later_root
    path = list(proof)
    if earlier & (earlier - 1) == 0:  # a whole subtree: its root is known and left out
        path.insert(0, earlier_root)
    if not path:
        return False
    node, last = earlier - 1, size - 1
    while node % 2:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == earlier_root and new == later_root


def _split(size: int) -> int:
    """Largest power of two below `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)
