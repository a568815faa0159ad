"""What others show beside a link to a page: title, words and a picture."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.site.conftest import BASE_URL

if TYPE_CHECKING:
    from pathlib import Path


class Told(HTMLParser):
    """The Open Graph properties of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        if tag == "meta" and (name := own.get("property")):
            self.told[name] = own["content"] or ""


@pytest.mark.parametrize(
    ("url", "title", "picture"),
    [
        ("", "What a million tokens really cost", "overview"),
        ("leaderboard/", "Leaderboard", "leaderboard"),
        ("chips/", "Chips", "chips"),
        # Another chip's picture would show figures that are not this one's.
        ("chips/h100-sxm/", "NVIDIA H100 SXM5 80GB", "overview"),
        ("methodology/", "Methodology", "docs"),
        ("zh/chips/", "芯片", "chinese"),
        ("zh/chips/h100-sxm/", "NVIDIA H100 SXM5 80GB", "chinese"),
    ],
)
def test_a_link_shows_a_title_and_a_picture_that_is_there(site: Path, url, title, picture):
    page = Told()
    page.feed((site / url / "index.html").read_text(encoding="utf-8"))
    assert page.told["og:title"] == title
    assert page.told["og:url"] == f"{BASE_URL}/{url}"
    assert page.told["og:description"]
    image = page.told["og:image"].removeprefix(f"{BASE_URL}/")
    assert image == f"pictures/{picture}-desktop-light.webp"
    assert (site / image).read_bytes()[8:12] == b"WEBP"


def test_every_kind_has_its_picture(site: Path):
    pages = [path.read_text(encoding="utf-8") for path in site.glob("*/index.html")]
    mark = f'og:image" content="{BASE_URL}/'
    images = {page.partition(mark)[2].partition('"')[0] for page in pages if mark in page}
    assert len(images) >= 10
    assert {image for image in images if not (site / image).is_file()} == set()
