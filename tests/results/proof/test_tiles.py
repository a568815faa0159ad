"""Tiles of exact widths: one hash or entry more or less is damage, not data."""

from __future__ import annotations

import pytest

from results.proof import tiles
from suites.base.errors import CheckError


def grown(size):
    """Every file of a tree of so many entries."""
    growth, files = tiles.Growth(), {}
    for number in range(size):
        files.update(growth.add(b"entry %d" % number))
    files.update(growth.unfinished())
    return files


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600])
def test_a_tree_has_the_files_its_size_says(size):
    assert sorted(grown(size)) == sorted(tiles.paths(size))
    assert len(list(tiles.entries(grown(size).__getitem__, size))) == size


@pytest.mark.parametrize("spoil", [lambda d: d[:-32], lambda d: d + bytes(32), lambda d: d[:-1]])
@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001.p/44"])
def test_a_tile_of_another_width_is_refused_with_both_numbers(path, spoil):
    files = grown(300)
    whole = len(files[path])
    files[path] = spoil(files[path])
    with pytest.raises(CheckError, match=f"is {len(files[path])} bytes; expected {whole}"):
        tiles.range_hash(files.__getitem__, 300, 0, 255 if path.endswith("000") else 300)


def test_a_bundle_with_an_entry_more_or_less_is_refused():
    files, path = grown(5), "tile/entries/000.p/5"
    for spoiled in (files[path][:-2], files[path] + b"\0\1x", files[path] + b"\0"):
        with pytest.raises(CheckError, match="expected 5"):
            list(tiles.entries({path: spoiled}.__getitem__, 5))


@pytest.mark.parametrize(
    ("path", "size", "outgrown"),
    [
        ("tile/0/000.p/255", 256, True),
        ("tile/0/000.p/256", 300, False),  # a full tile has no such name
        ("tile/0/000.p/0", 300, False),
        ("tile/0/001.p/43", 300, True),
        ("tile/0/001.p/44", 300, False),  # the tree's own
        ("tile/entries/001.p/43", 300, True),
        ("tile/1/000.p/1", 300, False),
        ("tile/1/000.p/1", 512, True),
        ("tile/0/x001/000.p/1", 256_002, True),
        ("tile/0/000", 300, False),
    ],
)
def test_a_partial_tile_is_outgrown_once_its_tree_has_more(path, size, outgrown):
    assert tiles.is_outgrown(path, size) is outgrown


@pytest.mark.parametrize(
    ("number", "path"),
    [
        (7, "tile/0/007"),
        (999, "tile/0/999"),
        (1000, "tile/0/x001/000"),
        (1_234_067, "tile/0/x001/x234/067"),
    ],
)
def test_a_tile_lies_where_the_specification_says(number, path):
    """Golden: the example of C2SP tlog-tiles, and both sides of a thousand."""
    assert tiles.tile_path(0, number, tiles.WIDTH) == path
    assert tiles.tile_path(0, number, 5) == f"{path}.p/5"
