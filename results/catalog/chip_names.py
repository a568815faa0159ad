"""Which chip a name means: as drivers report it, as makers print it, as publishers spell it.

Names are compared without the maker's name, marks and punctuation, word by word: "NVIDIA
H100-SXM5-80GB", "h100_sxm" and "8xH100 SXM" are one chip, "NVIDIA L40" holds no L4.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from results.catalog import chips_data

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["all_named", "match", "meant", "named_parts", "plain"]

_LONGEST = 1024
_MARKS = re.compile(r"\((?:r|tm|c)\)|[®™]")
_PUNCTUATION = re.compile(r"[^a-z0-9+.]+")
_COUNT = re.compile(r"\b\d+x(?=[a-z])")
_SXM = re.compile(r"\bsxm\d\b")
# Makers and families that some write and others leave out.
_OMITTED = {
    "nvidia", "amd", "intel", "huawei", "instinct", "geforce", "tesla", "radeon", "gpu", "gpus",
    "graphics", "accelerator", "processor", "hgx", "dgx", "tensor", "core",
}  # fmt: skip
_SIZE = re.compile(r"\b\d+ ?gi?b\b ?")
# A slice of a chip is not the chip.
_SLICE = re.compile(r"\bmig\b|\b\d+g\.\d+gb\b", re.ASCII)
# What follows a chip's name where another chip is meant: an RTX 4090 D, a laptop's, a Max-Q.
_ANOTHER = re.compile(r" (d|laptop|mobile|notebook|max|ti|super|pro|ultra|xt|gre)\b")
# Ends a part that letters may follow: an EPYC 9654P is a 9654.
_AND_LETTERS = "*"
# Spellings of publishers that follow neither from a driver's name nor from our id. A bare "H100"
# is not decided: it may be SXM, PCIe or NVL, and a reader says which where its publisher does.
_PUBLISHED = (
    ("h100 hbm3", "h100-sxm"),
    ("gh200 96gb", "gh200"),
    ("gh200 144gb", "gh200-144gb"),
    ("a100 40 sxm", "a100-40gb-sxm"),
    ("b200", "b200-sxm"),
    ("b300", "b300-sxm"),
    ("mi350x", "instinct-mi350x"),
    ("bi150", "iluvatar-bi-v150"),
    ("bi v150", "iluvatar-bi-v150"),
    ("ascend 910b", "ascend-910b"),
    ("ascend 910c", "ascend-910c"),
    ("910b", "ascend-910b"),
    ("910c", "ascend-910c"),
    ("rtx 4090", "rtx-4090"),
    ("rtx 5090", "rtx-5090"),
)


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a name in the words that tell chips apart.

    >>> plain("NVIDIA H100-SXM5-80GB"), plain("4xNVIDIA_L40S"), plain("Intel(R) Xeon(R) 6980P")
    ('h100 sxm 80gb', 'l40s', 'xeon 6980p')
    """
    words = _PUNCTUATION.sub(" ", _MARKS.sub("", name[:_LONGEST].lower()))
    words = _SXM.sub("sxm", _COUNT.sub("", words))
    kept = [word for word in words.split() if word not in _OMITTED]
    return " ".join(kept)


def match(name: str) -> str | None:
    """Find the catalogue's entry of a chip by its name, None when it is not listed.

    The longest matching part of a name wins, so that "H200 NVL" is not taken for "H200".

    Args:
        name: as the driver or the CPU reports it, or as people write it.
    """
    return next(iter(all_named(name)), None)


@lru_cache(maxsize=4096)  # an archive names few chips, and asks for each result
def all_named(name: str) -> tuple[str, ...]:
    """Return every chip of the catalogue that a name holds; mixed systems name several."""
    return tuple(meant(name, named_parts()))


@cache
def named_parts() -> tuple[tuple[str, str], ...]:
    """Name chips by plain parts of names: as drivers say them, as our ids, as publishers do."""
    entries = chips_data.chips()
    own = [
        (plain(part) + (_AND_LETTERS if entry.kind == "cpu" else ""), entry.id)
        for entry in entries.values()
        for part in (*entry.match, *(() if entry.kind == "system" else (entry.id, entry.name)))
    ]
    published = [(part, entry) for part, entry in _PUBLISHED if entry in entries]
    return tuple(dict.fromkeys((*own, *published)))


def meant(name: str, parts: Sequence[tuple[str, str]]) -> list[str]:
    """Return the ids of the chips that a name holds, the longest named first, each once.

    Args:
        name: as somebody wrote it.
        parts: plain part of a name -> id. A part inside a longer one of the same name is not
            counted, so that "H200 NVL" is not an H200.
    """
    words = plain(name)
    if _SLICE.search(name.lower()):
        return []
    ids = _widest_entries(words, parts)
    if not ids and (without := " ".join(_SIZE.sub("", words).split())) != words:
        ids = _widest_entries(without, parts)
    return list(dict.fromkeys(ids))


def _widest_entries(name: str, parts: Sequence[tuple[str, str]]) -> list[str]:
    spans = [
        (start, start + len(part.removesuffix(_AND_LETTERS)), entry)
        for part, entry in parts
        if (start := _start(name, part)) >= 0
    ]
    whole = [
        (end - start, entry)
        for start, end, entry in spans
        if not any(s <= start and end <= e and e - s > end - start for s, e, _ in spans)
        and not _ANOTHER.match(name[end:])
    ]
    return [entry for _, entry in sorted(whole, key=lambda pair: -pair[0])]


def _start(name: str, part: str) -> int:
    """Return where a part stands in a name, as words of it; -1 where it does not."""
    word = part.removesuffix(_AND_LETTERS)
    if not word:
        return -1
    if word == part:
        return f" {name} ".find(f" {word} ")
    at = f" {name}".find(f" {word}")
    return -1 if at < 0 or name[at + len(word) :][:1].isdigit() else at
