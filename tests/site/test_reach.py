"""No link that leads nowhere, nothing inline, and small first views."""

from __future__ import annotations

from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Read(HTMLParser):
    """What a page asks for or leads to, what in it can be led to, and what is inline."""

    def __init__(self):
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.inline: list[str] = []

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        for name in ("href", "src"):
            if names.get(name) is not None and tag != "base":
                self.links.add(names[name])
        if names.get("id"):
            self.places.add(names["id"])
        is_data = names.get("type") == "application/ld+json"  # never run
        if tag == "style" or (tag == "script" and "src" not in names and not is_data):
            self.inline.append(tag)
        self.inline += [name for name in names if name == "style" or name.startswith("on")]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Read]:
    """Every page by its path in the site."""
    pages = {}
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "Content-Security-Policy" in text, path
        page = Read()
        page.feed(text)
        pages[path.relative_to(site).as_posix()] = page
    return pages


def test_every_link_of_every_page_leads_somewhere(site: Path, pages: dict[str, Read]):
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    dead = []
    for path, page in pages.items():
        if path.endswith("404.html"):
            continue  # shown at any depth: its links are absolute
        for link in page.links:
            target = urlsplit(link)
            if target.scheme in {"http", "https", "data", "mailto"}:
                continue
            name = normpath(join(dirname(path), unquote(target.path))) if target.path else path
            file = name if name in files else normpath(f"{name}/index.html")
            if file not in files or (target.fragment and target.fragment not in pages[file].places):
                dead.append((path, link))
    assert dead == []


def test_no_page_has_an_inline_script_style_or_handler(pages: dict[str, Read]):
    assert {path: page.inline for path, page in pages.items() if page.inline} == {}


def test_a_first_view_stays_small(site: Path):
    import gzip

    def compressed(*names: str) -> int:
        return sum(len(gzip.compress((site / name).read_bytes())) for name in names)

    styles = [str(p.relative_to(site)) for p in (site / "assets").rglob("*.css")]
    own = [f"assets/fenmark/{name}.js" for name in ("board", "currency", "format", "theme")]
    # Issue 7: 150 kB in all, 15 kB of our own code.
    assert compressed("leaderboard/index.html", *styles, *own) < 150_000
    assert compressed(*own) < 15_000
