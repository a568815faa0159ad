"""Every reader and every link: axe on each page kind, and no link that leads nowhere."""

from __future__ import annotations

from html.parser import HTMLParser
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tests.site.conftest import look

if TYPE_CHECKING:
    from pathlib import Path

KINDS = (
    "",
    "leaderboard/",
    "curves/",
    "chips/",
    "chips/h100-sxm/",
    "models/",
    "models/qwen2.5-0.5b/",
    "compare/",
    "cost/",
    "history/",
    "reported/",
    "reported/mlperf-h200-sxm/",
    "reported/inferencex-h200-sxm/",
    "verify/",
    "runners/",
    "data/",
    "docs/",
    "methodology/",
)


@pytest.fixture(scope="module")
def base(site, serve):
    return serve(site)


@pytest.mark.browser
# Words differ by language and colours by theme; neither by both.
@pytest.mark.parametrize(("lang", "theme"), [("", "light"), ("zh/", "dark")])
def test_axe_finds_nothing_on_any_page_kind(tab, base, lang, theme):
    axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    tab.emulate_media(color_scheme=theme)
    tab.set_viewport_size({"width": 1000, "height": 800})
    found = []
    for kind in KINDS:
        look(tab, urljoin(base, lang + kind))
        tab.evaluate(axe)
        report = tab.evaluate("axe.run({resultTypes: ['violations']})")
        found += [
            (lang + kind, one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["any"][:1])
            for one in report["violations"]
        ]
    assert found == []


class Links(HTMLParser):
    """Every address a page asks for or leads to, and every place in it that can be led to."""

    def __init__(self):
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in {"href", "src"} and value is not None and tag != "base":
                self.links.append(value)
            if name == "id" and value:
                self.places.add(value)


def test_every_link_of_every_page_leads_somewhere(site: Path):
    pages = {}
    for path in site.rglob("*.html"):
        parsed = Links()
        parsed.feed(path.read_text(encoding="utf-8"))
        pages[path] = parsed
    dead = []
    for path, parsed in pages.items():
        if path.name == "404.html":
            continue  # shown at any depth: its links are absolute
        for link in parsed.links:
            target = urlsplit(link)
            if target.scheme in {"http", "https", "data", "mailto"}:
                continue
            file = (path.parent / unquote(target.path)).resolve() if target.path else path
            file = file / "index.html" if file.is_dir() else file
            if not file.is_file() or (
                target.fragment and target.fragment not in pages[file].places
            ):
                dead.append((str(path.relative_to(site)), link))
    assert dead == []


def test_no_page_has_an_inline_script_style_or_handler(site: Path):
    class Inline(HTMLParser):
        found: list[str]

        def handle_starttag(self, tag, attrs):
            names = dict(attrs)
            is_data = names.get("type") == "application/ld+json"  # never run
            if tag == "style" or (tag == "script" and "src" not in names and not is_data):
                self.found.append(tag)
            self.found += [name for name in names if name == "style" or name.startswith("on")]

    for path in site.rglob("*.html"):
        parser = Inline()
        parser.found = []
        parser.feed(path.read_text(encoding="utf-8"))
        assert parser.found == [], path
        assert "Content-Security-Policy" in path.read_text(encoding="utf-8")


def test_a_first_view_stays_small(site: Path):
    import gzip

    def compressed(*names: str) -> int:
        return sum(len(gzip.compress((site / name).read_bytes())) for name in names)

    styles = [str(p.relative_to(site)) for p in (site / "assets").rglob("*.css")]
    own = [f"assets/fenmark/{name}.js" for name in ("board", "currency", "format", "theme")]
    # Issue 7: 150 kB in all, 15 kB of our own code.
    assert compressed("leaderboard/index.html", *styles, *own) < 150_000
    assert compressed(*own) < 15_000
