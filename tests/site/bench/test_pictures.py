"""Pictures of every kind of page, as the documents show them."""

from __future__ import annotations

from pathlib import Path

import pytest

import leaderboard
from leaderboard.bench.pictures import Shot, shots, take

DOCS = Path(leaderboard.__file__).parent / "docs"


@pytest.mark.browser
def test_every_kind_of_page_can_be_photographed(browser, site, serve):
    kinds: dict[str, dict[tuple[str, str], Shot]] = {}
    for shot in shots(site):
        assert (site / shot.url.partition("?")[0] / "index.html").is_file(), shot
        kinds.setdefault(shot.kind, {})[shot.window, shot.theme] = shot
    base, kind = serve(site), kinds["runners"]
    asked = [("desktop", "light"), ("desktop", "dark"), ("phone", "dark")]
    light, dark, phone = (take(browser, base, kind[which]) for which in asked)
    for picture, width in ((light, 1280), (dark, 1280), (phone, 390)):
        assert (picture[:4], picture[8:16]) == (b"RIFF", b"WEBPVP8X")
        assert int.from_bytes(picture[24:27], "little") == width - 1
        # A blank page of these sizes compresses to less than this.
        assert len(picture) > 5000
    assert light != dark


def test_the_gallery_shows_every_kind_in_both_windows_and_themes_below_3_mb(site):
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for shot in shots(site):
        assert f"pictures/{shot.name}" in page
        assert (DOCS / "pictures" / shot.name).is_file()
    assert sum(path.stat().st_size for path in (DOCS / "pictures").iterdir()) < 3_000_000
