"""Pictures of every kind of page, as the documents show them."""

from __future__ import annotations

from pathlib import Path

import pytest

import leaderboard
from leaderboard.bench.pictures import shots, take

DOCS = Path(leaderboard.__file__).parent / "docs"


@pytest.mark.browser
def test_every_kind_of_page_can_be_photographed(browser, site, serve):
    every = list(shots(site))
    for shot in every:
        assert (site / shot.url.partition("?")[0] / "index.html").is_file(), shot
    # Two kinds, in turn in both windows and both themes.
    base = serve(site)
    for shot in every[4:10:3] + every[6:12:5]:
        picture = take(browser, base, shot)
        assert picture[:4] == b"RIFF"
        assert picture[8:12] == b"WEBP"
        # A blank page of these sizes compresses to less than this.
        assert len(picture) > 5000, shot


def test_the_gallery_shows_every_kind_in_both_windows_and_themes_below_3_mb(site):
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for shot in shots(site):
        assert f"pictures/{shot.name}" in page
        assert (DOCS / "pictures" / shot.name).is_file()
    assert sum(path.stat().st_size for path in (DOCS / "pictures").iterdir()) < 3_000_000
