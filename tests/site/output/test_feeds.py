"""What machines read: feeds, the map of the site, and the guide for programs."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from leaderboard.output.feeds import Item, atom, json_feed, sitemap
from leaderboard.words import Words
from results.catalog.claims_data import claims

if TYPE_CHECKING:
    from pathlib import Path

ATOM = {"a": "http://www.w3.org/2005/Atom"}
MAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}


@pytest.mark.parametrize("prefix", ["", "zh/"])
def test_the_feeds_tell_results_sheets_and_claims_newest_first(site: Path, prefix: str):
    feed = ET.fromstring((site / f"{prefix}feed.xml").read_text(encoding="utf-8"))
    entries = feed.findall("a:entry", ATOM)
    dates = [datetime.fromisoformat(e.findtext("a:updated", "", ATOM)) for e in entries]
    assert dates == sorted(dates, reverse=True)
    kinds = {entry.find("a:category", ATOM).get("term") for entry in entries}
    assert kinds >= {"result", "claim", "prices"}
    ids = [entry.findtext("a:id", "", ATOM) for entry in entries]
    assert len(set(ids)) == len(ids)
    told = json.loads((site / f"{prefix}feed.json").read_text(encoding="utf-8"))
    assert [item["id"] for item in told["items"]] == ids
    assert told["feed_url"] == f"https://example.org/fenmark/{prefix}feed.json"


@pytest.mark.parametrize("prefix", ["", "zh/"])
def test_every_address_in_a_feed_is_a_page(site: Path, prefix: str):
    told = json.loads((site / f"{prefix}feed.json").read_text(encoding="utf-8"))
    root = f"https://example.org/fenmark/{prefix}"
    for item in told["items"]:
        page = item["url"].removeprefix(root).partition("?")[0]
        assert (site / prefix / page / "index.html").is_file(), item


def test_the_map_names_every_page_in_both_languages(site: Path):
    document = ET.fromstring((site / "sitemap.xml").read_text(encoding="utf-8"))
    places = {url.findtext("s:loc", "", MAP) for url in document.findall("s:url", MAP)}
    root = "https://example.org/fenmark/"
    for claim in claims():
        assert f"{root}claims/{claim}/" in places
        assert f"{root}zh/claims/{claim}/" in places
    others = document.find("s:url", MAP).findall("x:link", MAP)
    assert [link.get("hreflang") for link in others] == ["en", "zh"]
    assert "sitemap.xml" in (site / "robots.txt").read_text(encoding="utf-8")


def test_a_page_names_its_other_language_and_the_feeds(site: Path):
    page = (site / "fen" / "index.html").read_text(encoding="utf-8")
    assert 'hreflang="zh" href="https://example.org/fenmark/zh/fen/"' in page
    assert re.search(r'type="application/atom\+xml"[^>]*href="\.\./feed\.xml"', page)
    chinese = (site / "zh" / "fen" / "index.html").read_text(encoding="utf-8")
    assert 'hreflang="en" href="https://example.org/fenmark/fen/"' in chinese


def test_the_guide_for_programs_links_to_what_is_there(site: Path):
    guide = (site / "llms.txt").read_text(encoding="utf-8")
    links = re.findall(r"\]\(https://example\.org/fenmark/([^)]+)\)", guide)
    assert len(links) > 10
    for link in links:
        place = site / link
        assert (place / "index.html" if link.endswith("/") else place).is_file(), link


def test_the_data_page_describes_the_data_set(site: Path):
    page = (site / "data" / "index.html").read_text(encoding="utf-8")
    told = json.loads(re.search(r'ld\+json">(.*?)</script>', page, re.DOTALL)[1])
    assert told["@type"] == "Dataset"
    assert told["distribution"][0]["contentUrl"].startswith("https://example.org/fenmark/data/")


def test_a_strangers_words_stay_words():
    item = Item(
        id="urn:x", url="a/", title="</title><script>", text="]]>", date="2026-01-01T00:00:00Z",
        kind="result",
    )  # fmt: skip
    words = Words.load("en")
    feed = ET.fromstring(atom(words, [item], ""))
    assert feed.findtext("a:entry/a:title", "", ATOM) == "</title><script>"
    assert json.loads(json_feed(words, [item], ""))["items"][0]["content_text"] == "]]>"


def test_a_map_of_nothing_is_a_map():
    assert ET.fromstring(sitemap([], "https://example.org/")).findall("s:url", MAP) == []
