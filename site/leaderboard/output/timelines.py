"""Timelines of the runs that a chip's page shows, as pictures: where their raw samples lie here."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from leaderboard.base.text import clean
from leaderboard.read import cache
from leaderboard.read.archives import statement_of
from results.archive import archive
from results.archive.timeline_svg import pictures_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leaderboard.output.output_tree import Tree
    from leaderboard.read.archives import Archive, FoundEnvelope

__all__ = ["TimelinePicture", "put"]

# Pictures of one run that a page shows; the run's own folder has them all.
_MOST = 24


@dataclass(frozen=True, slots=True)
class TimelinePicture:
    """A picture as a page shows it: its file on the site, case, words and height."""

    path: str
    case: str
    words: str
    height: int


def put(tree: Tree, read: Archive, digests: Iterable[str]) -> dict[str, Sequence[TimelinePicture]]:
    """Draw the timelines of these results, unless they stand there drawn from the same samples.

    Returns:
        By digest, those of results that have any.
    """
    drawn = {digest: _of_result(tree, digest, read.sources[digest]) for digest in digests}
    return {digest: timelines for digest, timelines in drawn.items() if timelines}


def _of_result(tree: Tree, digest: str, source: FoundEnvelope) -> list[TimelinePicture]:
    home = archive.home_of(source.path)
    listing, made_of = f"timelines/{digest}.json", f"{cache.stamp()} {digest}"
    if tree.keep(made_of, listing):
        listed = [TimelinePicture(*line) for line in json.loads(tree.place(listing).read_bytes())]
        if tree.keep(made_of, *(timeline.path for timeline in listed)):
            return listed
    if not (home / "samples").is_dir():
        return []
    drawn = []
    pictures = pictures_beside(home, statement_of(digest, source))
    for place, picture in enumerate(pictures[:_MOST]):
        path = f"timelines/{digest}-{place}.svg"
        tree.put(path, picture.svg, made_of)
        drawn.append(
            TimelinePicture(path, clean(picture.case), clean(picture.words), picture.height)
        )
    if not drawn:
        return []
    lines = [list(astuple(timeline)) for timeline in drawn]
    tree.put(listing, json.dumps(lines, ensure_ascii=False), made_of)
    return drawn
