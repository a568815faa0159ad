"""How heavy the pages of a built site are."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

__all__ = ["PHONE_PAGES", "compressed", "heaviest", "home_kb"]

# Pages that a reader meets first -> what is there once the page is alive.
PHONE_PAGES = {
    "": "fenmark-best[ready]",
    "leaderboard/": "fenmark-board[ready]",
    "models/deepseek-v3/": "fenmark-front[ready]",
    "chips/h200-sxm/": "#correct",
    "choose/": "fenmark-choose[ready]",
    "fen/": "fenmark-claim[ready]",
    "gallery/": "img",
}
_ELEMENT = re.compile(rb"<[a-zA-Z]")  # in a text it is written &lt;


def heaviest(site: Path) -> tuple[tuple[int, str], tuple[float, str]]:
    """Return the most nodes and the most kB of a page, each with the page's path."""
    most_nodes, most_kb = (0, ""), (0.0, "")
    for path in site.rglob("*.html"):
        page, name = path.read_bytes(), str(path.relative_to(site))
        most_nodes = max(most_nodes, (len(_ELEMENT.findall(page)), name))
        most_kb = max(most_kb, (len(page) / 1e3, name))
    return most_nodes, most_kb


def home_kb(browser: Browser, base: str, site: Path) -> float:
    """Return the kB of everything that the home page asks for, each file compressed by gzip."""
    asked: set[str] = set()
    page = browser.new_page()
    page.on("request", lambda request: asked.add(unquote(urlsplit(request.url).path).lstrip("/")))
    page.goto(base, wait_until="networkidle")
    page.close()
    named = (
        site / path / "index.html" if path.endswith("/") or not path else site / path
        for path in asked
    )
    return compressed(*(path for path in named if path.is_file()))


def compressed(*paths: Path) -> float:
    """Return the kB of files, each compressed by gzip."""
    return sum(len(gzip.compress(path.read_bytes())) for path in paths) / 1e3
