"""C2SP tlog-tiles: where a tile lies, what it holds, how a tree of tiles grows. Pure.

A tile is 256 hashes: 8 levels of the Merkle tree, of which the lowest is stored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from results.proof.merkle import Frontier, leaf_hash, node_hash, root
from suites.base.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "MAX_ENTRY",
    "WIDTH",
    "Growth",
    "beginning",
    "entries",
    "full_of",
    "is_outgrown",
    "outgrown",
    "paths",
    "range_hash",
    "tile_path",
]

WIDTH = 256  # hashes in a full tile
_HEIGHT = 8  # levels of the tree a full tile spans: 2^8 = 256
_HASH = 32
_LEVELS = 8  # of tiles: 256^8 entries are 2^64
_PARTIAL = re.compile(r"tile/(entries|[0-7])/((?:x\d{3}/)*\d{3})\.p/(\d{1,3})", re.ASCII)
MAX_ENTRY = 65_535  # an entry's length is two bytes in a bundle


def tile_path(level: int | str, number: int, width: int) -> str:
    """Path of a tile: number in groups of three digits, all but the last marked with x."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    path = "/".join(["tile", str(level), *groups])
    return path if width == WIDTH else f"{path}.p/{width}"


def paths(size: int) -> list[str]:
    """List the tiles and bundles a tree of `size` entries consists of."""
    tile_paths = []
    for level in ("entries", *range(_LEVELS)):
        hashes = size if level == "entries" else size >> (_HEIGHT * int(level))
        full, width = divmod(hashes, WIDTH)
        tile_paths += [tile_path(level, number, WIDTH) for number in range(full)]
        tile_paths += [tile_path(level, full, width)] if width else []
    return tile_paths


def is_outgrown(path: str, size: int) -> bool:
    """Tell whether a path is that of a partial tile from before a tree had `size` entries."""
    named = _PARTIAL.fullmatch(path)
    if not named:
        return False
    level, number, width = named[1], int(re.sub(r"\D", "", named[2])), int(named[3])
    hashes = size if level == "entries" else size >> (_HEIGHT * int(level))
    return 0 < width < WIDTH and number * WIDTH + width < hashes


def outgrown(before: int, size: int) -> Iterator[str]:
    """Folders of partial tiles that a tree completed when it grew to `size` entries."""
    for level in ("entries", *range(_LEVELS)):
        height = _HEIGHT * (1 if level == "entries" else int(level) + 1)
        for number in range(before >> height, size >> height):
            yield f"{tile_path(level, number, WIDTH)}.p"


def full_of(path: str) -> tuple[str, int] | None:
    """Path of the full tile that a partial one becomes, and the partial one's width; else None."""
    named = _PARTIAL.fullmatch(path)
    return (path.partition(".p/")[0], int(named[3])) if named else None


def beginning(path: str, full: bytes, width: int) -> bytes:
    """Return a partial tile, made from the full one at `path`.

    Raises:
        CheckError: the full one is damaged.
    """
    if "/entries/" in path:
        return _bundle(_items(full, path, WIDTH)[:width])
    return full[: width * _HASH]


class Growth:
    """The right edge of a tree of tiles: what is needed to add entries and know the root."""

    def __init__(self) -> None:
        """Begin with the empty tree."""
        self.size = 0
        self._bundle: list[bytes] = []
        self._edge: list[list[bytes]] = [[]]
        self._frontier = Frontier()

    @classmethod
    def load(cls, read: Callable[[str], bytes], size: int) -> Growth:
        """Read the unfinished tiles of a tree of `size` entries.

        Raises:
            CheckError: a tile is missing or damaged.
        """
        growth = cls()
        growth.size = size
        growth._edge = []
        level = 0
        while size >> (_HEIGHT * level) or not level:
            full, width = divmod(size >> (_HEIGHT * level), WIDTH)
            growth._edge.append(_hashes(read, level, full, width) if width else [])
            level += 1
        if size % WIDTH:
            growth._bundle = _entries(read, size // WIDTH, size % WIDTH)
        for tile in reversed(growth._edge):
            growth._frontier.descend(_HEIGHT)
            for digest in tile:
                growth._frontier.add(digest)
        return growth

    def add(self, entry: bytes) -> Iterator[tuple[str, bytes]]:
        """Append an entry; yields path and content of every tile it completes."""
        number = self.size // WIDTH
        self.size += 1
        self._bundle.append(entry)
        if len(self._bundle) == WIDTH:
            yield tile_path("entries", number, WIDTH), _bundle(self._bundle)
            self._bundle = []
        level, digest = 0, leaf_hash(entry)
        self._frontier.add(digest)
        while True:
            if level == len(self._edge):
                self._edge.append([])
            tile = self._edge[level]
            tile.append(digest)
            if len(tile) < WIDTH:
                return
            yield tile_path(level, number, WIDTH), b"".join(tile)
            self._edge[level] = []
            level, number, digest = level + 1, number // WIDTH, root(tile)

    def unfinished(self) -> Iterator[tuple[str, bytes]]:
        """Path and content of the partial tiles of the tree as it is."""
        if self._bundle:
            path = tile_path("entries", self.size // WIDTH, len(self._bundle))
            yield path, _bundle(self._bundle)
        for level, tile in enumerate(self._edge):
            if tile:
                number = self.size >> (_HEIGHT * (level + 1))
                yield tile_path(level, number, len(tile)), b"".join(tile)

    def root(self) -> bytes:
        """Return the root of the tree as it is."""
        return self._frontier.root()


def entries(read: Callable[[str], bytes], size: int) -> Iterator[bytes]:
    """Read the first `size` entries, in order.

    Raises:
        CheckError: a bundle is missing or damaged.
    """
    for number in range(-(-size // WIDTH)):
        yield from _entries(read, number, min(WIDTH, size - number * WIDTH))


def range_hash(read: Callable[[str], bytes], size: int, start: int, end: int) -> bytes:
    """Hash over the leaves [start, end) of a tree of `size`, such as a proof asks for.

    Raises:
        CheckError: a tile is missing or damaged.
    """
    peaks = []
    while start < end:
        height = (end - start).bit_length() - 1
        peaks.append(_subtree(read, size, start, height))
        start += 1 << height
    digest = peaks.pop()
    for peak in reversed(peaks):
        digest = node_hash(peak, digest)
    return digest


def _subtree(read: Callable[[str], bytes], size: int, start: int, height: int) -> bytes:
    """Root over the 2^height leaves from `start`, which is a multiple of that."""
    level, rest = divmod(height, _HEIGHT)
    number, at = divmod(start >> (_HEIGHT * level), WIDTH)
    width = min(WIDTH, (size >> (_HEIGHT * level)) - number * WIDTH)
    return root(_hashes(read, level, number, width, slice(at, at + (1 << rest))))


def _hashes(
    read: Callable[[str], bytes], level: int, number: int, width: int, part: slice = slice(None)
) -> list[bytes]:
    path = tile_path(level, number, width)
    data = read(path)
    if len(data) != width * _HASH:
        raise CheckError(f"is {len(data)} bytes", where=path, expected=f"{width * _HASH}")
    return [data[at : at + _HASH] for at in range(0, len(data), _HASH)[part]]


def _entries(read: Callable[[str], bytes], number: int, width: int) -> list[bytes]:
    path = tile_path("entries", number, width)
    return _items(read(path), path, width)


def _items(data: bytes, path: str, width: int) -> list[bytes]:
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(data) or len(entries) != width:
        raise CheckError(f"holds {len(entries)} whole entries", where=path, expected=str(width))
    return entries


def _bundle(items: Sequence[bytes]) -> bytes:
    return b"".join(len(item).to_bytes(2, "big") + item for item in items)
